# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""A step of an estimator of ``recipe.estimators``: rollouts -> groups -> token advantages, with its metrics."""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np
import torch

from recipe.care.method.groups import group_index, members_of
from recipe.care.method.lexical import lexical_embeddings
from recipe.care.text.regions import Regions, find_regions
from recipe.care.text.token_bytes import TokenizerLike
from recipe.estimators.group import GroupRegions, Need, RolloutGroup
from recipe.estimators.registry import Configured
from verl_ext.step.compute import left_out_metrics, or_whole_response
from verl_ext.step.rollouts import Rollouts

ESTIMATOR_METRICS: dict[str, str] = {
    "estimator/acc": "Share of rows with a verdict that are verified correct.",
    "estimator/rows_pushed_up": "Share of rows with a verdict whose advantage is above 0.",
    "estimator/rows_pushed_down": "Share of rows with a verdict whose advantage is below 0.",
    "estimator/groups_silent": "Share of groups with a verdict in which every advantage is 0.",
    "estimator/advantage/right_mean": "Mean advantage of correct rows.",
    "estimator/advantage/wrong_mean": "Mean advantage of wrong rows.",
    "estimator/failure_mass": "Share of the sum of |advantage| that falls on wrong rows.",
    "estimator/timing_s/regions": "Seconds spent finding regions; 0 where nothing asks for them.",
    "estimator/timing_s/advantages": "Seconds spent in the estimator and around it.",
}
"""What a step of an estimator reports, besides ``care/left_out/*``. A mean over nothing is 0."""

_WITH_REGIONS = {Need.REGIONS, Need.LEXICAL}


def pool_mask(rollouts: Rollouts, tokenizer: TokenizerLike) -> torch.Tensor:
    """(B, T) int64 mask of the tokens an embedding averages: the rationale's own, or all where there is none."""
    inner = find_regions(rollouts.response_ids, rollouts.response_mask, tokenizer, include_tags=False)
    return or_whole_response(inner.think_mask, rollouts.response_mask).to(torch.int64)


class FinishedGroups(NamedTuple):
    """What a step of an estimator leaves."""

    metrics: dict[str, float]
    """Those of ``ESTIMATOR_METRICS``, and ``care/left_out/*``."""
    per_token: torch.Tensor
    """(B, T) what each token's log-probability is multiplied with; a row's add up to its advantage times its length."""


def finish_groups(
    rollouts: Rollouts,
    tokenizer: TokenizerLike,
    chosen: Configured,
    ref_logp: torch.Tensor | None = None,
) -> FinishedGroups:
    """Let the estimator look at every group of a step.

    Args:
        rollouts: The rows, after the log-prob pass.
        tokenizer: The policy's.
        chosen: The estimator with its settings.
        ref_logp: (B, T) log-probabilities under the reference; needed if the estimator declares them.
    """
    began = time.perf_counter()
    looks = bool(_WITH_REGIONS & chosen.needs)
    regions = find_regions(rollouts.response_ids, rollouts.response_mask, tokenizer) if looks else _nowhere(rollouts)
    found = time.perf_counter()
    rows = _Columns(rollouts, regions, chosen, ref_logp)
    # As in ``compute.select``: by session, so that what balancing did to the order reaches no estimator.
    order_B = rollouts.session_order
    group_B = group_index([rollouts.group[row] for row in order_B.tolist()])
    tokens_BT = np.zeros(rollouts.response_mask.shape)
    for members in members_of(group_B, rollouts.valid[order_B]):
        if members:
            own = order_B[members].numpy()
            tokens_BT[own] = chosen.advantages(rows.group(own))
    length_B = (rollouts.response_mask != 0).sum(dim=1)
    length_B = length_B.clamp(min=1)
    advantages_B = torch.from_numpy(tokens_BT.sum(axis=1)) / length_B
    per_token_BT = torch.from_numpy(tokens_BT).float()
    _share_within_sessions(per_token_BT, advantages_B, rollouts)
    metrics = _metrics(rollouts, advantages_B.numpy()) | left_out_metrics(rollouts)
    metrics["estimator/timing_s/regions"] = found - began
    metrics["estimator/timing_s/advantages"] = time.perf_counter() - found
    return FinishedGroups(metrics, per_token_BT)


class _Columns:
    """A step's rows as arrays, of which groups are cut."""

    def __init__(self, rollouts: Rollouts, regions: Regions, chosen: Configured, ref_logp: torch.Tensor | None) -> None:
        own_BT = rollouts.response_mask != 0
        self.right_B = (rollouts.acc > 0.5).numpy()
        self.reward_B = rollouts.rewards.double().numpy()
        self.own_BT = own_BT.numpy()
        self.logp_B = _sums(rollouts.old_logp, own_BT) if Need.LOGP in chosen.needs else None
        self.ref_logp_B = _sums(ref_logp, own_BT) if Need.REF_LOGP in chosen.needs else None
        self.embeddings_BH = _embeddings(rollouts, regions, chosen)
        self.regions = regions if Need.REGIONS in chosen.needs else None

    def group(self, rows: np.ndarray) -> RolloutGroup:
        """The group of these rows, in this order."""
        return RolloutGroup(
            right_G=self.right_B[rows],
            reward_G=self.reward_B[rows],
            own_GT=self.own_BT[rows],
            repaired_G=np.zeros(len(rows), dtype=np.bool_),
            logp=None if self.logp_B is None else self.logp_B[rows],
            ref_logp=None if self.ref_logp_B is None else self.ref_logp_B[rows],
            embeddings=None if self.embeddings_BH is None else self.embeddings_BH[rows],
            regions=None
            if self.regions is None
            else GroupRegions(
                self.regions.think_mask.numpy()[rows],
                self.regions.answer_mask.numpy()[rows],
                self.regions.think_len.numpy()[rows],
                self.regions.answer_len.numpy()[rows],
            ),
        )


def _sums(logp_BT: torch.Tensor | None, own_BT: torch.Tensor) -> np.ndarray:
    assert logp_BT is not None  # the checks before the run make sure of the pass that writes them
    return (logp_BT.double() * own_BT).sum(dim=1).numpy()


def _embeddings(rollouts: Rollouts, regions: Regions, chosen: Configured) -> np.ndarray | None:
    if Need.LEXICAL in chosen.needs:
        mask_BT = or_whole_response(regions.think_mask, rollouts.response_mask)
        return lexical_embeddings(rollouts.response_ids, mask_BT).numpy()
    if Need.EMBEDDINGS not in chosen.needs:
        return None
    assert rollouts.think_embeddings is not None  # asked for with the log-prob pass
    return rollouts.think_embeddings.float().numpy()


def _nowhere(rollouts: Rollouts) -> Regions:
    nothing_BT = torch.zeros_like(rollouts.response_mask, dtype=torch.bool)
    zero_B = torch.zeros(len(rollouts.keys), dtype=torch.int64)
    return Regions(nothing_BT, nothing_BT, zero_B, zero_B)


def _share_within_sessions(tokens_BT: torch.Tensor, advantages_B: torch.Tensor, rollouts: Rollouts) -> None:
    """Give earlier outputs of a session, which no estimator sees, the advantage of its last one on all their tokens."""
    for row, last in enumerate(rollouts.session_row.tolist()):
        if last != row:
            tokens_BT[row] = advantages_B[last].float() * (rollouts.response_mask[row] != 0)


def _metrics(rollouts: Rollouts, advantages_B: np.ndarray) -> dict[str, float]:
    valid_B, right_B = rollouts.valid.numpy(), (rollouts.acc > 0.5).numpy()
    right_B, wrong_B = valid_B & right_B, valid_B & ~right_B
    groups = [rows for rows in members_of(group_index(rollouts.group), rollouts.valid) if rows]
    silent = sum(not advantages_B[rows].any() for rows in groups)
    mass_B = np.abs(advantages_B)
    return {
        "estimator/acc": _mean(right_B[valid_B]),
        "estimator/rows_pushed_up": _mean(advantages_B[valid_B] > 0),
        "estimator/rows_pushed_down": _mean(advantages_B[valid_B] < 0),
        "estimator/groups_silent": silent / max(1, len(groups)),
        "estimator/advantage/right_mean": _mean(advantages_B[right_B]),
        "estimator/advantage/wrong_mean": _mean(advantages_B[wrong_B]),
        "estimator/failure_mass": float(mass_B[wrong_B].sum() / max(mass_B[valid_B].sum(), np.finfo(np.float64).tiny)),
    }


def _mean(values_N: np.ndarray) -> float:
    return float(values_N.mean()) if len(values_N) else 0.0
