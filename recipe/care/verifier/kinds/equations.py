# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Equations: what stands left of the sign, and whether several signs in a row contradict each other."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from recipe.care.verifier.kinds.numbers import NumberPolicy, judge_numbers
from recipe.care.verifier.kinds.symbolic import same_expression
from recipe.care.verifier.reading.boxes import DOUBT
from recipe.care.verifier.reading.expression import read_or_none
from recipe.care.verifier.reading.quantity import Quantity, read_quantity
from recipe.care.verifier.reading.structure import SYMBOL, Sequence, is_list, read_sequence, split_top

_SUBSCRIPT = re.compile(r"_\s*(?:\{[^{}]{1,20}\}|[A-Za-z0-9])|(?<=\\angle)\s*[0-9]{1,2}")
_PHRASE = re.compile(r"[^0-9^=<>≤≥≠!,;|]{1,40}")
_SEVERAL = re.compile(r"[,;:<>≤≥]|\.\s|[A-Za-z]{4,} [A-Za-z]{2,}|\\cup(?![A-Za-z])|[一-鿿]")
_TO_BE_SOLVED = re.compile(r"\s*(?:[-+]|\\(?:sqrt|ln|log|exp)(?![A-Za-z]))")
"""A left side that starts like this equals the value without being what was asked for: ``-x = 5``."""
_TUPLE = re.compile(r"\((?:\s*[A-Za-z]\s*,?)+\)")
_POINTS = r"(?:[A-Z]'*\s*){1,5}"
_MARKED = rf"\\(?:overline|overrightarrow|vec|bar|hat)(?![A-Za-z])\s*(?:\{{(?:{_POINTS}|[a-z])\}}|[A-Za-z])"
_ONE_QUANTITY = re.compile(
    r"(?:\\(?:sin|cos|tan|cot)(?![A-Za-z])\s*)?(?:"
    + "|".join(
        (
            r"[A-Za-z]|\\(?!frac|sqrt)[A-Za-z]+",
            _POINTS,
            rf"(?:m\s*)?\\(?:angle|triangle)(?![A-Za-z])\s*(?:{_POINTS}|[a-z]|\\[a-z]+)?",
            _MARKED,
            rf"\|\s*(?:[A-Z]'*\s*){{2}}\||\|\s*{_MARKED}\s*\|",
            r"[fghFGHP]'?\s*\([^()]{1,20}\)",
            r"p[HK]|[A-Za-z]{4,}(?: [A-Za-z]+)*",
        )
    )
    + r")\s*"
)
"""The name of a segment, an angle, its sine, a vector or its length, a function's value; or a word, as ``Area``."""
_OTHER_QUANTITY = re.compile(r"[A-Z]|\\(?:angle|triangle|overline|overrightarrow|vec)(?![A-Za-z])")
_PLUS_MINUS = re.compile(r"\\(pm|mp)(?![A-Za-z])\s*")


@dataclass(frozen=True)
class Equation:
    """``name = value``."""

    name: str
    """The left side without spaces and subscript braces."""
    is_symbol: bool
    """Whether the left side is one symbol, such as ``x`` or ``f(x)``, and not a phrase."""
    is_quantity: bool
    """Whether the left side names one quantity, such as ``AB``, and the value is not another one's: ``AB = 2CD``."""
    value: str
    """The last side; ``x = 10/2 = 5`` has 5."""


def read_equation(spelled: str) -> Equation | None:
    """Split ``name = value`` or ``3 = x``; None for a list, and where the left side holds more than names."""
    if "=" not in spelled or is_list(spelled):
        return None
    sides = [side.strip() for side in split_top(spelled, "=")]
    if len(sides) == 2 and _is_symbol(sides[1]) and not _is_symbol(sides[0]) and read_quantity(sides[0]):
        sides.reverse()
    name, value = sides[0], sides[-1]
    bare = _SUBSCRIPT.sub("", name)
    if not all(_leads_on(name, side, value) for side in sides[1:-1]):
        return None
    if not value or len(sides) < 2 or DOUBT.search(name) or not (_is_name(name) or _TUPLE.fullmatch(bare)):
        return None
    is_known = read_quantity(value) is not None or not _OTHER_QUANTITY.search(value)
    is_quantity = is_known and _ONE_QUANTITY.fullmatch(bare) is not None
    return Equation(re.sub(r"[\s{}]", "", name), _is_symbol(name), is_quantity, value)


def _leads_on(name: str, side: str, value: str) -> bool:
    """Whether a side between others is a step to the value, and not another answer: ``y = 3x; y = 2x``."""
    if (
        DOUBT.search(side)
        or _SEVERAL.search(side)
        or re.search(rf"(?<![A-Za-z\\]){re.escape(name)}(?![A-Za-z_0-9])", side)
    ):
        return False
    wanted, given = read_or_none(value), read_or_none(side)
    if not (wanted and given and wanted.letters and wanted.letters == given.letters):
        return True
    return same_expression(wanted, given) is not False


def _is_symbol(side: str) -> bool:
    return SYMBOL.fullmatch(_SUBSCRIPT.sub("", side)) is not None


def _is_name(side: str) -> bool:
    bare = _SUBSCRIPT.sub("", side)
    is_phrase = _PHRASE.fullmatch(bare) is not None and not _TO_BE_SOLVED.match(bare)
    return is_phrase or _ONE_QUANTITY.fullmatch(bare) is not None


def without_approximation(spelled: str) -> str:
    """What an answer with ``≈`` commits to: the exact side if it has one, else the number behind a name."""
    sides = [side.strip() for side in spelled.split("≈")]
    return next((side for side in sides if side and not _is_name(side)), sides[-1])


def settle(spelled: str) -> str | None:
    """Read what an answer with equal signs comes to.

    Args:
        spelled: A spelled answer.

    Returns:
        The last side of ``2^10 = 1024``; what is no equation between numbers, as it is. None where two sides are
        different numbers.
    """
    if "=" not in spelled or is_list(spelled):
        return spelled
    numbers = _numbers(spelled)
    known = [number for number in numbers if number]
    if any(not _may_equal(known[-1], number) for number in known[:-1]):
        return None
    return split_top(spelled, "=")[-1].strip() if len(known) == len(numbers) else spelled


def numeric_sides(spelled: str) -> list[Quantity] | None:
    """The sides of an equation between numbers; None for any other."""
    numbers = _numbers(spelled)
    known = [number for number in numbers if number]
    return known if len(known) == len(numbers) > 1 else None


def _numbers(spelled: str) -> list[Quantity | None]:
    """The sides as numbers, calculated; a lone letter is none, for ``e`` is often an eccentricity."""
    sides = [side.strip() for side in split_top(spelled, "=")]
    numbers = [None if _is_symbol(side) else read_quantity(side) for side in sides]
    return [replace(number, unevaluated=False) if number else None for number in numbers]


def _may_equal(last: Quantity, other: Quantity) -> bool:
    """Whether two sides are one number, the last perhaps rounded or in another unit."""
    if last.unit and other.unit and last.unit != other.unit:
        return True
    return judge_numbers(last, other, NumberPolicy(rounds_golds=True))[0]


def as_pair(spelled: str) -> Sequence | None:
    r"""Two values in no order: of ``x = 2 \pm \sqrt{3}``, or of a bare list of two; None for anything else."""
    if _PLUS_MINUS.search(spelled):
        signs = _PLUS_MINUS.findall(spelled)
        if "pm" not in signs or (len(signs) > 1 and "mp" not in signs):  # two \pm may be four values
            return None
        return Sequence("{", "}", (_with_sign(spelled, "+-"), _with_sign(spelled, "-+")))
    listed = read_sequence(spelled)
    if listed is None or listed.opening not in ("", "{") or len(listed.elements) != 2:
        return None
    sides = [element.rpartition("=") for element in listed.elements]
    names = [_SUBSCRIPT.sub("", name).strip() for name, sign, _ in sides if sign]
    if len(set(names)) > 1:
        return None
    named = tuple(f"{names[0]}={value}" for _, _, value in sides) if len(names) == 2 else listed.elements
    return Sequence("{", "}", named)


def _with_sign(spelled: str, signs: str) -> str:
    return _PLUS_MINUS.sub(lambda sign: signs[sign[1] == "mp"], spelled)


def read_assignments(spelled: str) -> dict[str, str] | None:
    """The values by name of ``x = 5, y = 3``; None where an element is no equation, or a name comes twice."""
    listed = read_sequence(spelled)
    if listed is None or listed.opening not in ("", "{", "("):
        return None
    equations = [read_equation(element) for element in listed.elements]
    named = {equation.name: equation.value for equation in equations if equation}
    return named if len(named) == len(listed.elements) else None


def as_solutions(spelled: str) -> Sequence | None:
    """The values of ``x = 1 or x = 4``, in no order; None where the elements have no name, or different ones."""
    listed = read_sequence(spelled)
    if listed is None or listed.opening:
        return None
    equations = [read_equation(element) for element in listed.elements]
    values = tuple(f"{equation.name}={equation.value}" for equation in equations if equation)
    is_one_letter = len({equation.name for equation in equations if equation and equation.is_symbol}) == 1
    return Sequence("{", "}", values) if is_one_letter and len(values) == len(equations) else None
