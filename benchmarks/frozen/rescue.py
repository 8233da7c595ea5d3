# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""All-negative rescue: where every rollout of a group failed, a small zero-sum contrast around the likeliest failure.

The pseudo-rewards live here only; the verifier's rewards are never modified.
"""

from __future__ import annotations

import torch

from benchmarks.frozen.groups import GroupedRows
from benchmarks.frozen.selection import Subgroups, distance_from, traverse
from recipe.care.config import CareConfig
from recipe.care.errors import CareDataError


def select_rescued(rows: GroupedRows, config: CareConfig) -> Subgroups:
    """Choose the pseudo-anchor and its negatives (section 3) in groups with no positive and two or more failures.

    Args:
        rows: The packed rows.
        config: ``k``, ``selector`` and ``rescue`` are used.

    Returns:
        A subgroup of min(K, |F| - 1) negatives for every such group, none anywhere when ``rescue.enable`` is off.
    """
    hopeless_P1 = (~rows.positive_PG.any(dim=1) & (rows.failure_PG.sum(dim=1) >= 2)).unsqueeze(1)
    failure_PG = rows.failure_PG & hopeless_P1 & config.rescue.enable
    likeliest_P1 = _likeliest(rows, failure_PG)
    slots_G = torch.arange(failure_PG.shape[1])
    anchor_PG = failure_PG & (slots_G == likeliest_P1)
    others_PG = failure_PG & ~anchor_PG
    if config.selector == "random":
        assert rows.priority_PG is not None
        negative_PK = traverse(rows.priority_PG, None, others_PG, config.k)
    else:
        assert rows.distance_PGG is not None
        from_anchor_PG = distance_from(rows.distance_PGG, likeliest_P1)
        negative_PK = traverse(from_anchor_PG, rows.distance_PGG, others_PG, config.k, covered_PG=from_anchor_PG)
    return Subgroups(anchor_PG, negative_PK, likeliest_P1.expand_as(negative_PK).masked_fill(negative_PK < 0, -1))


def pseudo_rewards(k_prime_P: torch.Tensor, k: int, delta: float) -> torch.Tensor:
    """Zero-sum rewards of a rescued group: ``+delta`` for the pseudo-anchor, ``-delta`` shared by the negatives.

    Args:
        k_prime_P: (P,) negatives per group; 0 where nothing is rescued.
        k: Columns for negatives.
        delta: The pseudo-anchor's reward.

    Returns:
        (P, 1 + k) float64: the pseudo-anchor, then the negatives in the order of picking; 0 where there is no row.
    """
    k_prime_P1 = k_prime_P.unsqueeze(1)
    share_P1 = -delta / k_prime_P1.clamp(min=1).double()
    negative_PK = torch.where(torch.arange(k) < k_prime_P1, share_P1, 0.0)
    return torch.cat([delta * (k_prime_P1 > 0).double(), negative_PK], dim=1)


def _likeliest(rows: GroupedRows, failure_PG: torch.Tensor) -> torch.Tensor:
    """(P, 1) slot of the failure with the highest log-probability; 0 in groups without one."""
    if not failure_PG.any():
        return torch.zeros((failure_PG.shape[0], 1), dtype=torch.int64)
    if rows.logp_PG is None:
        raise CareDataError(
            "a group has no correct row and algorithm.care.rescue.enable=true needs seq_logp to rescue it: pass each "
            "row's old log-probability (mean or sum, as algorithm.care.rescue.logp says), or set rescue.enable=false."
        )
    return rows.logp_PG.masked_fill(~failure_PG, -torch.inf).argmax(dim=1, keepdim=True)
