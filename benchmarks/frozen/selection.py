# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Who is contrasted with whom: the anchor and the hard negatives of every group that has a positive and a failure.

Positive means verified correct. Rewards are not an input, so no reward weighting can change a choice. All ties go to
the earlier row.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from benchmarks.frozen.groups import GroupedRows
from recipe.care.config import CareConfig
from recipe.care.errors import CareDataError


@dataclass(frozen=True, eq=False)
class Subgroups:
    """The set S of every group: its anchors and at most K negatives. Groups without a subgroup have neither.

    Attributes:
        anchor_PG: (P, G) bool, one anchor per subgroup (several with ``anchor=multi``).
        negative_PK: (P, K) int64 slots in the order they were picked, -1 where fewer than K were.
        anchor_slot_PK: (P, K) int64 slot of the anchor each negative is measured against, -1 likewise.
    """

    anchor_PG: torch.Tensor
    negative_PK: torch.Tensor
    anchor_slot_PK: torch.Tensor

    @property
    def k_prime_P(self) -> torch.Tensor:
        """(P,) int64 negatives per group, K' of the paper; 0 where there is no subgroup."""
        return (self.negative_PK >= 0).sum(dim=1)


def select_anchored(rows: GroupedRows, config: CareConfig) -> Subgroups:
    """Choose anchors and hard negatives (section 2, steps 1 to 3).

    A repair takes part like the failure whose slot it fills, so the embedding of that failure reproduces the choice
    made before the repair. One that is not picked all the same replaces the last pick that is no repair.

    Args:
        rows: The packed rows.
        config: ``k``, ``m``, ``near_share``, ``anchor`` and ``selector`` are used.

    Returns:
        A subgroup for every group that has both a positive and a failure, of min(K, |F|) negatives; |F| counts the
        failures that ``near_share`` admits.
    """
    mixed_P1 = (rows.positive_PG.any(dim=1) & rows.failure_PG.any(dim=1)).unsqueeze(1)
    anchor_PG = choose_anchors(rows, config.anchor) & mixed_P1
    candidate_PG = rows.failure_PG & mixed_P1
    anchor_slot_PG, distance_PG = _nearest_anchor(rows, anchor_PG)
    if config.near_share is not None:
        failures_P1 = candidate_PG.sum(dim=1, keepdim=True)
        # 0.28 * 25 is a little above 7.
        admitted_P1 = (config.near_share * failures_P1.double() - 1e-9).ceil()
        candidate_PG = _lowest(distance_PG, candidate_PG, admitted_P1)
    if config.selector == "random":
        assert rows.priority_PG is not None
        first_PG, pool_PG, spread_PGG = rows.priority_PG, candidate_PG, None
    else:
        first_PG = distance_PG if config.selector == "farthest" else -distance_PG
        pool_PG = _pool(config, distance_PG, candidate_PG)
        spread_PGG = rows.distance_PGG
    negative_PK = _with_repairs(traverse(first_PG, spread_PGG, pool_PG, config.k), rows.repair_PG, first_PG)
    anchor_slot_PK = anchor_slot_PG.gather(1, negative_PK.clamp(min=0)).masked_fill(negative_PK < 0, -1)
    return Subgroups(anchor_PG, negative_PK, anchor_slot_PK)


def choose_anchors(rows: GroupedRows, rule: str) -> torch.Tensor:
    """Mark the anchor of each group that has a positive.

    Args:
        rows: The packed rows.
        rule: ``shortest`` (fewest rationale, then answer tokens), ``random`` (by content hash), ``highest_logp``, or
            ``multi`` (every positive).

    Returns:
        (P, G) bool.
    """
    if rule == "multi":
        return rows.positive_PG
    if rule == "shortest":
        return _shortest(rows, rows.positive_PG)
    score_PG = rows.priority_PG if rule == "random" else rows.logp_PG
    if score_PG is None:
        raise CareDataError("algorithm.care.anchor=highest_logp needs seq_logp: pass one log-probability a row.")
    return first_true(_is_max(score_PG, rows.positive_PG))


def traverse(
    first_PG: torch.Tensor,
    distance_PGG: torch.Tensor | None,
    pool_PG: torch.Tensor,
    k: int,
    *,
    covered_PG: torch.Tensor | None = None,
) -> torch.Tensor:
    """Pick up to k rows of the pool: the best by ``first_PG``, then always the one farthest from those picked.

    Args:
        first_PG: (P, G) score of the first pick; the highest wins.
        distance_PGG: (P, G, G) pairwise distances, or None to make every pick by ``first_PG``.
        pool_PG: (P, G) bool, who may be picked.
        k: Picks per group.
        covered_PG: (P, G) distance to what counts as picked already, if anything does.

    Returns:
        (P, k) int64 slots in the order of picking, -1 once a pool has run out.
    """
    score_PG = first_PG
    left_PG = pool_PG
    if covered_PG is None:
        covered_PG = torch.full_like(first_PG, torch.inf)
    picks = []
    for _ in range(k):
        # argmax returns the first of several maxima, hence the earlier row.
        pick_P1 = score_PG.masked_fill(~left_PG, -torch.inf).argmax(dim=1, keepdim=True)
        picks.append(pick_P1.masked_fill(~left_PG.gather(1, pick_P1), -1))
        left_PG = left_PG.scatter(1, pick_P1, False)
        if distance_PGG is not None:
            covered_PG = torch.minimum(covered_PG, distance_from(distance_PGG, pick_P1))
            score_PG = covered_PG
    return torch.cat(picks, dim=1)


def distance_from(distance_PGG: torch.Tensor, slot_P1: torch.Tensor) -> torch.Tensor:
    """(P, G) distances of a group's rows from the row in ``slot_P1`` (P, 1)."""
    return distance_PGG.take_along_dim(slot_P1.unsqueeze(-1), dim=1).squeeze(1)


def first_true(mask_PG: torch.Tensor) -> torch.Tensor:
    """(P, G) bool that keeps only the first True of each group."""
    return mask_PG & (mask_PG.cumsum(dim=1) == 1)


def _shortest(rows: GroupedRows, among_PG: torch.Tensor) -> torch.Tensor:
    among_PG = _is_max(-rows.think_len_PG.double(), among_PG)
    among_PG = _is_max(-rows.answer_len_PG.double(), among_PG)
    return first_true(among_PG)


def _is_max(score_PG: torch.Tensor, among_PG: torch.Tensor) -> torch.Tensor:
    masked_PG = score_PG.masked_fill(~among_PG, -torch.inf)
    return among_PG & (masked_PG == masked_PG.amax(dim=1, keepdim=True))


def _nearest_anchor(rows: GroupedRows, anchor_PG: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(P, G) slot of the anchor nearest to each row, and the distance to it.

    Without embeddings nothing is near or far: all rows are measured against the shortest anchor.
    """
    if rows.distance_PGG is None:
        slot_P1 = _shortest(rows, anchor_PG).int().argmax(dim=1, keepdim=True)
        return slot_P1.expand_as(anchor_PG), torch.ones(anchor_PG.shape, dtype=torch.float64)
    to_anchor_PGG = rows.distance_PGG.masked_fill(~anchor_PG.unsqueeze(1), torch.inf)
    return to_anchor_PGG.argmin(dim=2), to_anchor_PGG.amin(dim=2)


def _with_repairs(negative_PK: torch.Tensor, repair_PG: torch.Tensor, first_PG: torch.Tensor) -> torch.Tensor:
    """Put repairs that were not picked, best first, in the place of the last picks, as far as those are none."""
    # Entries without a pick go to an extra column, which is cut off.
    slots = repair_PG.shape[1]
    wide_PG1 = torch.cat([repair_PG, torch.zeros_like(repair_PG[:, :1])], dim=1)
    left_out_PG = wide_PG1.scatter(1, negative_PK.masked_fill(negative_PK < 0, slots), False)[:, :slots]
    negative_PK = negative_PK.clone()
    for group in left_out_PG.any(dim=1).nonzero()[:, 0].tolist():
        picks_K = negative_PK[group]
        replaceable = [
            column for column, slot in enumerate(picks_K.tolist()) if slot >= 0 and not repair_PG[group, slot]
        ]
        best_first = first_PG[group].argsort(descending=True, stable=True)
        left_out = best_first[left_out_PG[group, best_first]].tolist()
        for column, slot in zip(reversed(replaceable), left_out, strict=False):
            picks_K[column] = slot
    return negative_PK


def _pool(config: CareConfig, distance_PG: torch.Tensor, candidate_PG: torch.Tensor) -> torch.Tensor:
    """(P, G) bool, the M candidates to traverse.

    ``nearest`` and ``lexical`` take the M nearest, ``farthest`` the M farthest, and ``mixed`` the ceil(M/2) nearest and
    then the floor(M/2) farthest of the rest.
    """
    near = {"nearest": config.m, "lexical": config.m, "mixed": config.m - config.m // 2, "farthest": 0}[config.selector]
    near_PG = _lowest(distance_PG, candidate_PG, near)
    return near_PG | _lowest(-distance_PG, candidate_PG & ~near_PG, config.m - near)


def _lowest(key_PG: torch.Tensor, among_PG: torch.Tensor, count: int | torch.Tensor) -> torch.Tensor:
    """Mark the ``count`` rows of each group with the lowest key; a tensor (P, 1) gives each group its own."""
    rank_PG = key_PG.masked_fill(~among_PG, torch.inf).argsort(dim=1, stable=True).argsort(dim=1)
    return among_PG & (rank_PG < count)
