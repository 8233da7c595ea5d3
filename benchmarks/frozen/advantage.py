# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""CARE's row advantages, from verdicts to numbers (sections 2 and 3 of the method).

A subgroup S is handled as 1 + K columns: the anchor, then its negatives in the order of picking. Everything is float64
and added left to right, so a group's result has the same bits whatever else is in the batch.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
import torch

from benchmarks.frozen.distance import content_priority, cosine_distances
from benchmarks.frozen.groups import (
    GroupedRows,
    Groups,
    Matrix,
    Vector,
    as_matrix,
    as_vector,
    check_finite,
    group_index,
    place_rows,
)
from benchmarks.frozen.rescue import pseudo_rewards, select_rescued
from benchmarks.frozen.selection import Subgroups, select_anchored
from recipe.care.config import CareConfig
from recipe.care.errors import CareDataError


class Role(str, Enum):
    """What a row was used for."""

    INVALID = "invalid"
    """Padding, or no verdict: left out of everything."""
    UNUSED = "unused"
    """Valid but not in a subgroup; advantage 0."""
    ANCHOR = "anchor"
    """The verified-correct row the group's failures are contrasted with."""
    HARD_NEGATIVE = "hard_negative"
    """A selected failure."""
    REPAIRED_POSITIVE = "repaired_positive"
    """A successful repair in the slot of a failure."""
    REPAIRED_NEGATIVE = "repaired_negative"
    """A failed repair in the slot of a failure."""
    RESCUE_ANCHOR = "rescue_anchor"
    """The likeliest failure of a group that failed throughout."""
    RESCUE_NEGATIVE = "rescue_negative"
    """A failure a rescue anchor is contrasted with."""

    # numpy reads an enum through str(); without this, `result.role == Role.ANCHOR` would silently match nothing.
    __str__ = str.__str__


_ROLES = tuple(Role)


@dataclass(frozen=True, eq=False)
class CareResult:
    """One entry per row, in the caller's order.

    Attributes:
        advantages: (B,) float32.
        role: (B,) numpy array of strings, the values of ``Role``.
        anchor_of: (B,) int64 row of the anchor a subgroup's row is contrasted with (an anchor's own row); -1 outside.
        k_prime: (B,) int64 negatives in the subgroup of the row's group, 0 if it has none.
    """

    advantages: torch.Tensor
    role: np.ndarray
    anchor_of: torch.Tensor
    k_prime: torch.Tensor

    def __post_init__(self) -> None:
        lengths = {len(self.advantages), len(self.role), len(self.anchor_of), len(self.k_prime)}
        if len(lengths) != 1:
            raise CareDataError(f"a result needs one entry per row in every field, not lengths {sorted(lengths)}.")


def care_advantages(
    acc: Vector,
    rewards: Vector,
    group: Sequence[Hashable] | torch.Tensor | np.ndarray,
    think_len: Vector,
    answer_len: Vector,
    embeddings: Matrix | None,
    seq_logp: Vector | None,
    config: CareConfig,
    valid: Vector | None = None,
    repaired: Vector | None = None,
) -> CareResult:
    """Compute CARE's advantages.

    Args:
        acc: (B,) verdicts, 1 for a verified-correct answer. Only they say who is positive; rewards never do.
        rewards: (B,) verifier rewards.
        group: B hashable ids; rows of a prompt share one, and need not be adjacent.
        think_len: (B,) rationale tokens.
        answer_len: (B,) answer tokens.
        embeddings: (B, H) rationale embeddings, of any length; None is enough for ``selector=random``.
        seq_logp: (B,) log-probability of each row under the old policy (mean or sum, as ``rescue.logp`` says); needed
            by ``anchor=highest_logp`` and by groups to be rescued.
        config: ``algorithm.care``.
        valid: (B,) False for padding and rows without a verdict; all valid by default.
        repaired: (B,) True for RGR repairs that sit in the slot of a failure; none by default.

    Returns:
        Advantages, roles, anchors and subgroup sizes in the caller's row order.

    Raises:
        CareDataError: Shapes differ, a valid row holds NaN, or the configuration needs an input that is None.
    """
    group_B = group_index(group)
    count = group_B.numel()
    valid_B = torch.ones(count, dtype=torch.bool) if valid is None else as_vector("valid", valid, count, torch.bool)
    repaired_B = torch.zeros_like(valid_B) if repaired is None else as_vector("repaired", repaired, count, torch.bool)
    acc_B = as_vector("acc", acc, count, torch.float64)
    reward_B = as_vector("rewards", rewards, count, torch.float64)
    check_finite("acc", acc_B, valid_B)
    check_finite("rewards", reward_B, valid_B)
    groups = place_rows(group_B, valid_B)
    content = _Content.read(think_len, answer_len, embeddings, seq_logp, valid_B)
    rows = _pack(groups, acc_B > 0.5, repaired_B, content, config)
    anchored, rescued = select_anchored(rows, config), select_rescued(rows, config)
    # A group has a positive or it has none, so at most one of the two subgroups is there.
    advantage_PG = _spread(anchored, _anchored_advantages(rows, groups.pack(reward_B), anchored, config))
    advantage_PG += _spread(rescued, _rescued_advantages(rescued, config))
    return CareResult(
        advantages=groups.unpack(advantage_PG, 0.0).float(),
        role=_roles(rows, anchored, rescued),
        anchor_of=_anchor_rows(groups, anchored, rescued),
        k_prime=(anchored.k_prime_P + rescued.k_prime_P)[group_B],
    )


@dataclass(frozen=True, eq=False)
class _Content:
    """What a row's text amounts to, in the caller's order."""

    think_len_B: torch.Tensor
    answer_len_B: torch.Tensor
    embeddings_BH: torch.Tensor | None
    logp_B: torch.Tensor | None

    @classmethod
    def read(
        cls,
        think_len: Vector,
        answer_len: Vector,
        embeddings: Matrix | None,
        logp: Vector | None,
        valid_B: torch.Tensor,
    ) -> _Content:
        count = valid_B.numel()
        logp_B = None if logp is None else as_vector("seq_logp", logp, count, torch.float64)
        if logp_B is not None:
            check_finite("seq_logp", logp_B, valid_B)
        return cls(
            think_len_B=as_vector("think_len", think_len, count, torch.int64),
            answer_len_B=as_vector("answer_len", answer_len, count, torch.int64),
            embeddings_BH=None if embeddings is None else as_matrix("embeddings", embeddings, count),
            logp_B=logp_B,
        )

    def priority_B(self) -> torch.Tensor:
        return content_priority(self.think_len_B, self.answer_len_B, self.logp_B, self.embeddings_BH)


def _pack(
    groups: Groups, correct_B: torch.Tensor, repaired_B: torch.Tensor, content: _Content, config: CareConfig
) -> GroupedRows:
    if content.embeddings_BH is None and config.selector != "random":
        raise CareDataError(
            f"algorithm.care.selector={config.selector} needs embeddings; pass them (recipe.care.method.lexical makes "
            "them from token ids, for selector=lexical), or set selector=random, which needs none."
        )
    at_random = "random" in (config.anchor, config.selector)
    return GroupedRows(
        groups=groups,
        correct_PG=groups.pack(correct_B),
        repaired_PG=groups.pack(repaired_B),
        think_len_PG=groups.pack(content.think_len_B),
        answer_len_PG=groups.pack(content.answer_len_B),
        logp_PG=None if content.logp_B is None else groups.pack(content.logp_B),
        distance_PGG=None if content.embeddings_BH is None else cosine_distances(content.embeddings_BH, groups.row_PG),
        priority_PG=groups.pack(content.priority_B()) if at_random else None,
    )


def _anchored_advantages(
    rows: GroupedRows, reward_PG: torch.Tensor, chosen: Subgroups, config: CareConfig
) -> torch.Tensor:
    """(P, 1 + K) advantages by section 2, steps 4 to 6.

    An anchor and a successful repair keep their raw advantage. A wrong row's is never positive. Where repairs have left
    nothing wrong there is no failure to contrast, and what tells the rewards apart is their format: all get 0.
    """
    slot_PK = chosen.negative_PK.clamp(min=0)
    correct_PK = rows.correct_PG.gather(1, slot_PK)
    has_wrong_P1 = ((chosen.negative_PK >= 0) & ~correct_PK).any(dim=1, keepdim=True)
    anchors_P1 = chosen.anchor_PG.sum(dim=1, keepdim=True).clamp(min=1)
    anchor_reward_P1 = _sum(reward_PG * chosen.anchor_PG) / anchors_P1
    reward_PS = torch.cat([anchor_reward_P1, reward_PG.gather(1, slot_PK)], dim=1)
    raw_PS = _standardize(reward_PS, chosen, config.eps) * has_wrong_P1
    scale_PK = torch.where(rows.repair_PG.gather(1, slot_PK), config.rgr.neg_scale, config.neg_scale)
    pushed_PK = -scale_PK * raw_PS[:, 1:].abs()
    negative_PK = torch.where(correct_PK, raw_PS[:, 1:], pushed_PK)
    return torch.cat([raw_PS[:, :1], negative_PK], dim=1) * _equalizer(chosen, config)


def _rescued_advantages(chosen: Subgroups, config: CareConfig) -> torch.Tensor:
    """(P, 1 + K) advantages by section 3: the pseudo-rewards themselves, or standardised for comparison."""
    advantage_PS = pseudo_rewards(chosen.k_prime_P, config.k, config.rescue.delta)
    if config.rescue.normalize:
        raw_PS = _standardize(advantage_PS, chosen, config.eps)
        advantage_PS = torch.cat([raw_PS[:, :1], -config.neg_scale * raw_PS[:, 1:].abs()], dim=1)
    return advantage_PS * _equalizer(chosen, config)


def _standardize(reward_PS: torch.Tensor, chosen: Subgroups, eps: float) -> torch.Tensor:
    """(r - mu) / sigma over the members of S, 0 in columns without a row."""
    k_prime_P1 = chosen.k_prime_P.unsqueeze(1)
    member_PS = torch.cat([k_prime_P1 > 0, chosen.negative_PK >= 0], dim=1)
    size_P1 = k_prime_P1 + 1
    centred_PS = (reward_PS - _sum(reward_PS * member_PS) / size_P1) * member_PS
    return centred_PS / (_sum(centred_PS.square()) / size_P1 + eps).sqrt()


def _equalizer(chosen: Subgroups, config: CareConfig) -> torch.Tensor:
    """(P, 1) factor sqrt(K/K')."""
    k_prime_P1 = chosen.k_prime_P.clamp(min=1).unsqueeze(1)
    return (config.k / k_prime_P1.double()).sqrt() if config.equalize else torch.ones_like(k_prime_P1)


def _sum(values_PS: torch.Tensor) -> torch.Tensor:
    """Sum over the last dimension, kept. A running sum adds left to right, so trailing zeros change no bit."""
    return values_PS.cumsum(dim=1)[:, -1:]


def _spread(chosen: Subgroups, advantage_PS: torch.Tensor) -> torch.Tensor:
    """Bring (P, 1 + K) advantages to their slots (P, G); several anchors share the anchor's equally."""
    anchors_P1 = chosen.anchor_PG.sum(dim=1, keepdim=True).clamp(min=1)
    return torch.where(chosen.anchor_PG, advantage_PS[:, :1] / anchors_P1, _scatter(chosen, advantage_PS[:, 1:], 0.0))


def _scatter(chosen: Subgroups, values_PK: torch.Tensor, elsewhere: float) -> torch.Tensor:
    """Bring values of the negatives to their slots (P, G)."""
    groups, width = chosen.anchor_PG.shape
    # Entries without a row go to an extra last column, which is cut off.
    values_PG1 = torch.full((groups, width + 1), elsewhere, dtype=values_PK.dtype)
    slot_PK = chosen.negative_PK.masked_fill(chosen.negative_PK < 0, width)
    return values_PG1.scatter(1, slot_PK, values_PK)[:, :width]


def _anchor_rows(groups: Groups, anchored: Subgroups, rescued: Subgroups) -> torch.Tensor:
    """(B,) row of each subgroup row's anchor, -1 outside."""
    own_PG = torch.arange(groups.row_PG.shape[1]).expand_as(groups.row_PG)
    slot_PG = torch.maximum(*(_scatter(one, one.anchor_slot_PK, -1) for one in (anchored, rescued)))
    slot_PG = torch.where(anchored.anchor_PG | rescued.anchor_PG, own_PG, slot_PG)
    row_PG = groups.row_PG.gather(1, slot_PG.clamp(min=0)).masked_fill(slot_PG < 0, -1)
    return groups.unpack(row_PG, -1)


def _roles(rows: GroupedRows, anchored: Subgroups, rescued: Subgroups) -> np.ndarray:
    """(B,) strings."""
    code_PG = torch.full(rows.correct_PG.shape, _ROLES.index(Role.UNUSED))
    contrasted_PG, rescued_PG = (_scatter(one, one.negative_PK >= 0, False) for one in (anchored, rescued))
    for role, rows_PG in (
        (Role.ANCHOR, anchored.anchor_PG),
        (Role.HARD_NEGATIVE, contrasted_PG & ~rows.repair_PG),
        (Role.REPAIRED_POSITIVE, contrasted_PG & rows.repair_PG & rows.correct_PG),
        (Role.REPAIRED_NEGATIVE, contrasted_PG & rows.repair_PG & ~rows.correct_PG),
        (Role.RESCUE_ANCHOR, rescued.anchor_PG),
        (Role.RESCUE_NEGATIVE, rescued_PG),
    ):
        code_PG[rows_PG] = _ROLES.index(role)
    code_B = rows.groups.unpack(code_PG, _ROLES.index(Role.INVALID))
    return np.array([role.value for role in _ROLES])[code_B.numpy()]
