# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""When two numbers count as the same answer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from recipe.care.verifier.reading.arithmetic import Real, size
from recipe.care.verifier.reading.quantity import Quantity
from recipe.care.verifier.reading.units import differ

SAME_FORM = 1e-9
"""Relative difference allowed between exact forms: both are good to 15 digits, so 1e-6 would only admit neighbours."""
LONG_DECIMAL = 1e-6
"""Relative difference allowed between decimals that both print at least ``DECIMALS_OF_A_LONG_ONE`` digits."""
DECIMALS_OF_A_LONG_ONE = 5
PRECISE = 1e-6
"""Relative difference allowed from a dataset's unrounded value, beyond what either prints."""
FEWEST_DECIMALS = 2
"""A decimal stands for a root, pi or a repeating fraction only if it prints at least this many digits."""
NEAR_ZERO = 1e-12
"""Difference allowed from a gold of exactly 0: cancelling floats leave as much. Other golds may be as small."""


@dataclass(frozen=True)
class NumberPolicy:
    """What a source allows beyond equal values."""

    rounds_golds: bool = False
    """Golds such as 9.4 are roundings: any answer that rounds to them is right."""
    tolerance: float | None = None
    """The row's relative tolerance."""
    precise_value: float | None = None
    """The row's unrounded value. What is known needs no window: see ``_agrees_with_precise``."""

    def inside(self, numbers: int) -> NumberPolicy:
        """The policy for the parts of a structure: one unrounded value says nothing of several numbers.

        Args:
            numbers: How many numbers the gold's structure holds.

        Returns:
            This policy, or one that neither knows an unrounded value nor makes up for it by a window.
        """
        if self.precise_value is None or numbers == 1:
            return self
        return replace(self, rounds_golds=False, precise_value=None)


def judge_numbers(gold: Quantity, pred: Quantity, policy: NumberPolicy) -> tuple[bool, str]:
    """Compare two numbers with their units and percent signs.

    Args:
        gold: The gold.
        pred: The answer.
        policy: What the source allows.

    Returns:
        Whether the answer is right, and the name of the rule that decided.
    """
    if (gold.unit and pred.unit and gold.unit != pred.unit) or differ(gold.nouns, pred.nouns):
        return False, "unit"
    if pred.unevaluated and not gold.unevaluated and isinstance(gold.value, Fraction):
        return False, "unevaluated"
    readings = [(_scaled(gold, gold.magnitude), _scaled(pred, pred.magnitude))]
    if gold.percent != pred.percent:  # 50% is 50 to some and 0.5 to others; where both print the sign it cancels
        wanted, given = readings[0]
        hundredth = Fraction(1, 100)
        readings.append((_scaled(wanted, hundredth), given) if gold.percent else (wanted, _scaled(given, hundredth)))
    for wanted, given in readings:
        rule = _agree(wanted, given, policy)
        if rule:
            return True, rule
    return False, "number"


def same_quantity(gold: Quantity, pred: Quantity) -> bool:
    """Whether two numbers are the same without any allowance, but for a unit that one of them leaves out.

    Args:
        gold: The gold.
        pred: The answer.

    Returns:
        True where values, percent signs, and units and words as far as both have them, are equal.
    """
    if (gold.unit and pred.unit and gold.unit != pred.unit) or differ(gold.nouns, pred.nouns):
        return False
    one, other = _scaled(gold, gold.magnitude), _scaled(pred, pred.magnitude)
    is_exact = isinstance(one.value, Fraction) and isinstance(other.value, Fraction)
    gap = size(one.value - other.value)
    return gold.percent == pred.percent and (gap == 0 if is_exact else gap <= SAME_FORM * float(size(one.value)))


def _scaled(number: Quantity, factor: Fraction | int) -> Quantity:
    """The number times a power of ten; its last printed digit moves along."""
    shift = len(str(factor)) - 1 if factor >= 1 else -len(str(1 / factor)) + 1
    decimals = None if number.decimals is None else number.decimals - shift
    return replace(number, value=number.value * factor, decimals=decimals)


def _agree(gold: Quantity, pred: Quantity, policy: NumberPolicy) -> str:
    """The rule under which two values agree, or an empty string."""
    gap = size(gold.value - pred.value)
    if _same_value(gold, pred, gap):
        return "number"
    if policy.tolerance is not None and gap <= policy.tolerance * size(gold.value):
        return "tolerance"
    if policy.precise_value is not None and gold.decimals is not None:
        return "precise" if _agrees_with_precise(gold, pred, policy.precise_value) else ""
    if _prints_decimals_of(gold, pred) and gap <= _half_unit(pred):
        return "rounded"
    if _prints_decimals_of(pred, gold) and gap <= _half_unit(gold):
        return "rounded"
    if policy.rounds_golds and _is_finer(pred, gold) and gap <= _half_unit(gold):
        return "rounded"
    return ""


def _agrees_with_precise(gold: Quantity, pred: Quantity, precise: float) -> bool:
    """Whether an answer to a printed gold is the unrounded value behind it, exactly or rounded to the digits it prints.

    2.46 rounds to a gold of 2.5, but not where the unrounded value is 2.5; and of 18.8091 the answer 18.82 is wrong.
    """
    decimals = gold.decimals or 0
    printed = -int(Decimal(repr(precise)).as_tuple().exponent)
    room = max(PRECISE * abs(precise), 0.5 * 10.0**-printed if printed > decimals else 0.0)
    gap = size(pred.value - precise)
    if pred.decimals is None:
        return gap <= room and size(pred.value - gold.value) <= _half_unit(gold)
    return pred.decimals > decimals and gap <= max(float(_half_unit(pred)), room)


def _same_value(gold: Quantity, pred: Quantity, gap: Real) -> bool:
    if isinstance(gold.value, Fraction) and isinstance(pred.value, Fraction):
        return gap == 0 or (_are_long_decimals(gold, pred) and gap <= LONG_DECIMAL * size(gold.value))
    return gap <= (NEAR_ZERO if gold.value == 0 else SAME_FORM * float(size(gold.value)))


def _are_long_decimals(gold: Quantity, pred: Quantity) -> bool:
    """Whether two plain numbers differ, if at all, in the last of many digits."""
    if gold.decimals is None or pred.decimals is None:
        return False
    fewest = min(gold.decimals, pred.decimals)
    return fewest >= DECIMALS_OF_A_LONG_ONE and size(gold.value - pred.value) <= Fraction(1, 10**fewest)


def _prints_decimals_of(exact: Quantity, rounded: Quantity) -> bool:
    """Whether one side is a root, a multiple of pi or a repeating fraction and the other prints enough decimals.

    They must not all be zeros: 0.00 is what everything small rounds to.
    """
    is_exact_form = exact.decimals is None and not exact.terminates
    prints_enough = rounded.decimals is not None and rounded.decimals >= FEWEST_DECIMALS
    return is_exact_form and prints_enough and rounded.value != 0


def _is_finer(pred: Quantity, gold: Quantity) -> bool:
    """Whether the gold prints decimals and the answer is an exact form or prints more of them."""
    if gold.decimals is None or gold.decimals < 1 or gold.value == 0:
        return False
    return pred.decimals is None or pred.decimals > gold.decimals


def _half_unit(number: Quantity) -> Fraction:
    """Half a unit in the last printed digit, with room for the rounding of a float."""
    return Fraction(10) ** -(number.decimals or 0) / 2 * (1 + Fraction(1, 10**9))
