# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Verdicts already reached: the rollouts of a group repeat answers, and siblings must get the same verdict."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future

from recipe.care.verifier.problem import Problem, Verdict

CAPACITY = 8192
Key = tuple[Problem, str]
OF_THE_MOMENT = frozenset(("parser_busy", "parser_crash"))
"""Rules whose verdict says something about the machine and nothing about the answer."""


class VerdictCache:
    """A least-recently-used cache in which a verdict is computed once, however many threads ask for it at a time.

    A verification that took too long stays in it: asking again would take the full time limit for every sibling. One
    that failed for reasons of the moment is shared by the siblings that wait for it, and forgotten.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self.clear()

    def clear(self) -> None:
        """Forget everything; also what a forked child must do, whose parent's threads do not exist in it."""
        self._lock = threading.Lock()
        self._verdicts: OrderedDict[Key, Future[Verdict]] = OrderedDict()

    def get(self, key: Key, compute: Callable[[], Verdict]) -> Verdict:
        """Return the verdict for ``key``, computing it unless it is known or on its way.

        Args:
            key: The problem and the cleaned answer.
            compute: Reaches the verdict; runs in the calling thread, without the lock.

        Returns:
            The verdict. What ``compute`` raises reaches every caller that waits, and is not kept.
        """
        with self._lock:
            known = self._verdicts.get(key)
            if known is None:
                mine: Future[Verdict] = Future()
                self._verdicts[key] = mine
                if len(self._verdicts) > self._capacity:
                    self._verdicts.popitem(last=False)
            else:
                self._verdicts.move_to_end(key)
        if known is not None:
            return known.result()
        try:
            verdict = compute()
        except BaseException as error:
            self._forget(key)
            mine.set_exception(error)
            raise
        if verdict.rule in OF_THE_MOMENT:
            self._forget(key)
        mine.set_result(verdict)
        return verdict

    def _forget(self, key: Key) -> None:
        with self._lock:
            self._verdicts.pop(key, None)


VERDICTS = VerdictCache(CAPACITY)
os.register_at_fork(after_in_child=VERDICTS.clear)
