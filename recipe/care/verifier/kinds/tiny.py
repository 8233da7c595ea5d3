# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The synthetic tasks (``tiny_*``): plain numbers, options and words. They never need the parser."""

from __future__ import annotations

from recipe.care.errors import CareDataError
from recipe.care.verifier.kinds.numbers import NumberPolicy, judge_numbers
from recipe.care.verifier.problem import Problem, Verdict
from recipe.care.verifier.reading.quantity import read_quantity
from recipe.care.verifier.reading.spelling import spell


def answer_type(problem: Problem) -> str:
    """The row's answer type, which these tasks always state."""
    if problem.answer_type not in ("number", "choice", "text"):
        raise CareDataError(
            f"extra_info.answer_type={problem.answer_type!r}: a tiny_* row needs 'number', 'choice' or 'text'."
        )
    return problem.answer_type


def judge_plain_number(problem: Problem, body: str) -> Verdict:
    """Accept a number of equal value, or within the row's tolerance if it has one."""
    wanted, pred = read_quantity(spell(problem.gold)), spell(body)
    if wanted is None:
        return Verdict(False, "bad_gold", pred, verified=False)
    given = read_quantity(pred)
    if given is None:
        return Verdict(False, "not_a_number", pred)
    correct, rule = judge_numbers(wanted, given, NumberPolicy(tolerance=problem.tolerance))
    return Verdict(correct, rule, pred)
