# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Expressions and equations in symbols, compared by value; the parser may have what has none."""

from __future__ import annotations

import re

from recipe.care.verifier.kinds.equations import Equation
from recipe.care.verifier.kinds.finding import Finding
from recipe.care.verifier.kinds.symbolic import same_curve, same_equation, same_expression
from recipe.care.verifier.kinds.text import text_key
from recipe.care.verifier.reading.expression import LOG_BASE, NO_NAMES, Expression, read_or_none
from recipe.care.verifier.reading.names import names_of
from recipe.care.verifier.reading.structure import split_top
from recipe.care.verifier.reading.tokens import Refused, Token, tokenize

_LETTERS_ONLY = re.compile("[A-Za-z]{2,}")
_OVER_A_LETTER = re.compile(
    r"\\(?:sqrt|sin|cos|tan|cot|sec|csc|arc|ln|log|exp)|\||/\s*[^+\-=]*[A-Za-z]|\^\s*\{?\s*[-A-Za-z]"
    r"|\\frac\s*\{(?:[^{}]|\{[^{}]*\})*\}\s*\{[^}]*[A-Za-z]"
)
"""What makes an equation more than one between polynomials."""


def compare_expressions(gold: str, pred: str, gold_is_number: bool) -> Finding:
    """Compare two spelled texts that hold neither lists nor relations.

    A gold with a value is never shown to the parser: an answer without one is no answer to it.
    """
    if _LETTERS_ONLY.fullmatch(gold):
        return Finding(text_key(gold) == text_key(pred), "text")
    wanted, given = read_together(gold, pred)
    if wanted and given:
        if bool(wanted.letters) != bool(given.letters - {LOG_BASE}) and (gold_is_number or not given.letters):
            return Finding(False, "not_a_number" if gold_is_number else "symbolic")
        return Finding(same_expression(wanted, given), "symbolic")
    if wanted:
        return Finding(False, "not_a_number" if gold_is_number else "no_expression")
    if tokens_of(gold) is None:  # prose is compared as text; LaTeX that nobody can read settles nothing
        same_text = text_key(gold) == text_key(pred)
        return Finding(same_text if same_text or "\\" not in gold else None, "text")
    if len(split_top(gold, "=")) > 1 and "=" not in pred:  # a value alone does not say what the equation says
        return Finding(False, "equation")
    return Finding(None, "parser")


def same_left_side(gold: str, pred: str) -> bool:
    """Whether two left sides are the same sum or product in another order."""
    wanted, given = read_together(gold, pred)
    return wanted is not None and given is not None and same_expression(wanted, given) is True


def same_sides(gold: str, pred: str, explicit: Equation | None) -> bool | None:
    """Whether an answer is another form of the gold's equation; None where that needs solving, or there are not two."""
    wanted, given = split_top(gold, "="), split_top(pred, "=")
    if len(wanted) != 2 or len(given) != 2:
        return None
    sides = read_together(*wanted, *given)
    if explicit:
        value, name = read_together(explicit.value, *given)[0], explicit.name
        if (
            value
            and sides[2]
            and sides[3]
            and name not in value.letters
            and name in sides[2].letters | sides[3].letters
        ):
            return same_equation(name, value, sides[2], sides[3])
    if not (sides[0] and sides[1] and sides[2] and sides[3]):
        return None
    same = same_curve((sides[0], sides[1]), (sides[2], sides[3]))
    is_settled = same or not (_OVER_A_LETTER.search(gold) or _OVER_A_LETTER.search(pred))
    return same if is_settled else None


def read_together(*spelled: str) -> list[Expression | None]:
    """Read the texts of one comparison, whose letters mean the same in all of them; None for each that has no value."""
    tokens = [tokens_of(text) for text in spelled]
    names = names_of(*(some for some in tokens if some)) if all(tokens) else NO_NAMES
    return [read_or_none(text, names) for text in spelled]


def tokens_of(spelled: str) -> tuple[Token, ...] | None:
    """The tokens, or None where the text is no maths."""
    try:
        return tokenize(spelled)
    except Refused:
        return None
