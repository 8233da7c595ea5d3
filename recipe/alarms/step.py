# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""One step as the watchers see it, and what they read off it.

A signal is a number under one meaning, wherever it comes from: CARE's own metric where there is one, else verl's, else
what the groups show. It is None where nobody knows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from recipe.alarms.groups import GroupFacts

LEFT_OUT = "care/left_out/"


@dataclass(frozen=True)
class Step:
    """One training step."""

    number: int
    metrics: Mapping[str, float]
    """As the trainer logs them. NaN is what was not finite; a file has null there."""
    groups: GroupFacts | None = None
    """What its rollouts show, group by group, where somebody looked at them."""
    longest_response: int | None = None
    """``data.max_response_length``, where it is known."""

    def get(self, name: str) -> float | None:
        """A metric, or None where it was not logged or is not finite."""
        value = self.metrics.get(name)
        return value if value is not None and math.isfinite(value) else None

    def first(self, *names: str) -> float | None:
        """The first of these metrics that is there."""
        return next((value for value in map(self.get, names) if value is not None), None)

    @property
    def accuracy(self) -> float | None:
        """Share of rollouts that are verified correct, as sampled."""
        logged = self.first("care/acc_sampled", "care/acc")
        return self.groups.accuracy if logged is None and self.groups else logged

    @property
    def score(self) -> float | None:
        """Mean reward."""
        return self.get("critic/score/mean")

    @property
    def success(self) -> float | None:
        """Accuracy, or the mean reward where no verdicts are known."""
        return self.score if self.accuracy is None else self.accuracy

    @property
    def length(self) -> float | None:
        """Mean tokens of a response."""
        return self.get("response_length/mean")

    @property
    def all_right(self) -> float | None:
        """Share of groups without a failure."""
        logged = self.get("care/groups_all_correct")
        return self.groups.all_right if logged is None and self.groups else logged

    @property
    def all_wrong(self) -> float | None:
        """Share of groups without a correct rollout."""
        logged = self.get("care/groups_all_wrong")
        return self.groups.all_wrong if logged is None and self.groups else logged

    @property
    def equal_reward(self) -> float | None:
        """Share of groups whose rewards are all equal."""
        logged = self.get("care/groups_equal_reward")
        return self.groups.equal_reward if logged is None and self.groups else logged

    @property
    def unverified(self) -> float | None:
        """Share of rollouts whose verification failed."""
        failed, invalid = self.get(f"{LEFT_OUT}unverified"), self.get("care/rows_invalid")
        if failed is not None and invalid is not None:
            # CARE counts them; the share of all rows is that of the invalid ones, divided among the reasons.
            reasons = [value for name, value in self.metrics.items() if name.startswith(LEFT_OUT)]
            return invalid * failed / sum(reasons) if sum(reasons) else 0.0
        return self.groups.unverified if self.groups else None

    @property
    def cut_off(self) -> float | None:
        """Share of responses that are as long as the limit allows.

        verl's ``clip_ratio`` counts those as long as the longest of the batch, which need not have reached the limit.
        """
        longest, share = self.get("response_length/max"), self.get("response_length/clip_ratio")
        if longest is None or share is None or self.longest_response is None:
            return None
        return share if longest >= self.longest_response else 0.0

    @property
    def repairs(self) -> float | None:
        """Repairs that have a verdict."""
        asked, discarded = self.get("care/rgr/triggered"), self.get("care/rgr/discarded")
        return None if asked is None or discarded is None else asked - discarded


@dataclass(frozen=True)
class Window:
    """The last steps of a run, the oldest first; a watcher looks at these."""

    steps: tuple[Step, ...] = field(default=())

    def last(self, count: int) -> tuple[Step, ...]:
        """The last ``count`` steps; none where there are fewer."""
        return self.steps[-count:] if len(self.steps) >= count else ()
