# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Parts of the number line: inequalities, intervals and unions of them, in one form whichever way they are written."""

from __future__ import annotations

import re
from dataclasses import dataclass

from recipe.care.verifier.reading.quantity import read_quantity
from recipe.care.verifier.reading.structure import SYMBOL, Sequence, read_chain, read_sequence

_UNION = re.compile(r"\\(?:cup|lor)(?![A-Za-z])|(?<![A-Za-z])or(?![A-Za-z])")
_BOTH = re.compile(r"\\land(?![A-Za-z])|(?<![A-Za-z])and(?![A-Za-z])")
_ALL = re.compile(r"\\mathbb\s*\{?\s*R\s*\}?")
_INFINITY = re.compile(r"[-+]?\s*\\infty")
MOST_PARTS = 8


@dataclass(frozen=True)
class Region:
    """A union of intervals."""

    letter: str
    """The letter of inequalities; empty for intervals, which name none."""
    intervals: tuple[Sequence, ...]


def read_region(spelled: str) -> Region | None:
    r"""Read ``x < 1 or x \ge 3``, ``(-\infty, 1) \cup [3, \infty)``, ``x \ne 2``; None for anything else."""
    letters: set[str] = set()
    intervals: list[Sequence] = []
    parts = _UNION.split(spelled)
    for part in parts if len(parts) <= MOST_PARTS else ():
        read = _read_part(part.strip())
        if read is None:
            return None
        letters.add(read.letter)
        intervals.extend(read.intervals)
    return Region(letters.pop(), tuple(intervals)) if len(letters) == 1 else None


def is_infinite(spelled: str) -> bool:
    """Whether a text is infinity, with or without a sign."""
    return _INFINITY.fullmatch(spelled) is not None


def _read_part(spelled: str) -> Region | None:
    both = _BOTH.split(spelled)
    return _read_one(spelled) if len(both) == 1 else _meet([_read_one(part.strip()) for part in both])


def _meet(rays: list[Region | None]) -> Region | None:
    """``x > 1 and x < 3`` as one interval; None for anything but a lower and an upper bound."""
    read = [ray for ray in rays if ray and len(ray.intervals) == 1]
    if len(read) != 2 or len(rays) != 2 or read[0].letter != read[1].letter:
        return None
    low, high = sorted((ray.intervals[0] for ray in read), key=lambda ray: is_infinite(ray.elements[0]))
    if not (is_infinite(low.elements[1]) and is_infinite(high.elements[0])) or is_infinite(low.elements[0]):
        return None
    return Region(read[0].letter, (Sequence(low.opening, high.closing, (low.elements[0], high.elements[1])),))


def _read_one(spelled: str) -> Region | None:
    if _ALL.fullmatch(spelled):
        return Region("", (_interval(r"-\infty", r"\infty"),))
    chain = read_chain(spelled)
    if chain is None:
        sequence = read_sequence(spelled)
        is_interval = sequence is not None and sequence.opening in ("(", "[") and sequence.closing in (")", "]")
        return Region("", (sequence,)) if sequence and is_interval and _are_bounds(sequence.elements) else None
    terms, signs = chain.terms, chain.signs
    if len(terms) == 2:
        letter_first = SYMBOL.fullmatch(terms[0]) is not None
        letter, bound = terms if letter_first else terms[::-1]
        if not SYMBOL.fullmatch(letter) or not _are_bounds((bound,)):
            return None
        if signs[0] == "≠":
            return Region(letter, (_interval(r"-\infty", bound), _interval(bound, r"\infty")))
        low, high = (r"-\infty", bound) if letter_first else (bound, r"\infty")
        closed = signs[0] == "≤"
        return Region(letter, (_interval(low, high, closed and not letter_first, closed and letter_first),))
    if len(terms) != 3 or not SYMBOL.fullmatch(terms[1]) or not _are_bounds((terms[0], terms[2])):
        return None
    return Region(terms[1], (_interval(terms[0], terms[2], signs[0] == "≤", signs[1] == "≤"),))


def _are_bounds(terms: tuple[str, ...]) -> bool:
    return len(terms) <= 2 and all(is_infinite(term) or read_quantity(term) is not None for term in terms)


def _interval(low: str, high: str, with_low: bool = False, with_high: bool = False) -> Sequence:
    return Sequence("[" if with_low else "(", "]" if with_high else ")", (low, high))
