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
"""The synthetic tasks (``tiny_*``): exact numbers, options and words, by ``answer_type``."""

from __future__ import annotations

import re
from fractions import Fraction

from recipe.care.errors import CareDataError
from recipe.care.verifier.choice import judge_choice
from recipe.care.verifier.normalise import core
from recipe.care.verifier.problem import Problem, Verdict
from recipe.care.verifier.text import judge_text

_DECIMAL = re.compile(r"[-+]?[0-9]{1,40}(?:\.[0-9]{1,40})?")


def judge_tiny(problem: Problem, body: str) -> Verdict:
    """Judge by the row's answer type, which these tasks always state."""
    match problem.answer_type:
        case "number":
            return _judge_number(problem, body)
        case "choice":
            return judge_choice(problem, body)
        case "text":
            return judge_text(problem, body)
    raise CareDataError(
        f"extra_info.answer_type={problem.answer_type!r}: a tiny_* row needs 'number', 'choice' or 'text'."
    )


def _judge_number(problem: Problem, body: str) -> Verdict:
    pred = core(body)
    if not _DECIMAL.fullmatch(pred):
        return Verdict(False, "not_a_number", pred)
    return Verdict(Fraction(pred) == Fraction(core(problem.gold)), "number", pred)
