# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""CARE's row advantages, from verdicts to numbers (sections 2 and 3 of the method), one group at a time.

A row of a group's result depends on that group alone. Sums over rows are exactly rounded (``math.fsum``), so the order
of the rows changes no bit either.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
import torch

from recipe.care.config import CareConfig
from recipe.care.errors import CareDataError
from recipe.care.method.distance import content_priority, cosine_distances
from recipe.care.method.groups import (
    Group,
    Ids,
    Matrix,
    Vector,
    as_matrix,
    as_vector,
    check_finite,
    group_index,
    members_of,
)
from recipe.care.method.rescue import pseudo_rewards, select_rescued
from recipe.care.method.selection import SELECTORS, Subgroup, select_anchored


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


@dataclass(frozen=True, eq=False)
class CareResult:
    """One entry per row, in the caller's order.

    Attributes:
        advantages: (B,) float32.
        role: (B,) numpy array of strings, the values of ``Role``.
        anchor_of: (B,) int64 row of the anchor a subgroup's row is contrasted with (an anchor's own row); -1 outside.
        k_prime: (B,) int64 negatives in the subgroup of the row's group, 0 if it has none.
        distance: (B,) float64 cosine distance from the nearest verified anchor of the row's group; NaN where there is
            none. None without embeddings.
    """

    advantages: torch.Tensor
    role: np.ndarray
    anchor_of: torch.Tensor
    k_prime: torch.Tensor
    distance: torch.Tensor | None = None

    def __post_init__(self) -> None:
        lengths = {len(self.advantages), len(self.role), len(self.anchor_of), len(self.k_prime)}
        if self.distance is not None:
            lengths.add(len(self.distance))
        if len(lengths) != 1:
            raise CareDataError(f"a result needs one entry per row in every field, not lengths {sorted(lengths)}.")


def care_advantages(
    acc: Vector,
    rewards: Vector,
    group: Ids,
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
    rows = _Rows.read(acc, rewards, think_len, answer_len, embeddings, seq_logp, valid, repaired, len(group_B), config)
    advantage_B, role_B = np.zeros(len(group_B)), np.full(len(group_B), Role.INVALID.value, dtype="<U17")
    anchor_B, k_prime_B = torch.full_like(group_B, -1), torch.zeros_like(group_B)
    role_B[rows.valid_B.numpy()] = Role.UNUSED.value
    distance_B = np.full(len(group_B), np.nan)
    of_group = [0] * (int(group_B.max()) + 1 if len(group_B) else 0)
    for number, members in enumerate(members_of(group_B, rows.valid_B)):
        one = rows.group(members)
        if (chosen := select_anchored(one, config)) is not None:
            numbers = anchored_advantages(one, [rows.reward[row] for row in members], chosen, config)
            if one.distance is not None:
                distance_B[members] = [min(own[anchor] for anchor in chosen.anchors) for own in one.distance]
            roles = [Role.ANCHOR, *(_role_of_negative(one, member) for member in chosen.negatives)]
        elif (chosen := select_rescued(one, config)) is not None:
            numbers = rescued_advantages(chosen, config)
            roles = [Role.RESCUE_ANCHOR] + [Role.RESCUE_NEGATIVE] * chosen.k_prime
        else:
            continue
        of_group[number] = chosen.k_prime
        for member in chosen.anchors:
            row = members[member]
            # Several anchors share the anchor's advantage equally.
            advantage_B[row], role_B[row], anchor_B[row] = numbers[0] / len(chosen.anchors), roles[0].value, row
        for place, (member, anchor) in enumerate(zip(chosen.negatives, chosen.nearest_anchor, strict=True), start=1):
            row = members[member]
            advantage_B[row], role_B[row], anchor_B[row] = numbers[place], roles[place].value, members[anchor]
    k_prime_B = torch.tensor(of_group, dtype=torch.int64)[group_B]
    return CareResult(
        advantages=torch.from_numpy(advantage_B).float(),
        role=role_B,
        anchor_of=anchor_B,
        k_prime=k_prime_B,
        distance=None if rows.embeddings_BH is None else torch.from_numpy(distance_B),
    )


@dataclass(frozen=True, eq=False)
class _Rows:
    """The batch, read and checked once, as lists by row."""

    valid_B: torch.Tensor
    correct: list[bool]
    reward: list[float]
    repaired: list[bool]
    think_len: list[int]
    answer_len: list[int]
    logp: list[float] | None
    embeddings_BH: torch.Tensor | None
    priority: list[float] | None

    @classmethod
    def read(
        cls,
        acc: Vector,
        rewards: Vector,
        think_len: Vector,
        answer_len: Vector,
        embeddings: Matrix | None,
        seq_logp: Vector | None,
        valid: Vector | None,
        repaired: Vector | None,
        count: int,
        config: CareConfig,
    ) -> _Rows:
        valid_B = torch.ones(count, dtype=torch.bool) if valid is None else as_vector("valid", valid, count, torch.bool)
        none_B = torch.zeros(count, dtype=torch.bool)
        repaired_B = none_B if repaired is None else as_vector("repaired", repaired, count, torch.bool)
        acc_B = as_vector("acc", acc, count, torch.float64)
        reward_B = as_vector("rewards", rewards, count, torch.float64)
        logp_B = None if seq_logp is None else as_vector("seq_logp", seq_logp, count, torch.float64)
        for name, values_B in (("acc", acc_B), ("rewards", reward_B), ("seq_logp", logp_B)):
            if values_B is not None:
                check_finite(name, values_B, valid_B)
        think_len_B = as_vector("think_len", think_len, count, torch.int64)
        answer_len_B = as_vector("answer_len", answer_len, count, torch.int64)
        embeddings_BH = None if embeddings is None else as_matrix("embeddings", embeddings, count)
        if embeddings_BH is None and config.measured_by is not None:
            raise CareDataError(
                f"algorithm.care.selector={config.selector} needs embeddings; pass them (recipe.care.method.lexical "
                "makes them from token ids, for distance=lexical), or set selector=random, which needs none."
            )
        at_random = config.anchor == "random" or not SELECTORS[config.selector].measures
        return cls(
            valid_B=valid_B,
            correct=(acc_B > 0.5).tolist(),
            reward=reward_B.tolist(),
            repaired=repaired_B.tolist(),
            think_len=think_len_B.tolist(),
            answer_len=answer_len_B.tolist(),
            logp=None if logp_B is None else logp_B.tolist(),
            embeddings_BH=embeddings_BH,
            priority=content_priority(think_len_B, answer_len_B, logp_B, embeddings_BH).tolist() if at_random else None,
        )

    def group(self, members: list[int]) -> Group:
        """The group of these rows."""
        return Group(
            rows=members,
            correct=[self.correct[row] for row in members],
            repaired=[self.repaired[row] for row in members],
            think_len=[self.think_len[row] for row in members],
            answer_len=[self.answer_len[row] for row in members],
            logp=None if self.logp is None else [self.logp[row] for row in members],
            distance=None if self.embeddings_BH is None else cosine_distances(self.embeddings_BH, members).tolist(),
            priority=None if self.priority is None else [self.priority[row] for row in members],
        )


def anchored_advantages(group: Group, rewards: Sequence[float], chosen: Subgroup, config: CareConfig) -> list[float]:
    """Contrast failures with a verified anchor (section 2, steps 4 to 6).

    An anchor and a successful repair keep their raw advantage. A wrong row's is never positive. Where repairs have left
    nothing wrong there is no failure to contrast, and what tells the rewards apart is their format: all get 0.

    Args:
        group: The rollouts of one prompt.
        rewards: Theirs, by member.
        chosen: The subgroup.
        config: ``k``, ``eps``, ``equalize``, ``neg_scale`` and ``rgr.neg_scale`` are used.

    Returns:
        The advantage of the anchor (of all anchors together), then those of the negatives.
    """
    if all(group.correct[member] for member in chosen.negatives):
        return [0.0] * (1 + chosen.k_prime)
    anchor_reward = math.fsum(rewards[member] for member in chosen.anchors) / len(chosen.anchors)
    raw = standardize([anchor_reward, *(rewards[member] for member in chosen.negatives)], config.eps)
    numbers = raw[:1]
    for member, value in zip(chosen.negatives, raw[1:], strict=True):
        scale = config.rgr.neg_scale if member in group.repairs else config.neg_scale
        numbers.append(value if group.correct[member] else -scale * abs(value))
    return equalize(numbers, config)


def rescued_advantages(chosen: Subgroup, config: CareConfig) -> list[float]:
    """Contrast failures with the likeliest (section 3): the pseudo-rewards themselves, or standardised for comparison.

    Returns:
        The advantage of the pseudo-anchor, then those of the negatives.
    """
    numbers = pseudo_rewards(chosen.k_prime, config.rescue.delta)
    if config.rescue.normalize:
        raw = standardize(numbers, config.eps)
        numbers = raw[:1] + [-config.neg_scale * abs(value) for value in raw[1:]]
    return equalize(numbers, config)


def standardize(rewards: Sequence[float], eps: float) -> list[float]:
    """(r - mu) / sqrt(sigma^2 + eps) over the members of S."""
    mean = math.fsum(rewards) / len(rewards)
    variance = math.fsum((reward - mean) ** 2 for reward in rewards) / len(rewards)
    return [(reward - mean) / math.sqrt(variance + eps) for reward in rewards]


def equalize(numbers: Sequence[float], config: CareConfig) -> list[float]:
    """Multiply by sqrt(K/K'), so that a small subgroup moves the policy as far as a full one."""
    factor = math.sqrt(config.k / (len(numbers) - 1)) if config.equalize else 1.0
    return [number * factor for number in numbers]


def _role_of_negative(group: Group, member: int) -> Role:
    if member not in group.repairs:
        return Role.HARD_NEGATIVE
    return Role.REPAIRED_POSITIVE if group.correct[member] else Role.REPAIRED_NEGATIVE
