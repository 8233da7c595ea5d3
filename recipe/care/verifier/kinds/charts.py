# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""ChartQA: relaxed numbers, exact years, exact text, ordered lists.

Relaxed accuracy is the dataset's own measure: numbers within 5 percent, everything else exact. Here a percent sign may
mean either reading. Years must be exact, since 2019 for 2017 would be rewarded otherwise; so must seasons such as
2018/19, and fractions, which are nearly all close to each other.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from fractions import Fraction

from recipe.care.verifier.kinds.numbers import NumberPolicy, judge_numbers
from recipe.care.verifier.kinds.text import same_text, text_key
from recipe.care.verifier.problem import Problem, Verdict
from recipe.care.verifier.reading.arithmetic import Real, size
from recipe.care.verifier.reading.normalise import core, plain
from recipe.care.verifier.reading.quantity import Quantity, quantity_of
from recipe.care.verifier.reading.units import differ

TOLERANCE = Fraction(1, 20)
YEARS = range(1500, 2101)
_FRACTION = re.compile(
    r"[-+]?\s*(?:[0-9]+\s+)?(?:[0-9]+\s*/\s*[0-9]+|\\[dt]?frac\s*\{[0-9]+\}\s*\{[0-9]+\})"
    r"(?:\s*\\?%|\s*(?!pi\b|e\b)[A-Za-z][A-Za-z. ]*)?"
)
"""A fraction, with a percent sign or words behind it: ``1/2+3`` is a calculation that was left to others."""
_SEASON = re.compile(
    r"(?:(?:fy|season|the)\s+)*'?((?:[0-9]{2})?)([0-9]{2})\s?[/-]\s?'?((?:[0-9]{2})?)([0-9]{2})(?:\s+season)?",
    re.IGNORECASE,
)
"""A year and the next, as 2018/19, 18/19, 2018-2019."""
_BEFORE_A_YEAR = re.compile(r"(?:(?:in|the|year)\s+){1,3}(?=[0-9]{4}$)", re.IGNORECASE)
_SEPARATOR = re.compile(r"\s*(?:,\s+(?:and\s+)?|\s+and\s+|;)\s*")


def judge_chart(problem: Problem, body: str) -> Verdict:
    """Judge a chart answer; the gold decides whether it is a list, a number or a text."""
    gold = plain(problem.gold)
    if gold.startswith("[") and gold.endswith("]"):
        wanted, given = _elements(gold), _elements(core(body))
        return Verdict(_same_list(problem, wanted, given), "list", ", ".join(given))
    correct, rule = _judge_one(problem, gold, body)
    return Verdict(correct, rule, text_key(core(body)))


def _same_list(problem: Problem, gold: list[str], pred: list[str]) -> bool:
    """Element by element, or in any order where the question asks for no order."""
    if len(gold) != len(pred):
        return False
    problem = replace(problem, asks_for_year=True)  # among several numbers one that looks like a year mostly is one
    if not problem.any_order:
        return all(_judge_one(problem, a, b)[0] for a, b in zip(gold, pred, strict=True))
    left_over = list(pred)
    for element in gold:
        found = next((other for other in left_over if _judge_one(problem, element, other)[0]), None)
        if found is None:
            return False
        left_over.remove(found)
    return True


def _elements(text: str) -> list[str]:
    """The elements of a list written ``[a, b]`` or ``a, b`` or ``a and b``; golds carry no quotes."""
    inside = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    parts = _SEPARATOR.split(inside)
    return [plain(part) for part in (parts if len(parts) > 1 else inside.split(","))]


def _judge_one(problem: Problem, gold: str, pred: str) -> tuple[bool, str]:
    if same_text(gold, pred):
        return True, "text"
    season = _season(core(gold))
    if season:
        return _same_season(season, _season(core(pred))), "year"
    wanted = _chart_number(core(gold))
    if wanted is None:
        return False, "text"
    given = _chart_number(_BEFORE_A_YEAR.sub("", core(pred)))
    if given is None:
        return False, "not_a_number"
    if problem.asks_for_year and _is_year(wanted):
        return wanted.value == given.value and _is_year(given), "year"
    if (wanted.unit and given.unit and wanted.unit != given.unit) or differ(wanted.nouns, given.nouns):
        return False, "unit"
    if wanted.decimals is None and problem.tolerance is None:
        return judge_numbers(wanted, given, NumberPolicy())
    tolerance = TOLERANCE if problem.tolerance is None else Fraction(problem.tolerance)
    pairs = itertools.product(_readings(wanted, given), _readings(given, wanted))
    return any(size(b - a) <= tolerance * size(a) for a, b in pairs), "relaxed"


def _season(text: str) -> tuple[str, str] | None:
    """The first year of a season, and its century where one is given; None for anything else, as 3/4 or 18/20."""
    season = _SEASON.fullmatch(text)
    if season is None or (int(season[2]) + 1) % 100 != int(season[4]) or (season[3] and not season[1]):
        return None
    return season[1], season[2]


def _same_season(gold: tuple[str, str], pred: tuple[str, str] | None) -> bool:
    """Whether two seasons begin in the same year; one of them may leave out the century."""
    return pred is not None and gold[1] == pred[1] and (gold[0] == pred[0] or not (gold[0] and pred[0]))


def _chart_number(text: str) -> Quantity | None:
    """A number that was read off, not an expression that was left to be calculated."""
    number = quantity_of(text)
    if number is None or (number.decimals is None and not _FRACTION.fullmatch(text)):
        return None
    return number


def _is_year(number: Quantity) -> bool:
    is_bare = not number.percent and not number.unit and number.magnitude == 1
    return is_bare and number.decimals is not None and number.value in YEARS


def _readings(number: Quantity, other: Quantity) -> set[Real]:
    """Labels drop percent signs and magnitudes at will, so each is read with and without, unless both sides have it."""
    readings = {number.value * number.magnitude}
    if other.magnitude == 1:
        readings.add(number.value)
    return readings | {number.value / 100} if number.percent and not other.percent else readings
