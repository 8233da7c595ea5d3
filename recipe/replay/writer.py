# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Write the records of a run beside its training: one ``<step>.jsonl`` a step.

A run must neither wait for its records nor end by them. They are built and written in a thread, one step at a time, and
what goes wrong there is said once.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from recipe.care.text.token_bytes import TokenBytes
from recipe.replay.records import StepRows, build_records

logger = logging.getLogger(__name__)


class RecordWriter:
    """The records of one run."""

    def __init__(self, folder: Path) -> None:
        """Nothing is made before the first step."""
        self._folder = folder
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="care-records")
        self._writing: Future[None] | None = None
        self._step, self._rows, self._warned = -1, 0, False

    def add(self, step: StepRows, kept: Sequence[int], table: TokenBytes) -> None:
        """Have rows of a step written, which waits for those that were added before.

        Args:
            step: All rows, whose tensors nobody changes any more. A trainer that updates several times in a step adds
                each part.
            kept: The rows to write.
            table: The policy's tokens.
        """
        self._wait()
        first = self._rows if step.step == self._step else 0
        self._step, self._rows = step.step, first + len(step.uids)
        self._writing = self._thread.submit(self._write, step, kept, table, first)

    def close(self) -> None:
        """Wait until everything is on the disk."""
        self._wait()
        self._thread.shutdown()

    def _wait(self) -> None:
        if self._writing is not None:
            self._writing.result()
            self._writing = None

    def _write(self, step: StepRows, kept: Sequence[int], table: TokenBytes, first: int) -> None:
        path = self._folder / f"{step.step}.jsonl"
        # Whoever looks on sees a step when it is complete. An interrupted run writes it again when it has resumed.
        target = path if first else path.with_suffix(".part")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with target.open("a" if first else "w") as file:
                file.writelines(f"{record.line()}\n" for record in build_records(step, kept, table, first))
            target.replace(path)
        except Exception as error:
            # Records are an extra: whatever goes wrong with them, the run goes on.
            self._warn(path, error)

    def _warn(self, path: Path, error: Exception) -> None:
        if self._warned:
            return
        self._warned = True
        logger.warning(
            "%s: the records of this step could not be written (%r). Training goes on, and so do attempts to write "
            "later steps; of their failures nothing is said (algorithm.care.records.folder).",
            path,
            error,
            exc_info=not isinstance(error, OSError),
        )
