# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""How far a command is: a bar on a terminal, elsewhere a line now and then, as in the log of a batch job."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType

from tqdm import tqdm

EVERY_S = 30.0


class Progress:
    """Counts what is done out of a known total."""

    def __init__(
        self, total: int, unit: str, what: str = "", done: int = 0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin to count.

        Args:
            total: How much there is to do.
            unit: What is counted: ``rows``, ``bytes``.
            what: Name of the work.
            done: What an earlier run has done.
            clock: Seconds.
        """
        self._total, self._unit, self._what, self._clock = total, unit, what, clock
        self._done = self._began_at = done
        self._began = self._last = clock()
        self._bar = tqdm(total=total, initial=done, desc=what or None, unit=f" {unit}", smoothing=0.05, disable=None)

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def to(self, done: int) -> None:
        """Say how much is done by now."""
        self._bar.update(done - self._done)
        self._done = done
        now = self._clock()
        if self._bar.disable and now - self._last >= EVERY_S:
            self._last = now
            print(self._line(now), file=sys.stderr, flush=True)

    def add(self, count: int = 1) -> None:
        """Say that more is done."""
        self.to(self._done + count)

    def _line(self, now: float) -> str:
        rate = (self._done - self._began_at) / (now - self._began)
        left = f", {(self._total - self._done) / rate / 60:,.0f} min left" if rate else ""
        share = f" ({100 * self._done / self._total:.0f}%)" if self._total else ""
        name = f"{self._what}: " if self._what else ""
        return f"{name}{self._done:,} of {self._total:,} {self._unit}{share}{left}"
