# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Text answers: equality of the whole text, never a part of it."""

from __future__ import annotations

import re

from recipe.care.verifier.kinds.chemistry import formula_key, is_formula
from recipe.care.verifier.problem import Problem, Verdict
from recipe.care.verifier.reading.normalise import core, plain

_LATEX_TEXT = re.compile(r"\\(?:text[a-z]{0,6}|mathrm|mbox)\s*\{([^{}]*)\}")
_INDEX = re.compile(r"(?<=[A-Za-z)])_(?:\{([0-9]+)\}|([0-9]))")
_ESCAPED = re.compile(r"\\([%$&#_{}])")
_RANGE = re.compile(r"(?<=[0-9]) ?- ?(?=[0-9])")
_SPACES = re.compile(r"\s+")


def text_key(text: str) -> str:
    """The text as it is compared: without wrappings, case folded, single spaces, no outer quotes or final full stop."""
    key = _INDEX.sub(r"\1\2", _LATEX_TEXT.sub(r"\1", plain(text)))
    key = _ESCAPED.sub(r"\1", key).replace("~", " ")
    return _RANGE.sub("-", _SPACES.sub(" ", key)).strip().casefold()


def same_text(gold: str, pred: str) -> bool:
    """Whether an answer is the gold's text, as it stands or behind "The answer is"; the gold keeps all its words."""
    wanted, given = (_LATEX_TEXT.sub(r"\1", text) for text in (plain(gold), core(pred)))
    if is_formula(wanted) and formula_key(given):  # Co2 is not CO2, though small letters count nowhere else
        return formula_key(wanted) == formula_key(given)
    return text_key(gold) in (text_key(pred), text_key(core(pred)))


def judge_text(problem: Problem, body: str) -> Verdict:
    """Accept a text that equals the gold."""
    return Verdict(same_text(problem.gold, body), "text", text_key(core(body)))
