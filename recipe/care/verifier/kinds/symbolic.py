# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Expressions in symbols: equal or different by their values at fixed points, or left to the parser."""

from __future__ import annotations

from collections.abc import Iterator

from recipe.care.verifier.reading.arithmetic import Undefined
from recipe.care.verifier.reading.expression import Expression, Point
from recipe.care.verifier.reading.tokens import Refused, Token

SAME = 1e-9
DIFFERENT = 1e-6
"""Between the two, rounding may be to blame: undecided."""
FEWEST_POINTS = 3
_SIGNS = (1, 1, 1, 1, -1, -1, -1)
_STEP_OF_LETTER, _STEP_OF_POINT = 0.7548776662466927, 0.5698402909980532
_LATEX_SIGNS = {"≤": r"\le ", "≥": r"\ge ", "≠": r"\ne ", "°": r"^{\circ}", "*": r"\cdot "}


def same_expression(gold: Expression, pred: Expression) -> bool | None:
    """Compare two expressions by value.

    Args:
        gold: The gold.
        pred: The answer.

    Returns:
        True where they agree wherever either is defined, False where they clearly differ somewhere, None if undecided.
    """
    agreed, uncertain = 0, False
    for point in _points(sorted(gold.letters | pred.letters)):
        wanted, given = _value(gold, point), _value(pred, point)
        if wanted is None or given is None:
            uncertain |= wanted is not given
            continue
        gap = abs(wanted - given)
        scale = max(abs(wanted), abs(given), 1e-6)
        if gap > DIFFERENT * scale:
            return False
        agreed += 1
        uncertain |= gap > SAME * scale
    return True if agreed >= FEWEST_POINTS and not uncertain else None


def same_equation(symbol: str, value: Expression, left: Expression, right: Expression) -> bool | None:
    """Compare ``symbol = value`` with the equation ``left = right``.

    Args:
        symbol: A letter that ``value`` does not contain.
        value: What the letter equals.
        left: One side of the other equation.
        right: Its other side.

    Returns:
        False where the value clearly does not satisfy the equation at some point; True where it does everywhere and the
        equation is linear in the symbol with the same slope everywhere, so that nothing else satisfies it; else None.
    """
    slopes = []
    for point in _points(sorted((value.letters | left.letters | right.letters) - {symbol})):
        solved = _value(value, point)
        if solved is None:
            return None
        sides = [
            (_value(left, {**point, symbol: solved + step}), _value(right, {**point, symbol: solved + step}))
            for step in (0.0, 1.0, 2.0)
        ]
        gaps = [one - other for one, other in sides if one is not None and other is not None]
        if len(gaps) < len(sides):
            return None
        scale = max(1.0, *(abs(side) for pair in sides for side in pair if side is not None))
        if abs(gaps[0]) > DIFFERENT * scale:
            return False
        if abs(gaps[0]) > SAME * scale or abs(gaps[2] - 2 * gaps[1]) > SAME * scale:
            return None
        slopes.append(gaps[1])
    steepest = max(map(abs, slopes))
    return True if steepest > SAME and max(slopes) - min(slopes) <= SAME * steepest else None


Sides = tuple[Expression, Expression]


def same_curve(gold: Sides, pred: Sides) -> bool | None:
    """Compare two equations, neither of which is solved for anything.

    Args:
        gold: Left and right side of the gold.
        pred: The answer's.

    Returns:
        True where one is a constant multiple of the other, False where it clearly is not, None if undecided. Equations
        between polynomials that are no multiples of each other say different things, but for factors that never matter.
    """
    return _proportional(gold, pred, only_positive=False)


def same_order(gold: Sides, pred: Sides) -> bool | None:
    """Compare ``left < right`` of both sides in the same way; a negative multiple turns the sign.

    Returns:
        As ``same_curve``; None also where the two hold at the same points and are no multiples of each other.
    """
    return _proportional(gold, pred, only_positive=True)


def _proportional(gold: Sides, pred: Sides, only_positive: bool) -> bool | None:
    ratios = []
    letters = sorted(frozenset().union(*(side.letters for side in (*gold, *pred))))
    for point in _points(letters):
        sides = [_value(side, point) for side in (*gold, *pred)]
        if None in sides:
            continue
        left, right, other_left, other_right = (side for side in sides if side is not None)
        wanted, given = left - right, other_left - other_right
        if abs(wanted) > DIFFERENT * max(1.0, abs(left), abs(right)):
            ratios.append(given / wanted)
    if len(ratios) < FEWEST_POINTS:
        return None
    steepest = max(map(abs, ratios))
    spread = max(ratios) - min(ratios)
    if steepest > SAME and spread <= SAME * steepest:
        return not only_positive or ratios[0] > 0
    if only_positive:
        return False if min(ratios) < 0 else None
    return False if spread > DIFFERENT * steepest or steepest <= SAME else None


def _value(expression: Expression, point: Point) -> float | None:
    try:
        return float(expression.value(point))
    except (Undefined, Refused, OverflowError):
        return None


def _points(letters: list[str]) -> Iterator[Point]:
    """Fixed, spread-out points; the last ones have negative coordinates, which tell ``|x|`` from ``x``."""
    for number, sign in enumerate(_SIGNS, start=1):
        yield {
            letter: (0.3 + 2.4 * ((index * _STEP_OF_LETTER + number * _STEP_OF_POINT) % 1)) * (sign if index % 2 else 1)
            for index, letter in enumerate(letters, start=1)
        }


def to_latex(tokens: tuple[Token, ...]) -> str:
    """Allow-listed tokens as LaTeX, for the parser."""
    parts: list[str] = []
    for token in tokens:
        match token.kind:
            case "command" if token.text.endswith("matrix"):
                parts.append("{" + token.text + "}")
            case "command":
                parts.append(f"\\{token.text}" + ("" if token.text in ("begin", "end") else " "))
            case "number":
                parts.append(token.text.replace(",", ""))
            case "mixed":
                whole, _, part = token.text.partition(" ")
                parts.append(f"({whole}+{part.strip()})")
            case "sign":
                parts.append(_LATEX_SIGNS.get(token.text, token.text))
            case _:
                parts.append(token.text)
    return "".join(parts)
