# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""All-negative rescue: where every rollout of a group failed, a small zero-sum contrast around the likeliest failure.

The pseudo-rewards live here only; the verifier's rewards are never modified.
"""

from __future__ import annotations

from recipe.care.config import CareConfig
from recipe.care.errors import CareDataError
from recipe.care.method.groups import Group
from recipe.care.method.selection import SELECTORS, Subgroup, by_priority, farthest_first


def select_rescued(group: Group, config: CareConfig) -> Subgroup | None:
    """Choose the pseudo-anchor and its negatives (section 3).

    Args:
        group: The rollouts of one prompt.
        config: ``k``, ``selector`` and ``rescue`` are used.

    Returns:
        A subgroup of min(K, |F| - 1) negatives; None where the group has a positive or fewer than two failures, or
        ``rescue.enable`` is off.
    """
    if group.positives or len(group.failures) < 2 or not config.rescue.enable:
        return None
    logp = group.logp
    if logp is None:
        raise CareDataError(
            "a group has no correct row and algorithm.care.rescue.enable=true needs seq_logp to rescue it: pass each "
            "row's old log-probability (mean or sum, as algorithm.care.rescue.logp says), or set rescue.enable=false."
        )
    anchor = max(group.failures, key=lambda member: logp[member])
    others = [member for member in group.failures if member != anchor]
    if SELECTORS[config.selector].measures:
        negatives = farthest_first(group, others, config.k, picked=[anchor])
    else:
        negatives = by_priority(group, others)[: config.k]
    return Subgroup([anchor], negatives, [anchor] * len(negatives))


def pseudo_rewards(k_prime: int, delta: float) -> list[float]:
    """Zero-sum rewards of a rescued group: ``+delta`` for the pseudo-anchor, ``-delta`` shared by the negatives.

    Args:
        k_prime: Negatives.
        delta: The pseudo-anchor's reward.

    Returns:
        The pseudo-anchor's, then those of the negatives.
    """
    return [delta] + [-delta / k_prime] * k_prime
