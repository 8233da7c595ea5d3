# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Fuzzing: whatever a model writes, the verifier answers, in time, with the same keys, and the same way twice.

``CARE_FUZZ_EXAMPLES`` sets how many examples each property gets (200).
"""

import os
import time

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, example, given, settings

from recipe.care.reward import Score, compute_score
from recipe.care.verifier.cache import VERDICTS
from recipe.care.verifier.parser.pool import ask_parser
from recipe.care.verifier.rules import RULES

pytest.importorskip("math_verify")

EXAMPLES = int(os.environ.get("CARE_FUZZ_EXAMPLES", "200"))
LIMIT_S = 2.5 * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))  # on a machine that has a core to spare
ask_parser("x", "x")  # a worker's start is paid once per process, not per answer
FUZZ = settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])

OPTIONS = ["12 cm", "24 cm", r"$64^\circ$", "None of these"]
ROWS = [
    ("chartqa", "45", {"question": "How many?"}),
    ("chartqa", "2010", {"question": "Which year?"}),
    ("chartqa", "[63, 26]", {}),
    ("chartqa", "Light blue", {}),
    ("geometry3k", "48", {}),
    ("geometry3k", r"10 \sqrt { 3 }", {}),
    ("geometry3k", "9.4", {"precise_value": 9.4339}),
    ("virl39k", "B", {"options": OPTIONS, "answer_type": "choice"}),
    ("virl39k", r"17^\circ", {}),
    ("virl39k", "x^2+2x", {}),
    ("virl39k", "y=2x+1", {}),
    ("virl39k", "(-\\infty, 2) \\cup [3, 5)", {}),
    ("virl39k", r"\{1, 2\}", {}),
    ("virl39k", "8:5", {}),
    ("virl39k", "isosceles triangle", {}),
    ("tiny_count", "7", {"answer_type": "number"}),
    ("tiny_spatial", "A", {"answer_type": "choice", "options": ["left", "right"]}),
]
PIECES = [
    "0", "1", "7", "48", "3.14", ".", ",", " ", "x", "y", "e", "i", "A", "B", "(", ")", "[", "]", "{", "}",
    r"\{", r"\}", "\\", "\\\\",
    "+", "-", "*", "/", "^", "_", "!", "=", "<", ">", "≤", "≈", "%", "$", "°", ":", ";", "|", "&", "~", "'",
    r"\frac", r"\sqrt", r"\pi", r"\text{", r"\boxed{", r"\left(", r"\right)", r"\log", r"\sin", r"\infty", r"\cup",
    r"\begin{pmatrix}", r"\end{pmatrix}", r"\pm", r"\in", r"\circ", " cm", " million", " or ", " and ",
    "The answer is ", "<answer>", "</answer>", "</think>", "None",
    "²", "½", "①", "√", "∞", "\u200b", "\u202e", "7", "٣", "\x00", "\ud800",
    "9**9**9", "10^{999}", "99!", "__import__('os')", "x" * 60, "1" * 45,
]  # fmt: skip
ANSWERS = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=25).map("".join),
    st.text(max_size=80),
    st.text(alphabet="0123456789+-*/^().,{}\\ xyabcsqrtfin", max_size=120),
)
GOLDS = st.sampled_from(ROWS)


def scored(row, response):
    """The score, after the checks every response must pass."""
    source, gold, extra = row
    VERDICTS.clear()
    start = time.monotonic()
    score = compute_score(source, response, gold, extra)
    assert time.monotonic() - start < LIMIT_S
    assert list(score) == list(Score.__annotations__)
    assert [type(value) for value in score.values()] == [float] * 4 + [str] * 2
    assert score["acc"] in (0.0, 1.0)
    assert score["format"] in (0.0, 1.0)
    assert score["rule"] in RULES
    assert score["verified"] or not score["acc"]
    return score


@given(row=GOLDS, answer=ANSWERS)
@example(row=ROWS[9], answer="(((x+1)^{999}+1)^{999}+1)^{999}")
@example(row=ROWS[9], answer=r"\sqrt" * 190 + "x")
@example(row=ROWS[5], answer=r"\ln " * 240 + "7")
@example(row=ROWS[5], answer="10^{999}")
@FUZZ
def test_any_answer_gets_a_verdict_in_time_and_the_same_one_twice(row, answer):
    response = f"<think>a</think><answer>{answer}</answer>"
    first = scored(row, response)
    if first["verified"]:
        assert scored(row, response) == first


@given(row=GOLDS, response=st.lists(st.sampled_from(PIECES), max_size=40).map("".join) | st.text(max_size=300))
@FUZZ
def test_any_response_gets_a_verdict(row, response):
    scored(row, response)


@given(
    row=st.sampled_from([r for r in ROWS if r[0] in ("geometry3k", "virl39k", "chartqa")]),
    gold=ANSWERS,
    answer=ANSWERS,
)
@FUZZ
def test_any_gold_gets_a_verdict(row, gold, answer):
    scored((row[0], gold, row[2]), f"<think>a</think><answer>{answer}</answer>")


SYMBOLIC_PIECES = [
    "x", "y", "a_1", "i", "2", "3", "7", "+", "-", "=", "<", r"\le ", r"\cup ", "(", ")", "[", "]", ",", "|", "^2", "!",
    r"\infty ", r"\pm ", r"\sin ", r"\log ", r"\frac{1}{x}", r"\sqrt{y}", "(-1,2)", "[0,3)", "^{99}",
]  # fmt: skip
SYMBOLIC = st.lists(st.sampled_from(SYMBOLIC_PIECES), min_size=1, max_size=14).map("".join)


@given(gold=SYMBOLIC, answer=SYMBOLIC)
@settings(FUZZ, max_examples=max(20, EXAMPLES // 4))
def test_what_may_reach_the_parser_is_bounded_too(gold, answer):
    scored(("virl39k", gold, {"answer_type": "latex"}), f"<answer>{answer}</answer>")


@given(row=GOLDS)
@FUZZ
def test_every_gold_accepts_itself_in_the_wrappings_models_use(row):
    source, gold, extra = row
    for wrapped in (gold, f" {gold}. ", f"\\boxed{{{gold}}}", f"The answer is {gold}", f"**{gold}**"):
        assert scored((source, gold, extra), f"<think>a</think><answer>{wrapped}</answer>")["acc"] == 1.0, wrapped


NUMBERS = st.integers(-(10**6), 10**6) | st.decimals(-1000, 1000, places=2).map(float)


@given(gold=NUMBERS, answer=NUMBERS, source=st.sampled_from(["geometry3k", "virl39k"]))
@FUZZ
def test_plain_numbers_of_the_same_precision_are_right_exactly_if_they_are_equal(gold, answer, source):
    same_precision = isinstance(gold, int) == isinstance(answer, int)
    score = scored((source, str(gold), {}), f"<answer>{answer}</answer>")
    if same_precision and "e" not in f"{gold}{answer}":
        assert score["acc"] == float(gold == answer)


@given(letter=st.sampled_from("ABCD"), answer=st.text(alphabet="ABCDEFabcdef ().,:;-orand", max_size=12))
@FUZZ
def test_a_choice_is_never_found_in_an_answer_that_names_two(letter, answer):
    words = "".join(char if char.isalpha() else " " for char in answer).split()
    score = scored(("virl39k", letter, {"options": OPTIONS}), f"<answer>{answer}</answer>")
    if len({word.upper() for word in words if len(word) == 1}) > 1:
        assert score["acc"] == 0.0
