# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Which repaired failure represents its group, and what the step's repairs came to."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from recipe.care.config import RgrConfig
from recipe.care.errors import CareDataError
from recipe.care.method.advantage import CareResult, Role


class Outcome(str, Enum):
    """What became of one failure that the rollout workers picked for repair."""

    PASSED = "passed"
    """The repair is verified correct."""
    FAILED = "failed"
    """The repair is wrong too."""
    DISCARDED = "discarded"
    """The repair has no verdict: the verifier failed on it, or nothing was generated."""
    OVER_BUDGET = "over_budget"
    """There was no room for a repair, so none was asked for."""
    FAILED_REQUEST = "failed_request"
    """Asking for or scoring the repair raised, or took too long."""

    @property
    def usable(self) -> bool:
        """Whether there is a verified row that could take the failure's place."""
        return self in (Outcome.PASSED, Outcome.FAILED)


@dataclass(frozen=True)
class RepairReport:
    """One candidate's story.

    Attributes:
        outcome: How it ended.
        rank: Its place in the cheap order that picked the candidates; 0 is the likest to the anchor, or in a group
            without one the likeliest.
        tokens: Tokens decoded for it.
        seconds: From the request to the verdict.
        rollouts_done: When the last rollout of its group had been scored, in seconds since the epoch.
        repair_done: When it had been scored itself.
    """

    outcome: Outcome
    rank: int
    tokens: int
    seconds: float
    rollouts_done: float
    repair_done: float

    def __post_init__(self) -> None:
        if self.rank < 0 or self.tokens < 0 or not math.isfinite(self.seconds):
            raise CareDataError(f"a repair report cannot have rank {self.rank}, {self.tokens} tokens, {self.seconds} s")


@dataclass(frozen=True)
class Representatives:
    """The failures whose repairs are used.

    Attributes:
        rows: One row per group that has a usable repair of a selected hard negative; with ``fill_to`` several.
        groups: Groups with a hard negative at all.
        covered: Groups in which the very nearest hard negative had a usable repair.
        agreed: Groups in which that nearest one was also the first by the cheap order.
    """

    rows: list[int]
    groups: int
    covered: int
    agreed: int


def choose_representatives(
    result: CareResult,
    acc: Sequence[float],
    group: Sequence[Hashable],
    reports: Sequence[RepairReport | None],
    config: RgrConfig,
) -> Representatives:
    """Choose the nearest selected hard negative of each group that has a usable repair.

    With ``fill_to`` several are chosen, and where the hard negatives do not suffice, failures that were not selected: a
    repair takes part in any case (``select_anchored``). A group in which every rollout failed has no hard negatives;
    there, a repair that passed is chosen, if any did.

    Args:
        result: The selection made on the original rows. Without distances, the cheap order says what is near.
        acc: B verdicts of the original rows.
        group: B hashable ids; rows of a prompt share one.
        reports: B, what the rollout workers reported of each row; None where no repair was tried.
        config: ``algorithm.care.rgr``.

    Returns:
        The representatives: of mixed groups in the order these appear, then of failed ones.
    """
    selected = np.flatnonzero(result.role == Role.HARD_NEGATIVE).tolist()
    if result.distance is None:
        ranks = (reports[row] for row in selected)
        distances = [math.inf if report is None else float(report.rank) for report in ranks]
    else:
        distances = result.distance[selected].tolist()
    members_of: dict[Hashable, list[tuple[float, int]]] = {}
    for distance, row in zip(distances, selected, strict=True):
        members_of.setdefault(group[row], []).append((distance, row))
    most = _most_replacements(result, acc, group, config)
    others = {} if config.fill_to is None else _usable_unselected(result, group, reports)
    rows, covered, agreed = [], 0, 0
    for one, members in members_of.items():
        nearest_first = [(row, reports[row]) for _, row in sorted(members)]
        usable = [row for row, report in nearest_first if report is not None and report.outcome.usable]
        nearest, report = nearest_first[0]
        rows += [*usable, *others.get(one, [])][: most[one]]
        covered += usable[:1] == [nearest]
        agreed += report is not None and report.rank == 0
    rows += _passed_in_failed_groups(result, group, reports, most)
    return Representatives(rows, len(members_of), covered, agreed)


def _most_replacements(
    result: CareResult, acc: Sequence[float], group: Sequence[Hashable], config: RgrConfig
) -> dict[Hashable, int]:
    """How many failures of each group may be replaced; where there is a subgroup, no more than it has negatives."""
    valid = np.flatnonzero(result.role != Role.INVALID).tolist()
    size = Counter(group[row] for row in valid)
    correct = Counter(group[row] for row in valid if acc[row] > 0.5)
    seats = {group[row]: int(result.k_prime[row]) for row in np.flatnonzero(result.role == Role.ANCHOR).tolist()}
    return {one: min(config.replacements(correct[one], size[one]), seats.get(one, size[one])) for one in size}


def _usable_unselected(
    result: CareResult, group: Sequence[Hashable], reports: Sequence[RepairReport | None]
) -> dict[Hashable, list[int]]:
    """Failures with a usable repair that no subgroup took."""
    unused = np.flatnonzero(result.role == Role.UNUSED).tolist()
    return _as_picked((row for row in unused if (one := reports[row]) and one.outcome.usable), group, reports)


def _passed_in_failed_groups(
    result: CareResult,
    group: Sequence[Hashable],
    reports: Sequence[RepairReport | None],
    most: Mapping[Hashable, int],
) -> list[int]:
    """The first repairs that passed of each group without an anchor."""
    anchored = {group[row] for row in np.flatnonzero(result.role == Role.ANCHOR).tolist()}
    passed = (row for row, one in enumerate(reports) if one and one.outcome is Outcome.PASSED)
    found = _as_picked((row for row in passed if group[row] not in anchored), group, reports)
    return [row for one, rows in found.items() for row in rows[: most[one]]]


def _as_picked(
    rows: Iterable[int], group: Sequence[Hashable], reports: Sequence[RepairReport | None]
) -> dict[Hashable, list[int]]:
    """The rows of each group in the order in which they were picked for repair."""
    found: dict[Hashable, list[tuple[int, int]]] = {}
    for row in rows:
        report = reports[row]
        assert report is not None
        found.setdefault(group[row], []).append((report.rank, row))
    return {one: [row for _, row in sorted(ranked)] for one, ranked in found.items()}


RGR_METRICS: dict[str, str] = {
    "care/rgr/triggered": "Repairs the policy was asked for during the rollout.",
    "care/rgr/passed": "Repairs that are verified correct.",
    "care/rgr/pass_rate": "Share of the repairs with a verdict that are correct, whether or not they are used.",
    "care/rgr/discarded": "Repairs without a verdict: the verifier failed on them, or nothing was generated.",
    "care/rgr/over_budget": "Failures that were not repaired because too few tokens were left for it.",
    "care/rgr/failed_requests": "Repairs whose request or scoring raised or timed out; their groups go on without.",
    "care/rgr/replaced": "Rows whose text a repair has replaced.",
    "care/rgr/coverage": "Share of mixed groups whose very nearest hard negative had a repair with a verdict.",
    "care/rgr/proxy_agreement": "Share of mixed groups whose nearest hard negative the cheap order put first.",
    "care/rgr/tokens": "Tokens decoded for repairs, used or not.",
    "care/rgr/seconds": "Mean seconds of a repair from request to verdict, overlapped with other prompts' decoding.",
    "care/rgr/wait_only_s": "Seconds from the last scored rollout of the batch to its last scored repair, or 0.",
    "care/rgr/mismatch": "Mean |old - sampled log-probability| over the trained tokens of replaced rows.",
}
"""The metrics of ``rgr_metrics``; a mean over nothing is 0."""


def rgr_metrics(
    reports: Sequence[RepairReport | None],
    chosen: Representatives,
    replaced: int,
    rollouts_done: float,
    mismatch: float,
) -> dict[str, float]:
    """Summarise the repairs of a step: the keys of ``RGR_METRICS``, every time.

    Args:
        reports: B, one per row or None.
        chosen: The representatives.
        replaced: Rows whose text was replaced.
        rollouts_done: When the last rollout of the batch had been scored.
        mismatch: Mean ``|old - sampled|`` log-probability of the replaced rows' trained tokens.
    """
    tried = [report for report in reports if report is not None]
    count = Counter(report.outcome for report in tried)
    asked = [report for report in tried if report.outcome is not Outcome.OVER_BUDGET]
    last_done = max((report.repair_done for report in asked), default=0.0)
    last_rollout = max([rollouts_done, *(report.rollouts_done for report in asked)])
    values = (
        len(asked),
        count[Outcome.PASSED],
        count[Outcome.PASSED] / max(1, count[Outcome.PASSED] + count[Outcome.FAILED]),
        count[Outcome.DISCARDED],
        count[Outcome.OVER_BUDGET],
        count[Outcome.FAILED_REQUEST],
        replaced,
        chosen.covered / max(1, chosen.groups),
        chosen.agreed / max(1, chosen.groups),
        sum(report.tokens for report in asked),
        sum(report.seconds for report in asked) / max(1, len(asked)),
        max(0.0, last_done - last_rollout),
        mismatch,
    )
    return {name: float(value) for name, value in zip(RGR_METRICS, values, strict=True)}
