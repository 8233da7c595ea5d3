# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Who is contrasted with whom: the anchor and the hard negatives of a group that has a positive and a failure.

Positive means verified correct. Rewards are not an input, so no reward weighting can change a choice. All ties go to
the earlier row: ``min``, ``max`` and ``sorted`` keep the order of the members.

A new anchor rule is an entry of ``ANCHOR_RULES``, a new way to pick negatives one of ``SELECTORS``; that makes the
setting known, and the property tests try it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from recipe.care.errors import CareDataError

if TYPE_CHECKING:
    # The configuration reads the tables below.
    from recipe.care.config import CareConfig
    from recipe.care.method.groups import Group


@dataclass(frozen=True)
class Subgroup:
    """The set S of a group, by member.

    Attributes:
        anchors: One, or several with ``anchor=multi``.
        negatives: At most K, in the order of picking.
        nearest_anchor: The anchor that each negative is measured against.
    """

    anchors: list[int]
    negatives: list[int]
    nearest_anchor: list[int]

    @property
    def k_prime(self) -> int:
        """Negatives in the subgroup, K' of the paper."""
        return len(self.negatives)


def select_anchored(group: Group, config: CareConfig) -> Subgroup | None:
    """Choose anchors and hard negatives (section 2, steps 1 to 3).

    A repair takes part like the failure whose slot it fills, so the embedding of that failure reproduces the choice
    made before the repair. One that is not picked all the same replaces the last pick that is no repair.

    Args:
        group: The rollouts of one prompt.
        config: ``k``, ``m``, ``near_share``, ``anchor`` and ``selector`` are used.

    Returns:
        A subgroup of min(K, |F|) negatives, where |F| counts the failures that ``near_share`` admits; None for a group
        without a positive or without a failure.
    """
    if not group.positives or not group.failures:
        return None
    anchors = ANCHOR_RULES[config.anchor](group)
    selector = SELECTORS[config.selector]
    measured = _Measured.around(anchors, group)
    best_first = selector.best_first(group.failures, measured, group)
    admitted = _admitted(group.failures, measured, config.near_share)
    pool = selector.pool([member for member in best_first if member in admitted], measured, config.m)
    picks = farthest_first(group, pool, config.k, picked=pool[:1]) if selector.spread else pool[: config.k]
    negatives = _with_repairs(picks, best_first, group.repairs)
    return Subgroup(anchors, negatives, [measured.nearest_anchor[member] for member in negatives])


def _shortest(group: Group, among: Sequence[int]) -> list[int]:
    """The one with the fewest rationale tokens, then answer tokens."""
    return [min(among, key=lambda member: (group.think_len[member], group.answer_len[member]))]


def _likeliest(group: Group) -> list[int]:
    logp = group.logp
    if logp is None:
        raise CareDataError("algorithm.care.anchor=highest_logp needs seq_logp: pass one log-probability a row.")
    return [max(group.positives, key=lambda member: logp[member])]


ANCHOR_RULES: dict[str, Callable[[Group], list[int]]] = {
    "shortest": lambda group: _shortest(group, group.positives),
    "random": lambda group: by_priority(group, group.positives)[:1],
    "highest_logp": _likeliest,
    "multi": lambda group: list(group.positives),
}
"""``algorithm.care.anchor``: the anchors among a group's positives, of which there is at least one."""


@dataclass(frozen=True)
class _Measured:
    """How far each failure is from the anchors, by member.

    Without distances nothing is near or far: all are 1, measured against the shortest anchor.
    """

    away: dict[int, float]
    nearest_anchor: dict[int, int]

    @classmethod
    def around(cls, anchors: list[int], group: Group) -> _Measured:
        distance = group.distance
        if distance is None:
            shortest = _shortest(group, anchors)[0]
            return cls(dict.fromkeys(group.failures, 1.0), dict.fromkeys(group.failures, shortest))
        nearest = {member: min(anchors, key=distance[member].__getitem__) for member in group.failures}
        return cls({member: distance[member][anchor] for member, anchor in nearest.items()}, nearest)


def _nearest_first(failures: Sequence[int], measured: _Measured, group: Group) -> list[int]:
    return sorted(failures, key=lambda member: measured.away[member])


def _farthest_first(failures: Sequence[int], measured: _Measured, group: Group) -> list[int]:
    return sorted(failures, key=lambda member: -measured.away[member])


def _at_random(failures: Sequence[int], measured: _Measured, group: Group) -> list[int]:
    return by_priority(group, failures)


def _best(best_first: list[int], measured: _Measured, m: int) -> list[int]:
    return best_first[:m]


def _both_ends(best_first: list[int], measured: _Measured, m: int) -> list[int]:
    """The ceil(M/2) nearest, and the floor(M/2) farthest of the others."""
    near, others = best_first[: m - m // 2], sorted(best_first[m - m // 2 :])
    return near + sorted(others, key=lambda member: -measured.away[member])[: m // 2]


def _everyone(best_first: list[int], measured: _Measured, m: int) -> list[int]:
    return best_first


@dataclass(frozen=True)
class Selector:
    """A way to pick hard negatives.

    Attributes:
        best_first: Puts failures in the order of preference, the first pick in front.
        pool: The M candidates (``algorithm.care.m``) among them, the first pick in front.
        spread: Whether the picks after the first are always the farthest from those made, or go by preference.
        measures: Whether it needs distances.
    """

    best_first: Callable[[Sequence[int], _Measured, Group], list[int]]
    pool: Callable[[list[int], _Measured, int], list[int]]
    spread: bool
    measures: bool = True


NEAREST = Selector(_nearest_first, _best, spread=True)
SELECTORS: dict[str, Selector] = {
    "nearest": NEAREST,
    "mixed": Selector(_nearest_first, _both_ends, spread=True),
    "farthest": Selector(_farthest_first, _best, spread=True),
    "random": Selector(_at_random, _everyone, spread=False, measures=False),
    # The same by shared tokens: as selector=nearest with distance=lexical.
    "lexical": NEAREST,
}
"""``algorithm.care.selector``."""


def farthest_first(group: Group, pool: Sequence[int], k: int, picked: Sequence[int]) -> list[int]:
    """Pick up to k members of the pool, always the one farthest from what has been picked (step 3).

    Args:
        group: With distances.
        pool: Who may be picked.
        k: Picks, with those of ``picked`` that are in the pool.
        picked: What counts as picked from the start.

    Returns:
        The picks in their order, those of ``picked`` in the pool first.
    """
    assert group.distance is not None
    picks = [member for member in picked if member in pool]
    left = sorted(set(pool) - set(picks))
    covered = {member: min(group.distance[one][member] for one in picked) for member in left}
    while left and len(picks) < k:
        pick = max(left, key=lambda member: covered[member])
        picks.append(pick)
        left.remove(pick)
        for member in left:
            covered[member] = min(covered[member], group.distance[pick][member])
    return picks


def by_priority(group: Group, among: Sequence[int]) -> list[int]:
    """Members in their pseudo-random order."""
    priority = group.priority
    assert priority is not None
    return sorted(among, key=lambda member: -priority[member])


def _admitted(failures: Sequence[int], measured: _Measured, near_share: float | None) -> Sequence[int]:
    """The failures that may be picked: all, or the nearer ones."""
    if near_share is None:
        return failures
    # 0.28 * 25 is a little above 7.
    count = math.ceil(near_share * len(failures) - 1e-9)
    return sorted(failures, key=lambda member: measured.away[member])[:count]


def _with_repairs(negatives: list[int], best_first: list[int], repairs: list[int]) -> list[int]:
    """Put repairs that were not picked, best first, in the place of the last picks, as far as those are none."""
    negatives = list(negatives)
    left_out = [member for member in best_first if member in repairs and member not in negatives]
    for place in reversed(range(len(negatives))):
        if left_out and negatives[place] not in repairs:
            negatives[place] = left_out.pop(0)
    return negatives
