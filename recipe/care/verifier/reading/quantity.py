# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Numbers as people write them: a value, how precisely it was printed, and what stands around it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from recipe.care.verifier.reading.arithmetic import Real, Undefined, size
from recipe.care.verifier.reading.expression import read_expression
from recipe.care.verifier.reading.spelling import spell
from recipe.care.verifier.reading.tokens import Refused
from recipe.care.verifier.reading.units import NO_TAIL, find_tail

LARGEST = 10**100
"""Beyond it no answer is meant, and comparing an exact number with a float would overflow."""
_LITERAL = re.compile(r"[-+]? ?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)?(?:\.([0-9]*))?")
_SCIENTIFIC = re.compile(r"[-+]?[0-9]+(?:\.([0-9]+))?\s?\*\s?10\s?\^\s?\{?\s?([-+]?[0-9]{1,3})\s?\}?")
_HAS_LETTERS = re.compile(r"[A-Za-zµμΩ°]")
_E_NOTATION = re.compile(r"(?<=[0-9])[eE](?=[-+]?[0-9]{1,3}(?![0-9]))([-+]?[0-9]+)")
_CURRENCY = re.compile(r"^([-+]?)\s*(?:US|USD)?\s*[¤$€£¥₹]\s*|\s*[¤$€£¥₹]$")
_NAMED_IN_BRACKETS = re.compile(r"\s*\(([A-Za-z°%][A-Za-z° ]*)\)$")


@dataclass(frozen=True)
class Quantity:
    """A number that was read."""

    value: Real
    """Without percent sign, magnitude and unit; a ``Fraction`` where it is exact."""
    decimals: int | None
    """Digits printed behind the point of a plain number (negative for ``3e8``); None for fractions, roots, pi."""
    percent: bool
    """Whether a percent sign follows."""
    magnitude: int
    """1, or the factor of a word such as "million"."""
    unit: str
    """The unit's one name, or empty."""
    unevaluated: bool
    """Whether it is a sum of rational numbers that nobody carried out."""
    nouns: frozenset[str] = frozenset()
    """Counted nouns and other words behind it, in small letters."""

    @property
    def terminates(self) -> bool:
        """Whether finitely many decimals write the value down exactly."""
        if not isinstance(self.value, Fraction):
            return False
        rest = self.value.denominator
        for prime in (2, 5):
            while rest % prime == 0:
                rest //= prime
        return rest == 1


def read_quantity(spelled: str) -> Quantity | None:
    """Read a text as one number.

    Args:
        spelled: As ``spell`` returns it.

    Returns:
        The number, or None where the text is anything else: words, several numbers, an expression in symbols.
    """
    text = _CURRENCY.sub(r"\1", _E_NOTATION.sub(r"*10^{\1}", spelled.strip()))
    text, tail = _NAMED_IN_BRACKETS.sub(r" \1", text), NO_TAIL
    if not text:
        return None
    is_money = _CURRENCY.search(spelled) is not None
    if _HAS_LETTERS.search(text):
        found = find_tail(text)
        if found is None:
            return None
        tail = found
        text = text[: tail.start].rstrip() if tail.start >= 0 else text
    percent = text.endswith("%")
    text = _CURRENCY.sub(r"\1", text[:-1].rstrip() if percent else text)
    decimals = _decimals(text)
    try:
        expression = read_expression(text.rstrip("."))
        if expression.letters:
            return None
        value = expression.value({})
    except (Refused, Undefined):
        return None
    if size(value) > LARGEST:
        return None
    unevaluated = expression.has_sum and isinstance(value, Fraction)
    return Quantity(value, decimals, percent, tail.magnitude, tail.unit or "¤" * is_money, unevaluated, tail.nouns)


def _decimals(text: str) -> int | None:
    """Digits printed behind the point, as if the number were written out; None where it is no plain number."""
    literal = _LITERAL.fullmatch(text)
    if literal:
        return len(literal.group(1) or "")
    scientific = _SCIENTIFIC.fullmatch(text)
    return len(scientific.group(1) or "") - int(scientific.group(2)) if scientific else None


def quantity_of(text: str) -> Quantity | None:
    """``read_quantity(spell(text))``."""
    return read_quantity(spell(text))
