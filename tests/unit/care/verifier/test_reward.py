# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The public face: fixed keys and types, the score, what raises and what must not."""

import importlib.util
import math

import numpy as np
import pytest

from recipe.care.errors import CareConfigError, CareDataError
from recipe.care.reward import Score, check_sources, compute_score
from recipe.care.verifier.parser import pool as lanes
from recipe.care.verifier.rules import RULES

NUMBER = {"answer_type": "number"}
RIGHT = "<think>3+4</think>\n<answer>7</answer>"
WRONG = "<think>3+4</think>\n<answer>8</answer>"
UNFORMATTED = "<answer>7</answer>"


def score(response, gold="7", **settings):
    return compute_score("tiny_count_add", response, gold, NUMBER, **settings)


RESPONSES = ["", RIGHT, WRONG, UNFORMATTED, "<think>", "<answer>", "<answer></answer>", "\x00\ud800", "a" * 100_000]


@pytest.mark.parametrize("response", RESPONSES, ids=range(len(RESPONSES)))
def test_every_response_gives_the_same_keys_with_the_same_plain_types(response):
    result = score(response)
    assert {key: type(value) for key, value in result.items()} == dict.fromkeys(
        ("score", "acc", "format", "verified"), float
    ) | {"rule": str, "pred": str}
    assert list(result) == list(Score.__annotations__)
    assert result["rule"] in RULES
    assert len(result["pred"]) <= 256


def test_values_stack_into_arrays_without_objects_for_the_numbers():
    rows = [score(response) for response in RESPONSES]
    for key in ("score", "acc", "format", "verified"):
        assert np.array([row[key] for row in rows]).dtype == np.float64


@pytest.mark.parametrize(
    ("response", "acc", "form", "expected"),
    [(RIGHT, 1, 1, 1.0), (WRONG, 0, 1, 0.1), (UNFORMATTED, 1, 0, 0.9), ("7", 0, 0, 0.0)],
)
def test_score_mixes_accuracy_and_format_which_are_independent(response, acc, form, expected):
    result = score(response)
    assert (result["acc"], result["format"]) == (acc, form)
    assert math.isclose(result["score"], expected)


def test_format_weight_is_a_setting():
    assert math.isclose(score(WRONG, format_weight=0.3)["score"], 0.3)
    assert score(WRONG, format_weight=0)["score"] == 0.0


@pytest.mark.parametrize("weight", [-0.1, 1.5, math.nan, "0.1", None])
def test_an_impossible_format_weight_is_refused_by_its_full_name(weight):
    with pytest.raises(CareConfigError, match=r"reward\.custom_reward_function\.reward_kwargs\.format_weight="):
        score(RIGHT, format_weight=weight)


def test_a_misspelt_setting_is_refused_and_verls_own_arguments_are_not():
    with pytest.raises(CareConfigError, match="format_wieght: there is no such setting"):
        score(RIGHT, format_wieght=0.2)
    assert score(RIGHT, reward_router_address="somewhere", reward_model_tokenizer=None)["acc"] == 1.0


def test_an_unknown_source_names_the_known_ones():
    with pytest.raises(CareConfigError, match=r"'geometry2k'.*known: chartqa, geometry3k, virl39k, tiny_<task>.*mean"):
        compute_score("geometry2k", RIGHT, "7")
    with pytest.raises(CareConfigError, match="no verifier"):
        check_sources(["chartqa", "lighteval/MATH"])
    with pytest.raises(CareConfigError, match="no verifier"):
        check_sources(["tiny"])


def test_known_sources_pass_the_check_with_a_category_too():
    check_sources(["chartqa", "chartqa/human", "tiny_count_add"])


@pytest.mark.parametrize(
    ("kind", "gold", "right", "wrong"),
    [
        ("maths", r"\frac{1}{2}", "0.5", "0.51"),
        ("choice", "B", "(B)", "A"),
        ("chart", "45", "46", "60"),
        ("text", "blue whale", "Blue whale.", "whale"),
    ],
)
@pytest.mark.parametrize("rest", ["", "/my_rows", "/my_rows/part 2"])
def test_rows_of_ones_own_are_judged_by_the_kind_of_their_answer(kind, rest, gold, right, wrong):
    check_sources([kind + rest])
    assert compute_score(kind + rest, f"<answer>{right}</answer>", gold)["acc"] == 1.0
    assert compute_score(kind + rest, f"<answer>{wrong}</answer>", gold)["acc"] == 0.0


@pytest.mark.parametrize("answer", [r"\cos\mathbb{R}\infty", "x > 0", r"\hat{x}\pm\infty", r"\{x \mid x>0\}", "2+3i"])
@pytest.mark.parametrize("gold", ["5", r"\frac{3}{4}", r"2\sqrt{3}", r"12\pi", r"60^\circ", r"25\%", "5 cm"])
def test_no_answer_takes_a_finite_number_to_the_parser(monkeypatch, gold, answer):
    monkeypatch.setattr(
        "recipe.care.verifier.parser.last_resort.ask_parser", lambda *_: pytest.fail("the parser was asked")
    )
    result = compute_score("maths", f"<answer>{answer}</answer>", gold)
    assert (result["acc"], result["verified"]) == (0.0, 1.0)


def test_an_answer_that_is_refused_is_wrong_unless_nobody_can_read_its_gold():
    pytest.importorskip("math_verify")
    for gold, verified in (("2+3i", 1.0), (r"\frac{1}{}i", 0.0)):
        result = compute_score("maths", r"<answer>\cos\mathbb{R}\infty</answer>", gold)
        assert (result["acc"], result["verified"]) == (0.0, verified)


def test_a_source_that_needs_the_parser_says_so_at_start_up(monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        lanes.importlib.util, "find_spec", lambda name: None if name == "math_verify" else find_spec(name)
    )
    with pytest.raises(CareConfigError, match=r"needs the math-verify package: pip install"):
        check_sources(["virl39k/never-asked-for-before"])


@pytest.mark.parametrize(
    ("gold", "extra", "message"),
    [
        (7, NUMBER, "ground_truth=7: must be a string"),
        ("7", {"answer_type": "integer"}, "answer_type='integer': must be one of"),
        ("7", {}, "a tiny_\\* row needs"),
        ("7", {"answer_type": "choice", "options": "abc"}, "options='abc': must be a list"),
        ("7", {"answer_type": "number", "tolerance": "5%"}, "tolerance='5%': must be a number"),
    ],
)
def test_a_row_with_wrong_fields_raises(gold, extra, message):
    with pytest.raises(CareDataError, match=message):
        compute_score("tiny_x", RIGHT, gold, extra)


def test_options_may_come_as_a_numpy_array():
    extra = {"answer_type": "choice", "options": np.array(["left", "right"], dtype=object)}
    assert compute_score("tiny_x", "<answer>right</answer>", "B", extra)["acc"] == 1.0
    assert compute_score("tiny_x", "<answer>right</answer>", "B", extra)["pred"] == "B"


def test_schema_placeholders_mean_unknown():
    extra = {"answer_type": "number", "options": [], "tolerance": -1.0, "question": ""}
    assert compute_score("tiny_x", "<answer>7.2</answer>", "7", extra)["acc"] == 0.0
    assert compute_score("tiny_x", "<answer>7.2</answer>", "7", extra | {"tolerance": 0.05})["acc"] == 1.0


def test_a_gold_that_cannot_be_used_is_a_failed_verification_not_a_wrong_answer():
    for gold in ("", "  ", "$$", "seven"):
        result = score(RIGHT, gold=gold)
        assert (result["acc"], result["verified"], result["rule"]) == (0.0, 0.0, "bad_gold"), gold


def test_an_answer_over_the_limit_is_wrong_and_never_cut():
    result = score(f"<answer>7{' ' * 3000}.</answer>")
    assert (result["acc"], result["rule"], result["pred"]) == (0.0, "too_long", "")


def test_a_prompt_that_opens_the_rationale():
    response = "3+4</think><answer>7</answer>"
    assert score(response)["format"] == 0.0
    assert score(response, prompt_opens_think=True)["format"] == 1.0
    assert score(RIGHT, prompt_opens_think=True)["format"] == 0.0


def test_verl_loads_it_from_its_one_line_of_configuration():
    import_utils = pytest.importorskip("verl.utils.import_utils")
    loaded = import_utils.load_extern_object(module_path="pkg://recipe.care.reward", object_name="compute_score")
    result = loaded(data_source="tiny_x", solution_str=RIGHT, ground_truth="7", extra_info=NUMBER)
    assert result["score"] == 1.0
