# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Metrics of one step's selection and advantages, under ``care/``.

The same keys come back every time, and a mean over nothing is 0, so loggers see no gaps and no NaN. Lengths and
verdicts of repaired rows are the repairs', which is what is trained on; distances are those selection saw.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from recipe.care.config import CareConfig
from recipe.care.method.advantage import CareResult, Role
from recipe.care.method.distance import cosine_distances
from recipe.care.method.groups import Groups, Matrix, Vector, as_matrix, as_vector, group_index, place_rows
from recipe.care.text.regions import Regions

METRICS: dict[str, str] = {
    "care/acc": "Share of valid rows that are verified correct, as trained: a repaired row counts as its repair.",
    "care/groups_mixed": "Share of live groups (groups with a valid row) contrasted around a verified anchor.",
    "care/groups_all_correct": "Share of live groups without a failure; they get no advantage.",
    "care/groups_all_wrong": "Share of live groups without a correct row. Near 1, rescue is all that trains.",
    "care/groups_invalid": "Share of all groups in which no row has a verdict.",
    "care/groups_zero_signal": "Share of live groups in which every advantage is 0.",
    "care/groups_equal_reward": "Share of live groups whose rewards are all equal: where GRPO has no signal.",
    "care/rescue_rate": "Share of all-wrong groups that were rescued.",
    "care/k_prime/mean": "Mean number of negatives in a subgroup, rescued ones included. Low: too few to contrast.",
    "care/k_prime/<n>": "Share of subgroups with exactly n negatives, n = 1..K.",
    "care/anchor_len": "Mean rationale tokens of the anchors.",
    "care/positive_len": "Mean rationale tokens of all correct rows. Rising with anchor_len: rationales inflate.",
    "care/distance/selected_min": "Smallest cosine distance between an anchor and its hard negatives.",
    "care/distance/selected_mean": "Mean cosine distance between anchors and their hard negatives.",
    "care/distance/selected_max": "Largest cosine distance between an anchor and its hard negatives.",
    "care/distance/unselected_mean": "Mean cosine distance between anchors and the failures left out.",
    "care/rows_invalid": "Share of rows that are padding or have no verdict.",
    "care/rows_unused_positive": "Share of rows that are correct but not in a subgroup.",
    "care/rows_unused_negative": "Share of rows that failed and are not in a subgroup.",
    "care/advantage/anchor_mean": "Mean advantage of verified anchors.",
    "care/advantage/negative_mean": "Mean advantage of wrong rows in anchored subgroups (failed repairs included).",
    "care/failure_mass": "Share of the sum of |advantage| that falls on wrong rows.",
    "care/failure_mass_hard_negative": "Share of the sum of |advantage| that falls on hard negatives.",
    "care/failure_mass_rescue": "Share of the sum of |advantage| that falls on rescued groups.",
}
"""Every metric and its meaning; ``<n>`` stands for a number."""


def group_metrics(
    result: CareResult,
    acc: Vector,
    rewards: Vector,
    group: Sequence[Hashable] | torch.Tensor | np.ndarray,
    valid: Vector,
    think_len: Vector,
    embeddings: Matrix | None,
    config: CareConfig,
) -> dict[str, float]:
    """Summarise a step.

    Args:
        result: What ``care_advantages`` returned for the same rows.
        acc: (B,) verdicts.
        rewards: (B,) verifier rewards.
        group: B hashable ids.
        valid: (B,) False for padding and rows without a verdict.
        think_len: (B,) rationale tokens.
        embeddings: (B, H) what selection saw, or None; then distances are reported as 0.
        config: ``k`` sets how many ``care/k_prime/<n>`` there are.

    Returns:
        A value for every key of ``METRICS``.
    """
    group_B = group_index(group)
    count = group_B.numel()
    valid_B = as_vector("valid", valid, count, torch.bool)
    step = _Step(
        result=result,
        groups=place_rows(group_B, valid_B),
        valid_B=valid_B,
        correct_B=valid_B & (as_vector("acc", acc, count, torch.float64) > 0.5),
        reward_B=as_vector("rewards", rewards, count, torch.float64),
        think_len_B=as_vector("think_len", think_len, count, torch.float64),
        embeddings_BH=None if embeddings is None else as_matrix("embeddings", embeddings, count),
    )
    return _group_shares(step) | _k_prime(step, config.k) | _lengths(step) | _distances(step) | _row_shares(step)


@dataclass(frozen=True, eq=False)
class _Step:
    """A step's rows, read once."""

    result: CareResult
    groups: Groups
    valid_B: torch.Tensor
    correct_B: torch.Tensor
    reward_B: torch.Tensor
    think_len_B: torch.Tensor
    embeddings_BH: torch.Tensor | None

    @property
    def wrong_B(self) -> torch.Tensor:
        return self.valid_B & ~self.correct_B

    def role_B(self, *roles: Role) -> torch.Tensor:
        """(B,) bool, the rows in one of these roles."""
        return torch.from_numpy(np.isin(self.result.role, [role.value for role in roles]))

    def any_P(self, rows_B: torch.Tensor) -> torch.Tensor:
        """(P,) bool, the groups that hold one of these rows."""
        return self.groups.pack(rows_B).any(dim=1)


def _group_shares(step: _Step) -> dict[str, float]:
    live_P = step.groups.filled_PG.any(dim=1)
    mixed_P = step.any_P(step.role_B(Role.ANCHOR))
    all_wrong_P = live_P & ~step.any_P(step.correct_B)
    reward_PG = step.groups.pack(step.reward_B)
    highest_P = reward_PG.masked_fill(~step.groups.filled_PG, -torch.inf).amax(dim=1)
    lowest_P = reward_PG.masked_fill(~step.groups.filled_PG, torch.inf).amin(dim=1)
    return {
        "care/groups_mixed": _mean(mixed_P, live_P),
        "care/groups_all_correct": _mean(~mixed_P & ~all_wrong_P, live_P),
        "care/groups_all_wrong": _mean(all_wrong_P, live_P),
        "care/groups_invalid": _mean(~live_P, torch.ones_like(live_P)),
        "care/groups_zero_signal": _mean(~step.any_P(step.result.advantages != 0), live_P),
        "care/groups_equal_reward": _mean(highest_P == lowest_P, live_P),
        "care/rescue_rate": _mean(step.any_P(step.role_B(Role.RESCUE_ANCHOR)), all_wrong_P),
    }


def _k_prime(step: _Step, k: int) -> dict[str, float]:
    k_prime_P = step.groups.pack(step.result.k_prime).amax(dim=1)
    has_any_P = k_prime_P > 0
    shares = {f"care/k_prime/{n}": _mean(k_prime_P == n, has_any_P) for n in range(1, k + 1)}
    return {"care/k_prime/mean": _mean(k_prime_P, has_any_P)} | shares


def _lengths(step: _Step) -> dict[str, float]:
    return {
        "care/anchor_len": _mean(step.think_len_B, step.role_B(Role.ANCHOR)),
        "care/positive_len": _mean(step.think_len_B, step.correct_B),
    }


def _distances(step: _Step) -> dict[str, float]:
    distance_B = anchor_distances(step.result, step.groups, step.embeddings_BH)
    measured_B = distance_B.isfinite()
    selected_B = measured_B & step.role_B(Role.HARD_NEGATIVE, Role.REPAIRED_POSITIVE, Role.REPAIRED_NEGATIVE)
    unselected_B = measured_B & step.role_B(Role.UNUSED) & step.wrong_B
    selected_N = distance_B[selected_B] if selected_B.any() else torch.zeros(1)
    return {
        "care/distance/selected_min": selected_N.min().item(),
        "care/distance/selected_mean": _mean(distance_B, selected_B),
        "care/distance/selected_max": selected_N.max().item(),
        "care/distance/unselected_mean": _mean(distance_B, unselected_B),
    }


def anchor_distances(result: CareResult, groups: Groups, embeddings_BH: torch.Tensor | None) -> torch.Tensor:
    """Cosine distance of every row to the nearest verified anchor of its group.

    Args:
        result: Says which rows are anchors.
        groups: The packing of the same rows.
        embeddings_BH: (B, H), or None.

    Returns:
        (B,) float64; infinite for rows of groups without an anchor, for invalid rows, and without embeddings.
    """
    if embeddings_BH is None:
        return torch.full(groups.group_B.shape, torch.inf, dtype=torch.float64)
    anchor_PG = groups.pack(torch.from_numpy(result.role == Role.ANCHOR.value))
    distance_PGG = cosine_distances(embeddings_BH, groups.row_PG)
    nearest_PG = distance_PGG.masked_fill(~anchor_PG.unsqueeze(1), torch.inf).amin(dim=2)
    return groups.unpack(nearest_PG, torch.inf)


def _row_shares(step: _Step) -> dict[str, float]:
    all_B = torch.ones_like(step.valid_B)
    unused_B = step.role_B(Role.UNUSED)
    advantage_B = step.result.advantages.double()
    contrasted_B = step.role_B(Role.HARD_NEGATIVE, Role.REPAIRED_NEGATIVE)
    mass_B = advantage_B.abs()
    total = max(mass_B.sum().item(), torch.finfo(torch.float64).tiny)
    return {
        "care/acc": _mean(step.correct_B, step.valid_B),
        "care/rows_invalid": _mean(~step.valid_B, all_B),
        "care/rows_unused_positive": _mean(unused_B & step.correct_B, all_B),
        "care/rows_unused_negative": _mean(unused_B & step.wrong_B, all_B),
        "care/advantage/anchor_mean": _mean(advantage_B, step.role_B(Role.ANCHOR)),
        "care/advantage/negative_mean": _mean(advantage_B, contrasted_B),
        "care/failure_mass": mass_B[step.wrong_B].sum().item() / total,
        "care/failure_mass_hard_negative": mass_B[step.role_B(Role.HARD_NEGATIVE)].sum().item() / total,
        "care/failure_mass_rescue": mass_B[step.role_B(Role.RESCUE_ANCHOR, Role.RESCUE_NEGATIVE)].sum().item() / total,
    }


def _mean(values: torch.Tensor, among: torch.Tensor) -> float:
    """Mean of ``values`` where ``among`` is True; 0 where it never is."""
    chosen = values[among].double()
    return chosen.mean().item() if chosen.numel() else 0.0


class RowMasses(NamedTuple):
    """Where the credit of each row went: shares of the row's sum of ``|a_t|``, all 0 for a row without credit."""

    rationale: torch.Tensor
    """(B,) share of the rationale tokens that the answer does not also cover."""
    answer: torch.Tensor
    """(B,) share of the answer tokens."""
    other: torch.Tensor
    """(B,) share of the tokens of neither region."""


REGION_METRICS: dict[str, str] = {
    "care/region_mass/rationale": "Mean share of a row's credit that its rationale gets, over rows with credit.",
    "care/region_mass/answer": "The same for its answer; a row without an answer region counts in full.",
    "care/region_mass/other": "The same for tokens of neither region. Not 0 only with regions.enable=false.",
    "care/region_mass/rationale_of_positives": "Share of the rationale over rows pushed up: the realised share.",
}
"""The metrics of ``region_masses``."""


def row_masses(token_advantages: torch.Tensor, regions: Regions) -> RowMasses:
    """Measure how much of each row's credit its regions really got.

    Args:
        token_advantages: (B, T), 0 outside the response; before or after scaling, which leaves shares as they are.
        regions: The regions of these rows.

    Returns:
        The shares; they sum to 1 in every row with credit.
    """
    size_BT = token_advantages.abs()
    total_B = size_BT.sum(dim=1)
    total_B = total_B.where(total_B > 0, torch.ones_like(total_B))
    rationale_B = (size_BT * (regions.think_mask & ~regions.answer_mask)).sum(dim=1) / total_B
    answer_B = (size_BT * regions.answer_mask).sum(dim=1) / total_B
    other_B = (size_BT * ~(regions.think_mask | regions.answer_mask)).sum(dim=1) / total_B
    return RowMasses(rationale_B, answer_B, other_B)


def region_masses(token_advantages: torch.Tensor, regions: Regions) -> dict[str, float]:
    """The row masses of a batch as metrics: the keys of ``REGION_METRICS``, every time; a mean over nothing is 0.

    Args:
        token_advantages: (B, T), as for ``row_masses``.
        regions: The regions of these rows.
    """
    masses = row_masses(token_advantages, regions)
    credited_B = (token_advantages != 0).any(dim=1)
    positive_B = token_advantages.sum(dim=1) > 0
    values = (
        masses.rationale[credited_B],
        masses.answer[credited_B],
        masses.other[credited_B],
        masses.rationale[positive_B],
    )
    return {
        name: value_N.sum().item() / max(1, len(value_N)) for name, value_N in zip(REGION_METRICS, values, strict=True)
    }
