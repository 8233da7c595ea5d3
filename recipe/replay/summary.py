# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What is counted over the steps of a dump: of its groups, of each method, and of each pair of methods.

Sums only, so memory does not grow with a run but by a short entry a step.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from recipe.care.errors import CareDataError
from recipe.replay.dump import ReadCounts, Rollout
from recipe.replay.methods import NOTHING, Method
from recipe.replay.rows import LaidOut, Rows
from recipe.replay.verdicts import VerdictCounts

VERSION = 1


@dataclass
class GroupCounts:
    """What there is to learn from, whatever the method."""

    steps: int = 0
    groups: int = 0
    rows: int = 0
    right: int = 0
    wrong: int = 0
    unverified: int = 0
    tokens: int = 0
    mixed: int = 0
    all_right: int = 0
    all_wrong: int = 0
    """Also one whose other rows have no verdict."""
    without_verdict: int = 0
    """No row has one."""
    one_wrong: int = 0
    """Mixed groups with a single failure."""
    one_right: int = 0
    """Mixed groups with a single correct row."""
    sizes: Counter[int] = field(default_factory=Counter)
    """Groups by their number of rows."""
    distances: Counter[str] = field(default_factory=Counter)
    """Steps by what their distances are measured with (``recipe.replay.embeddings``)."""
    guessed_likeliest: int = 0
    """All-wrong groups in which the shortest response stands in for the likeliest."""

    def add(self, rows: Rows, origin: str) -> None:
        """Take in a step."""
        self.steps += 1
        self.distances[origin] += 1
        self.rows += len(rows.group_B)
        self.tokens += int(rows.tokens_B.sum())
        self.unverified += int((~rows.valid_B).sum())
        self.right += int((rows.valid_B & (rows.acc_B > 0.5)).sum())
        self.wrong += int((rows.valid_B & (rows.acc_B <= 0.5)).sum())
        for _, group in rows.groups():
            right = int((group.valid_B & (group.acc_B > 0.5)).sum())
            wrong = int(group.valid_B.sum()) - right
            self.groups += 1
            self.sizes[len(group.acc_B)] += 1
            self.mixed += bool(right and wrong)
            self.all_right += bool(right and not wrong)
            self.all_wrong += bool(wrong and not right)
            self.without_verdict += not right and not wrong
            self.one_wrong += bool(right and wrong == 1)
            self.one_right += bool(wrong and right == 1)
            self.guessed_likeliest += bool(wrong and not right and np.isnan(group.logp_sum_B).any())


@dataclass
class MethodCounts:
    """What one method makes of it."""

    silent_groups: int = 0
    """Groups without an advantage."""
    pushed_up: int = 0
    pushed_down: int = 0
    wrong_pushed_up: int = 0
    right_pushed_down: int = 0
    mass: float = 0.0
    """Sum over tokens of the absolute coefficient of the log-probability's gradient."""
    mass_of_failures: float = 0.0
    mass_of_rationales: float = 0.0
    before_update: int = 0
    """Rows whose old log-probability is needed."""
    kept: int = 0
    """Rows of groups that are not dropped to make place for others."""
    repairs: int = 0
    """Repairs asked for."""

    def add(self, method: Method, rows: Rows, advantages_B: np.ndarray) -> None:
        """Take in a step."""
        taught_B = np.abs(advantages_B) > NOTHING
        mass_B = np.where(taught_B, method.credit.mass_B(rows, advantages_B), 0.0)
        right_B = rows.valid_B & (rows.acc_B > 0.5)
        wrong_B = rows.valid_B & ~right_B
        self.pushed_up += int((taught_B & (advantages_B > 0)).sum())
        self.pushed_down += int((taught_B & (advantages_B < 0)).sum())
        self.wrong_pushed_up += int((taught_B & wrong_B & (advantages_B > 0)).sum())
        self.right_pushed_down += int((taught_B & right_B & (advantages_B < 0)).sum())
        self.mass += float(mass_B.sum())
        self.mass_of_failures += float(mass_B[wrong_B].sum())
        self.mass_of_rationales += float((mass_B * method.credit.rationale_share_B(rows)).sum())
        self.before_update += int(method.before_update_B(rows, taught_B).sum())
        for part, group in rows.groups():
            silent = not taught_B[part].any()
            self.silent_groups += silent
            self.repairs += method.repairs(group)
            self.kept += 0 if silent and method.resamples else len(group.acc_B)

    @property
    def taught(self) -> int:
        """Rows with an advantage."""
        return self.pushed_up + self.pushed_down


@dataclass
class PairCounts:
    """Where two methods want different things."""

    opposite: int = 0
    """Rows that one pushes up and the other down."""
    only_one: int = 0
    """Rows that one pushes and the other leaves alone."""
    same: int = 0
    """Rows that both push the same way."""

    def add(self, first_B: np.ndarray, second_B: np.ndarray) -> None:
        """Take in a step, by the signs of the advantages."""
        product_B = first_B * second_B
        self.opposite += int((product_B < 0).sum())
        self.same += int((product_B > 0).sum())
        self.only_one += int(((first_B != 0) != (second_B != 0)).sum())


@dataclass
class RepairCounts:
    """The repairs that a run has recorded, by the group they were tried in."""

    tried: Counter[str] = field(default_factory=Counter)
    passed: Counter[str] = field(default_factory=Counter)

    def add(self, rollouts: Sequence[Rollout], rows: Rows) -> None:
        """Take in a step; ``rollouts`` are in the order of the rows."""
        for part, group in rows.groups():
            kind = "mixed" if (group.valid_B & (group.acc_B > 0.5)).any() else "all wrong"
            for rollout in rollouts[part]:
                repair = rollout.record.repair if rollout.record is not None else None
                if repair is not None and repair.acc is not None:
                    self.tried[kind] += 1
                    self.passed[kind] += repair.acc > 0.5


@dataclass
class Summary:
    """Everything that is counted."""

    methods: Mapping[str, Method]
    read: ReadCounts
    verdicts: VerdictCounts
    groups: GroupCounts = field(default_factory=GroupCounts)
    repairs: RepairCounts = field(default_factory=RepairCounts)
    of_method: dict[str, MethodCounts] = field(default_factory=dict)
    of_pair: dict[tuple[str, str], PairCounts] = field(default_factory=dict)
    by_step: list[dict[str, object]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.of_method = {name: MethodCounts() for name in self.methods}
        self.of_pair = {pair: PairCounts() for pair in combinations(self.methods, 2)}

    def add(self, laid_out: LaidOut) -> None:
        """Take in a step."""
        rollouts, rows, origin = laid_out
        self.groups.add(rows, origin)
        self.repairs.add(rollouts, rows)
        signs, step = {}, {}
        for name, method in self.methods.items():
            advantages_B = method.estimator(rows)
            signs[name] = np.sign(np.where(np.abs(advantages_B) > NOTHING, advantages_B, 0.0))
            own = MethodCounts()
            own.add(method, rows, advantages_B)
            _add_up(self.of_method[name], own)
            step[name] = _shares(own, len(rows.group_B), int(rows.group_B[-1]) + 1)
        for (first, second), pair in self.of_pair.items():
            pair.add(signs[first], signs[second])
        accuracy = float(rows.acc_B[rows.valid_B].mean()) if rows.valid_B.any() else None
        self.by_step.append({"step": rollouts[0].step, "rows": len(rollouts), "accuracy": accuracy, "methods": step})

    def as_json(self) -> dict[str, object]:
        """The whole as plain values; ``docs/replay.md`` says what they mean."""
        if not self.groups.rows:
            raise CareDataError("there is no rollout to look at")
        counts = self.groups
        return {
            "care_replay": VERSION,
            "read": vars(self.read),
            "groups": {**vars(counts), "sizes": dict(sorted(counts.sizes.items()))},
            "verdicts": {**vars(self.verdicts), "disputes": [vars(dispute) for dispute in self.verdicts.disputes]},
            "repairs": vars(self.repairs),
            "methods": {
                name: {**vars(own), "taught": own.taught, **_shares(own, counts.rows, counts.groups)}
                for name, own in self.of_method.items()
            },
            "pairs": [{"methods": list(pair), **vars(own)} for pair, own in self.of_pair.items()],
            "steps": self.by_step,
        }


def _add_up(total: MethodCounts, more: MethodCounts) -> None:
    for name, value in vars(more).items():
        setattr(total, name, getattr(total, name) + value)


def _shares(own: MethodCounts, rows: int, groups: int) -> dict[str, float | None]:
    """What is shown of a method. A share of nothing is 0; where all is dropped, no telling how much it takes."""
    mass = own.mass or 1.0
    return {
        "silent_groups_share": own.silent_groups / groups,
        "taught_share": own.taught / rows,
        "failures_share": own.mass_of_failures / mass,
        "rationales_share": own.mass_of_rationales / mass,
        "before_update_share": own.before_update / rows,
        "decoded_per_row": rows / own.kept if own.kept else None,
        "repairs_per_row": own.repairs / rows,
    }
