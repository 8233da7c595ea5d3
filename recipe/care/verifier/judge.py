# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""One answer, one verdict: the limits and the gold's fitness, then the source's rule, remembered."""

from __future__ import annotations

import re

from recipe.care.verifier.cache import VERDICTS
from recipe.care.verifier.problem import Problem, Verdict
from recipe.care.verifier.reading.normalise import clean, core
from recipe.care.verifier.sources import Source

LONGEST = 256
LONGEST_LATEX = 1000
BEYOND_AN_OPTION = 64
"""An answer may be this much longer than the longest option: room for the letter and some words around it."""
_BRACES = re.compile(r"\\\\|(?<!\\)[{}]")
_PAIRS = ((r"\left", r"\right"), (r"\begin", r"\end"))


def judge(source: Source, problem: Problem, body: str) -> Verdict:
    """Decide about an answer.

    Args:
        source: The rules to use.
        problem: What the row asks for.
        body: What stood between the answer tags.

    Returns:
        The verdict; equal arguments always give an equal one, except where the parser ran out of time or died.
    """
    longest_option = max(map(len, problem.options), default=0)
    if len(body) > max(LONGEST_LATEX, longest_option + BEYOND_AN_OPTION):
        return Verdict(False, "too_long")
    answer = clean(body)
    return VERDICTS.get((problem, answer), lambda: _judge_anew(source, problem, answer, longest_option))


def _judge_anew(source: Source, problem: Problem, answer: str, longest_option: int) -> Verdict:
    kind = source.answer_type(problem)
    limit = LONGEST_LATEX if kind == "latex" else max(LONGEST, longest_option + BEYOND_AN_OPTION)
    if len(answer) > limit:
        return Verdict(False, "too_long")
    if not _is_usable(problem.gold, kind):
        return Verdict(False, "bad_gold", core(answer), verified=False)
    if not core(answer):
        return Verdict(False, "empty_answer")
    return source.judges[kind](problem, answer)


def _is_usable(gold: str, kind: str) -> bool:
    """Whether a gold can be right or wrong.

    "None" in a set of mathematical questions is what a well-known extractor returned for a gold it could not read; a
    model that prints it would be marked right.
    """
    text = core(gold)
    if not text or kind == "chart":
        return bool(text)
    braces = "".join(_BRACES.findall(text))
    is_balanced = braces.count("{") == braces.count("}") and all(
        text.count(opening) == text.count(closing) for opening, closing in _PAIRS
    )
    return is_balanced and (text != "None" or kind == "choice")
