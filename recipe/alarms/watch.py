# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Steps in, alarms out: each watcher's findings made into episodes, of which each is told once."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from recipe.alarms.step import Step, Window
from recipe.alarms.table import HISTORY, WATCHERS, Watcher

METRIC = "care/alarm/"
CALM = 5
"""Steps without a finding that end an episode; fewer are a pause in it."""


@dataclass(frozen=True)
class Alarm:
    """Something went wrong."""

    name: str
    since: int
    """The step in which it began."""
    raised: int
    """The step after which it was told."""
    means: str
    seen: str
    remedy: str

    def describe(self) -> str:
        """One line for a log."""
        return f"{self.name}, since step {self.since}: {self.means}. Seen: {self.seen}. To do: {self.remedy}."


class Watch:
    """All watchers over one run."""

    def __init__(self, watchers: Sequence[Watcher] = WATCHERS) -> None:
        self._watchers = watchers
        self._steps: deque[Step] = deque(maxlen=HISTORY)
        self._last_seen: dict[str, int] = {}
        """Of each episode that goes on, the last step with a finding."""
        self.alarms: list[Alarm] = []
        """All that were raised, in order."""

    def add(self, step: Step) -> list[Alarm]:
        """Take the next step; returns the alarms that it raises."""
        self._steps.append(step)
        window = Window(tuple(self._steps))
        found = {watcher.name: watcher.look(window) for watcher in self._watchers}
        seen = {name for name, finding in found.items() if finding is not None} | set(self._last_seen)
        raised = []
        for watcher in self._watchers:
            finding = found[watcher.name]
            if finding is not None:
                if watcher.name not in self._last_seen:
                    if seen.intersection(watcher.because_of):
                        continue
                    raised.append(
                        Alarm(watcher.name, finding.since, step.number, watcher.means, finding.seen, watcher.remedy)
                    )
                self._last_seen[watcher.name] = step.number
            elif step.number - self._last_seen.get(watcher.name, step.number) >= CALM:
                del self._last_seen[watcher.name]
        self.alarms += raised
        return raised

    @property
    def on(self) -> list[str]:
        """The alarms whose episode goes on."""
        return list(self._last_seen)

    def metrics(self) -> dict[str, float]:
        """1 for each alarm whose episode goes on, 0 for the others: the same keys after every step."""
        return {f"{METRIC}{watcher.name}": float(watcher.name in self._last_seen) for watcher in self._watchers}

    def summary(self) -> str:
        """For the end of a run."""
        if not self.alarms:
            return "no alarms"
        return "\n".join(f"step {one.raised}: {one.describe()}" for one in self.alarms)
