# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Which text is graded, and the format credit."""

import pytest

from recipe.care.verifier.extraction import extract_answer, has_format


@pytest.mark.parametrize(
    ("response", "body", "refusal"),
    [
        ("<think>a</think><answer> 7 </answer>", "7", ""),
        ("<think><answer>1</answer></think><answer>7</answer>", "7", ""),
        ("a</think>b</think><answer>7</answer> and so on", "7", ""),
        ("<answer>7</answer>", "7", ""),
        ("<answer>line\nbreak</answer>", "line\nbreak", ""),
        ("7", "", "no_answer"),
        ("<answer>7</answer></think>", "", "no_answer"),
        ("<think>a</think><answer>7", "", "unclosed_answer"),
        ("<answer>6</answer><answer>7</answer>", "", "several_answers"),
        ("<answer>6<answer>7</answer>", "", "several_answers"),
        ("<answer>6</answer><answer>7", "", "several_answers"),
        ("<answer> \n </answer>", "", "empty_answer"),
    ],
)
def test_only_one_closed_answer_after_the_rationale_is_graded(response, body, refusal):
    found = extract_answer(response)
    assert (found.body, found.refusal) == (body, refusal)


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ("<think>a</think><answer>7</answer>", True),
        ("  <think>a\nb</think>\n\n<answer>7</answer>\n", True),
        ("<think>a</think>so<answer>7</answer>", False),
        ("<think>a</think><answer>7</answer>.", False),
        (".<think>a</think><answer>7</answer>", False),
        ("<think> </think><answer>7</answer>", False),
        ("<think>a</think><answer> </answer>", False),
        ("<think>a<answer>7</answer></think>", False),
        ("<think>a</think><think>b</think><answer>7</answer>", False),
        ("<answer>7</answer><think>a</think>", False),
        ("<answer>7</answer>", False),
        ("", False),
    ],
)
def test_the_format_is_one_rationale_then_one_answer_and_nothing_else(response, expected):
    assert has_format(response, prompt_opens_think=False) is expected
