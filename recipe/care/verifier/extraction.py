# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""From a response to the text that is graded, and the format credit.

The two are independent: a right answer without a rationale keeps its accuracy, a wrong one in good form its format.
"""

from __future__ import annotations

from dataclasses import dataclass

from recipe.care.text.tags import TAGS, find_spans


@dataclass(frozen=True)
class Extraction:
    """The answer of a response, or the rule that says why there is none."""

    body: str
    """What stands between the answer tags; empty where ``refusal`` is set."""
    refusal: str
    """A key of ``RULES`` where the response has no answer that may be graded, else empty."""


def extract_answer(response: str) -> Extraction:
    """Take the answer from the one closed ``<answer>`` that follows the rationale.

    Args:
        response: The decoded response.

    Returns:
        The answer's text, stripped, or the reason why none may be graded.
    """
    spans = find_spans(response)
    if spans.answer is None:
        return Extraction("", "no_answer")
    if spans.sole_answer is None:
        return Extraction("", "several_answers" if spans.answer_openings > 1 else "unclosed_answer")
    body = spans.sole_answer.inner_of(response).strip()
    return Extraction(body, "" if body else "empty_answer")


def has_format(response: str, prompt_opens_think: bool) -> bool:
    """Whether the response is one non-empty rationale and then one non-empty answer, and nothing else.

    Args:
        response: The decoded response.
        prompt_opens_think: The chat template has written ``<think>``, so the response must not open it again.

    Returns:
        True if ``<think>..</think> <answer>..</answer>`` is the whole response, each tag exactly once.
    """
    text = (TAGS[0] + response if prompt_opens_think else response).strip()
    if any(text.count(tag) != 1 for tag in TAGS):
        return False
    think, end_think, answer, end_answer = (text.index(tag) for tag in TAGS)
    rationale = text[think + len(TAGS[0]) : end_think]
    between = text[end_think + len(TAGS[1]) : answer]
    body = text[answer + len(TAGS[2]) : end_answer]
    is_whole = think == 0 and end_answer + len(TAGS[3]) == len(text) and not between.strip()
    return is_whole and bool(rationale.strip()) and bool(body.strip())
