# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Folders that are either finished or absent, and that know which settings they were made with."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

RECORD = "made_with.json"


def is_finished(folder: Path, settings: DataclassInstance, sources: Sequence[Path] = ()) -> bool:
    """Whether ``folder`` was completed with these settings from these source folders as they are now."""
    return (folder / RECORD).is_file() and _recorded_hash(folder) == _hash(settings, sources)


@contextmanager
def making(folder: Path, settings: DataclassInstance, sources: Sequence[Path] = ()) -> Iterator[Path]:
    """Fill a folder beside the final one, and rename it into place once the block has ended without an error.

    Args:
        folder: Where the result will be. What an earlier call made there is replaced.
        settings: What the result depends on, recorded with it.
        sources: Finished folders that it depends on too.

    Yields:
        The empty folder to write to.

    Raises:
        FileExistsError: ``folder`` holds something that did not come from here.
    """
    if folder.exists() and not (folder / RECORD).is_file():
        raise FileExistsError(f"{folder} was not made by this recipe; move it away or choose another --out.")
    draft, old = (folder.with_name(f".{folder.name}.{suffix}") for suffix in ("unfinished", "old"))
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    yield draft
    record = {"hash": _hash(settings, sources), "settings": dataclasses.asdict(settings)}
    (draft / RECORD).write_text(json.dumps(record, indent=2) + "\n")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    draft.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _hash(settings: DataclassInstance, sources: Sequence[Path]) -> str:
    parts = [dataclasses.asdict(settings), [_recorded_hash(source) for source in sources]]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _recorded_hash(folder: Path) -> str:
    return json.loads((folder / RECORD).read_text())["hash"]
