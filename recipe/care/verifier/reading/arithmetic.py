# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Real numbers: exact fractions as long as possible, floats from then on, never beyond a size that stays cheap."""

from __future__ import annotations

import math
from fractions import Fraction

from recipe.care.verifier.reading.tokens import LARGEST_EXPONENT, Refused

Real = Fraction | float
MOST_BITS = 20_000


class Undefined(Exception):
    """The expression has no real value at this point (or none within bounds). Never leaves the package."""


def size(value: Real) -> Real:
    """The absolute value."""
    return -value if value < 0 else value


def bounded(value: Real) -> Real:
    """Return ``value``; raise ``Undefined`` where it is too large to go on with."""
    if isinstance(value, float):
        is_small = math.isfinite(value)
    else:
        is_small = max(value.numerator.bit_length(), value.denominator.bit_length()) <= MOST_BITS
    if not is_small:
        raise Undefined("too many digits")
    return value


def mixed_number(text: str) -> Fraction:
    """``3 1/2``; improper ones are refused, since they are more likely a product or a slip."""
    whole, _, fraction = text.partition(" ")
    part = Fraction(fraction.strip())
    if part >= 1:
        raise Refused("mixed number")
    return int(whole) + part


def small_natural(value: Real) -> int:
    """The argument of a factorial or the degree of a root."""
    if not isinstance(value, Fraction) or value.denominator != 1 or not 0 <= value <= 100:
        raise Refused("not a small whole number")
    return value.numerator


def power(base: Real, exponent: Real) -> Real:
    """``base ** exponent`` in the reals; exact where both are rational and a root comes out even."""
    if size(exponent) > LARGEST_EXPONENT:
        raise Undefined("exponent")
    if isinstance(exponent, Fraction) and exponent.denominator == 1:
        if isinstance(base, Fraction):
            bits = max(base.numerator.bit_length(), base.denominator.bit_length()) * abs(exponent.numerator)
            if bits > MOST_BITS:
                raise Undefined("too many digits")
        return base**exponent.numerator
    if base < 0:
        raise Undefined("power of a negative number")
    if isinstance(base, Fraction) and isinstance(exponent, Fraction) and exponent.denominator <= 100:
        return power(root(base, exponent.denominator), Fraction(exponent.numerator))
    return float(base) ** float(exponent)


def root(value: Real, degree: int) -> Real:
    """The real root of a degree; exact where the number is a perfect power."""
    if degree == 0:
        raise Undefined("zeroth root")
    if value < 0:
        if degree % 2 == 0:
            raise Undefined("root of a negative number")
        return -root(-value, degree)
    if isinstance(value, Fraction):
        numerator, denominator = _whole_root(value.numerator, degree), _whole_root(value.denominator, degree)
        if Fraction(numerator, denominator) ** degree == value:
            return Fraction(numerator, denominator)
    return float(value) ** (1 / degree)


def _whole_root(value: int, degree: int) -> int:
    """The whole number nearest to a root; only a candidate, to be checked by the caller."""
    return math.isqrt(value) if degree == 2 else max(1, round(value ** (1 / degree)))
