# Copyright 2026 The CARE-verl authors
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""Text answers: equality of the whole text, never a part of it."""

from __future__ import annotations

import re

from recipe.care.verifier.chemistry import formula_key, is_formula
from recipe.care.verifier.normalise import core, plain
from recipe.care.verifier.problem import Problem, Verdict

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
