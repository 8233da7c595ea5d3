# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Metrics of one step's selection and advantages, under ``care/``.

The same keys come back every time, and a mean over nothing is 0, so loggers see no gaps and no NaN. Lengths and
verdicts of repaired rows are the repairs', which is what is trained on; distances are those selection saw.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from recipe.care.config import CareConfig
from recipe.care.method.advantage import CareResult, Role
from recipe.care.method.groups import Ids, Vector, as_vector, group_index, members_of
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
    group: Ids,
    valid: Vector,
    think_len: Vector,
    config: CareConfig,
) -> dict[str, float]:
    """Summarise a step.

    Args:
        result: What ``care_advantages`` returned for the same rows. Without embeddings, distances are reported as 0.
        acc: (B,) verdicts.
        rewards: (B,) verifier rewards.
        group: B hashable ids.
        valid: (B,) False for padding and rows without a verdict.
        think_len: (B,) rationale tokens.
        config: ``k`` sets how many ``care/k_prime/<n>`` there are.

    Returns:
        A value for every key of ``METRICS``.
    """
    group_B = group_index(group)
    count = group_B.numel()
    valid_B = as_vector("valid", valid, count, torch.bool)
    distance_B = np.full(count, np.nan) if result.distance is None else result.distance.numpy()
    step = _Step(
        members_P=[np.array(rows, dtype=np.int64) for rows in members_of(group_B, valid_B)],
        valid_B=valid_B.numpy(),
        correct_B=(valid_B & (as_vector("acc", acc, count, torch.float64) > 0.5)).numpy(),
        reward_B=as_vector("rewards", rewards, count, torch.float64).numpy(),
        think_len_B=as_vector("think_len", think_len, count, torch.float64).numpy(),
        advantage_B=result.advantages.double().numpy(),
        role_B=result.role,
        k_prime_B=result.k_prime.numpy(),
        distance_B=distance_B,
    )
    return _group_shares(step) | _k_prime(step, config.k) | _lengths(step) | _distances(step) | _row_shares(step)


@dataclass(frozen=True, eq=False)
class _Step:
    """A step's rows, read once; ``members_P`` are the valid rows of each group."""

    members_P: list[np.ndarray]
    valid_B: np.ndarray
    correct_B: np.ndarray
    reward_B: np.ndarray
    think_len_B: np.ndarray
    advantage_B: np.ndarray
    role_B: np.ndarray
    k_prime_B: np.ndarray
    distance_B: np.ndarray

    @property
    def wrong_B(self) -> np.ndarray:
        return self.valid_B & ~self.correct_B

    def in_role_B(self, *roles: Role) -> np.ndarray:
        """(B,) bool, the rows in one of these roles."""
        return np.isin(self.role_B, [role.value for role in roles])


def _group_shares(step: _Step) -> dict[str, float]:
    live = [rows for rows in step.members_P if len(rows)]
    mixed = [rows for rows in live if (step.role_B[rows] == Role.ANCHOR).any()]
    all_wrong = [rows for rows in live if not step.correct_B[rows].any()]
    rescued = [rows for rows in all_wrong if (step.role_B[rows] == Role.RESCUE_ANCHOR).any()]
    silent = [rows for rows in live if not step.advantage_B[rows].any()]
    equal = [rows for rows in live if step.reward_B[rows].min() == step.reward_B[rows].max()]
    return {
        "care/groups_mixed": _share(len(mixed), len(live)),
        "care/groups_all_correct": _share(len(live) - len(mixed) - len(all_wrong), len(live)),
        "care/groups_all_wrong": _share(len(all_wrong), len(live)),
        "care/groups_invalid": _share(len(step.members_P) - len(live), len(step.members_P)),
        "care/groups_zero_signal": _share(len(silent), len(live)),
        "care/groups_equal_reward": _share(len(equal), len(live)),
        "care/rescue_rate": _share(len(rescued), len(all_wrong)),
    }


def _k_prime(step: _Step, k: int) -> dict[str, float]:
    sizes = np.array([step.k_prime_B[rows[0]] for rows in step.members_P if len(rows)], dtype=np.float64)
    sizes = sizes[sizes > 0]
    shares = {f"care/k_prime/{n}": _share(int((sizes == n).sum()), len(sizes)) for n in range(1, k + 1)}
    return {"care/k_prime/mean": _mean(sizes)} | shares


def _lengths(step: _Step) -> dict[str, float]:
    return {
        "care/anchor_len": _mean(step.think_len_B[step.in_role_B(Role.ANCHOR)]),
        "care/positive_len": _mean(step.think_len_B[step.correct_B]),
    }


def _distances(step: _Step) -> dict[str, float]:
    measured_B = np.isfinite(step.distance_B)
    selected_B = step.in_role_B(Role.HARD_NEGATIVE, Role.REPAIRED_POSITIVE, Role.REPAIRED_NEGATIVE)
    selected_N = step.distance_B[measured_B & selected_B]
    unselected_N = step.distance_B[measured_B & step.in_role_B(Role.UNUSED) & step.wrong_B]
    return {
        "care/distance/selected_min": float(selected_N.min()) if len(selected_N) else 0.0,
        "care/distance/selected_mean": _mean(selected_N),
        "care/distance/selected_max": float(selected_N.max()) if len(selected_N) else 0.0,
        "care/distance/unselected_mean": _mean(unselected_N),
    }


def _row_shares(step: _Step) -> dict[str, float]:
    count = len(step.valid_B)
    unused_B = step.in_role_B(Role.UNUSED)
    mass_B = np.abs(step.advantage_B)
    total = max(mass_B.sum(), np.finfo(np.float64).tiny)
    return {
        "care/acc": _share(step.correct_B.sum(), step.valid_B.sum()),
        "care/rows_invalid": _share((~step.valid_B).sum(), count),
        "care/rows_unused_positive": _share((unused_B & step.correct_B).sum(), count),
        "care/rows_unused_negative": _share((unused_B & step.wrong_B).sum(), count),
        "care/advantage/anchor_mean": _mean(step.advantage_B[step.in_role_B(Role.ANCHOR)]),
        "care/advantage/negative_mean": _mean(
            step.advantage_B[step.in_role_B(Role.HARD_NEGATIVE, Role.REPAIRED_NEGATIVE)]
        ),
        "care/failure_mass": float(mass_B[step.wrong_B].sum() / total),
        "care/failure_mass_hard_negative": float(mass_B[step.in_role_B(Role.HARD_NEGATIVE)].sum() / total),
        "care/failure_mass_rescue": float(
            mass_B[step.in_role_B(Role.RESCUE_ANCHOR, Role.RESCUE_NEGATIVE)].sum() / total
        ),
    }


def _share(part: int, whole: int) -> float:
    """A share; of nothing it is 0."""
    return float(part) / float(whole) if whole else 0.0


def _mean(values_N: np.ndarray) -> float:
    """A mean; of nothing it is 0."""
    return float(values_N.mean()) if len(values_N) else 0.0


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
    size_BT = np.abs(token_advantages.cpu().numpy())
    answer_BT = regions.answer_mask.cpu().numpy()
    total_B = size_BT.sum(axis=1)
    answer_B = np.einsum("bt,bt->b", size_BT, answer_BT)
    size_BT *= ~answer_BT
    rest_B = size_BT.sum(axis=1)
    size_BT *= regions.think_mask.cpu().numpy()
    rationale_B = size_BT.sum(axis=1)
    total_B[total_B == 0] = 1
    shares = (rationale_B / total_B, answer_B / total_B, (rest_B - rationale_B) / total_B)
    return RowMasses(*(torch.from_numpy(share_B) for share_B in shares))


def region_masses(token_advantages: torch.Tensor, regions: Regions) -> dict[str, float]:
    """The row masses of a batch as metrics: the keys of ``REGION_METRICS``, every time; a mean over nothing is 0.

    Args:
        token_advantages: (B, T), as for ``row_masses``.
        regions: The regions of these rows.
    """
    masses = row_masses(token_advantages, regions)
    credited_B = masses.rationale + masses.answer + masses.other > 0
    positive_B = (token_advantages.sum(dim=1) > 0).cpu()
    values = (
        masses.rationale[credited_B],
        masses.answer[credited_B],
        masses.other[credited_B],
        masses.rationale[positive_B],
    )
    return {
        name: value_N.sum().item() / max(1, len(value_N)) for name, value_N in zip(REGION_METRICS, values, strict=True)
    }
