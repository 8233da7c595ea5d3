# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
r"""Inequalities and what else says where a number lies: ``x > 5``, ``(5, \infty)``, ``a > b > c``."""

from __future__ import annotations

import re
from collections.abc import Callable

from recipe.care.verifier.kinds.expressions import read_together, tokens_of
from recipe.care.verifier.kinds.finding import Finding, Terms
from recipe.care.verifier.kinds.symbolic import same_order
from recipe.care.verifier.reading.intervals import Region, read_region
from recipe.care.verifier.reading.structure import Chain, Sequence, read_chain

_ORDER = re.compile(r"[<>≤≥≠]")
_SAYS_WHERE = re.compile(
    r"[<>≤≥≠]|\\(?:cup|cap|in|notin|mathbb|setminus|infty|emptyset|lor|land)(?![A-Za-z])|[(\[{].*,"
)
_BOTH = re.compile(r"\\land(?![A-Za-z])|(?<![A-Za-z])and(?![A-Za-z])|,")
Compare = Callable[[str, str, Terms], Finding]
CompareSequences = Callable[[Sequence, Sequence, Terms], Finding]


def compare_orders(
    gold: str, pred: str, terms: Terms, compare_intervals: CompareSequences, compare: Compare
) -> Finding:
    """Compare two texts of which one holds an order sign or a union.

    Args:
        gold: The gold, spelled; no number.
        pred: The answer, spelled.
        terms: What counts as the same.
        compare_intervals: Compares two intervals.
        compare: Compares the terms of inequalities.

    Returns:
        The finding; left to the parser where both say where a number lies, in ways that are not read here.
    """
    regions = read_region(gold), read_region(pred)
    if regions[0] and regions[1]:
        return _compare_regions(regions[0], regions[1], terms, compare_intervals)
    if not (_SAYS_WHERE.search(gold) and _SAYS_WHERE.search(pred)):
        is_read = regions[0] or (tokens_of(gold) and read_chain(gold)) or read_together(gold)[0]
        return Finding(False if is_read else None, "order")
    parts = [[part.strip() for part in _BOTH.split(text)] for text in (gold, pred)]
    if len(parts[0]) > 1:
        return _compare_conditions(parts[0], parts[1], terms, compare)
    wanted, given = read_chain(gold), read_chain(pred)
    if wanted is None or given is None:
        return Finding(None, "order")
    inside = terms.inside(len(wanted.terms))
    if wanted.signs == given.signs and all(
        compare(a, b, inside).same for a, b in zip(wanted.terms, given.terms, strict=True)
    ):
        return Finding(True, "order")
    return Finding(_same_chain(wanted, given), "order")


def _compare_conditions(gold: list[str], pred: list[str], terms: Terms, compare: Compare) -> Finding:
    """``k < 4 and k ≠ 0``: the same conditions in any order."""
    left_over = list(pred)
    for condition in gold if len(gold) == len(pred) else ():
        same = [compare(condition, other, terms.inside(len(gold))).same is True for other in left_over]
        if True not in same:
            return Finding(False, "order")
        left_over.pop(same.index(True))
    return Finding(not left_over and len(gold) == len(pred), "order")


def _compare_regions(gold: Region, pred: Region, terms: Terms, compare_intervals: CompareSequences) -> Finding:
    if (gold.letter and pred.letter and gold.letter != pred.letter) or len(gold.intervals) != len(pred.intervals):
        return Finding(False, "order")
    numbers = sum(r"\infty" not in bound for interval in gold.intervals for bound in interval.elements)
    inside, left_over = terms.inside(numbers), list(pred.intervals)
    for interval in gold.intervals:
        same = [compare_intervals(interval, other, inside).same is True for other in left_over]
        if True not in same:
            return Finding(False, "order")
        left_over.pop(same.index(True))
    return Finding(True, "order")


def _same_chain(gold: Chain, pred: Chain) -> bool | None:
    """Compare inequalities by the signs of their differences; None where those do not tell."""
    if len(gold.terms) != len(pred.terms) or sorted(gold.signs) != sorted(pred.signs):
        return False
    terms = read_together(*gold.terms, *pred.terms)
    read = [term for term in terms if term is not None]
    if len(read) < len(terms):
        return None
    if len(gold.terms) > 2:  # each link says something of its own, and they stand in one order
        return False
    return same_order((read[0], read[1]), (read[2], read[3]))
