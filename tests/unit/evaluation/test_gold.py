# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Golden verdicts of the project's verifier on canned responses, on rows in the benchmarks' schemas."""

import pytest

from recipe.evaluation.benchmarks import BENCHMARKS
from recipe.evaluation.gold import Gold, gold_of, judge
from recipe.evaluation.tiny_sets import ROWS


def answered(text: str) -> str:
    return f"<think>I look at it.</think>\n<answer>{text}</answer>"


# Benchmark, row, what stands in the answer tags, right or wrong.
ANSWERS = [
    ("mathvista", 0, "B", 1),
    ("mathvista", 0, "A", 0),
    ("mathvista", 0, "red", 1),
    ("mathvista", 0, "(B) red", 1),
    ("mathvista", 0, "(B) blue", 0),
    ("mathvista", 1, "D", 1),  # the text of option D is "(b)"
    ("mathvista", 1, "B", 0),
    ("mathvista", 2, "1", 1),
    ("mathvista", 2, "1.7", 0),  # the official scorer cuts 1.7 down to 1
    ("mathvista", 3, "1.24", 1),  # rounded to the gold's one decimal: 1.2
    ("mathvista", 3, "1.26", 0),
    ("mathverse", 0, "B", 1),
    ("mathverse", 0, "35°", 1),
    ("mathverse", 0, "145°", 0),
    ("mathverse", 2, r"118^\circ", 1),
    ("mathverse", 2, "119", 0),
    ("mathvision", 0, r"\boxed{C}", 1),
    ("mathvision", 0, "D", 0),
    ("mathvision", 1, r"8\mathrm{~kg}", 1),  # the official rules call this wrong: the option has dollar signs
    ("mathvision", 1, "B", 1),
    ("mathvision", 1, r"6\mathrm{~kg}", 0),
    ("mathvision", 2, r"\boxed{\frac{36}{13}}", 1),
    ("mathvision", 2, "36/13", 1),
    ("mathvision", 2, "2.77", 1),  # rounded to two decimals
    ("mathvision", 2, "2.8", 0),
    ("mmmu", 0, "A", 1),
    ("mmmu", 0, "the second", 0),
    ("mmmu", 1, "1/2", 1),
    ("mmmu", 1, "0.5", 1),
    ("mmmu", 1, "0.6", 0),
    ("mmmu_pro_standard", 1, "J", 1),
    ("mmmu_pro_standard", 1, "(J)", 1),
    ("mmmu_pro_standard", 1, "J. the number 10", 1),
    ("mmmu_pro_standard", 1, "the number 10", 1),
    ("mmmu_pro_standard", 1, "I", 0),
    ("mmmu_pro_standard", 1, "the number 1", 0),
    ("mmmu_pro_standard", 2, "B", 1),  # the text of option A is "B"; the gold is a letter, so letters are read
    ("mmmu_pro_standard", 2, "A", 0),
    ("mmmu_pro_vision", 1, "I", 1),
    ("mmmu_pro_vision", 1, "J", 0),
    ("mmmu_pro_vision", 0, "I think it is A or B", 0),
]


@pytest.mark.parametrize(("name", "row", "answer", "right"), ANSWERS, ids=lambda value: str(value)[:20])
def test_answers(name, row, answer, right):
    score = judge(BENCHMARKS[name], ROWS[name][row], answered(answer))
    assert (score["acc"], score["verified"], score["format"]) == (right, 1.0, 1.0), score


RESPONSES = [
    ("B", "no_answer", 0),  # no tags: what the text says is not searched
    ("The answer is B.", "no_answer", 0),
    (r"\boxed{B}", "no_answer", 0),
    ("<think>Is it <answer>B</answer>? No.</think><answer>A</answer>", "choice", 0),
    ("<think>Is it <answer>A</answer>? No.</think><answer>B</answer>", "choice", 1),
    ("<answer>B</answer>", "choice", 1),  # right without a rationale, but not in the form
    ("<think>a</think><answer>B", "unclosed_answer", 0),  # cut
    ("<think>It is red because", "no_answer", 0),
    ("<think>a</think><answer>A</answer><answer>B</answer>", "several_answers", 0),
    ("<think>a</think><answer></answer>", "empty_answer", 0),
    ("", "no_answer", 0),
]


@pytest.mark.parametrize(("response", "rule", "right"), RESPONSES, ids=lambda value: str(value)[:30])
def test_responses_that_are_not_in_the_form(response, rule, right):
    score = judge(BENCHMARKS["mathvista"], ROWS["mathvista"][0], response)
    assert (score["rule"], score["acc"], score["format"]) == (rule, right, 0.0)


def test_golds_are_read_as_the_sets_have_them():
    assert gold_of(BENCHMARKS["mathvista"], ROWS["mathvista"][1]).answers == ["D"]
    assert gold_of(BENCHMARKS["mathverse"], ROWS["mathverse"][0]).options == ["145°", "35°", "55°", "125°"]
    out_of_turn = {**ROWS["mathverse"][0], "question_for_eval": "Choices:\nA:1\nC:2"}
    assert gold_of(BENCHMARKS["mathverse"], out_of_turn).options == []
    assert gold_of(BENCHMARKS["mathverse"], ROWS["mathverse"][2]).answers == ["118°"]
    assert gold_of(BENCHMARKS["mmmu"], ROWS["mmmu"][1]) == Gold(["1/2", "0.5"], False)
    # Half a unit of the gold's last digit, relative to it: 0.05 / 1.2.
    assert gold_of(BENCHMARKS["mathvista"], ROWS["mathvista"][3]).tolerance == pytest.approx(0.05 / 1.2)


DIRTY = [
    (r"Area $=9 \pi \mathrm{cm}^{2}$", r"9\pi"),
    ("118掳T", "118°T"),
    (r"S 23.5 ^\circ W", r"S 23.5^\circ W"),
    ("777 ", "777"),
]


@pytest.mark.parametrize(("gold", "answer"), DIRTY)
def test_dirty_golds_of_mathverse(gold, answer):
    score = judge(BENCHMARKS["mathverse"], {**ROWS["mathverse"][2], "answer": gold}, answered(answer))
    assert (score["acc"], score["verified"]) == (1.0, 1.0), score


def test_a_gold_needs_an_answer():
    with pytest.raises(ValueError, match="at least one gold"):
        Gold([], False)
