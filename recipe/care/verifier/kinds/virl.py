# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""ViRL39K: choice, text or maths, by the row's answer type or, where that is unknown, by the look of its gold."""

from __future__ import annotations

import re
from collections.abc import Sequence

from recipe.care.verifier.problem import Problem
from recipe.care.verifier.reading.normalise import plain
from recipe.care.verifier.reading.quantity import quantity_of
from recipe.care.verifier.reading.spelling import spell
from recipe.care.verifier.reading.structure import read_sequence
from recipe.care.verifier.reading.tokens import Refused, tokenize

_ONE_LETTER = re.compile(r"\(?[A-J]\)?")
_MATHS_SIGN = re.compile(r"[0-9\\^=<>≤≥≠+*/(){}\[\]|]")


def infer_answer_type(gold: str, options: Sequence[str]) -> str:
    """Tell what kind of answer a gold is.

    Args:
        gold: The gold's text.
        options: The options the question shows; empty where there are none or they are unknown.

    Returns:
        ``choice``, ``number``, ``latex`` or ``text``.
    """
    if options or _ONE_LETTER.fullmatch(plain(gold)):
        return "choice"
    spelled = spell(gold)
    if quantity_of(gold) is not None:
        return "number"
    parts = read_sequence(spelled)
    try:
        for part in parts.elements if parts else (spelled,):
            tokenize(part)
    except Refused:
        return "latex" if "\\" in spelled else "text"
    return "latex" if _MATHS_SIGN.search(spelled) or len(plain(gold)) == 1 else "text"


def answer_type(problem: Problem) -> str:
    """The row's answer type, inferred where the row does not say."""
    return problem.answer_type or infer_answer_type(problem.gold, problem.options)
