# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What spreadsheets and wrong encodings do to golds, told apart from golds that only look like it."""

import random
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.row.artefacts import (
    is_date_as_number,
    is_ratio_as_time,
    may_be_ratio_as_time,
    with_characters_restored,
)
from data_prep.row.examples import Example
from data_prep.row.gold import Gold, check_against_verifier, clean_gold, plausible_answers
from data_prep.sources.chartqa import chart_gold

RATIO = "What is the ratio between them?"


def as_printed(hours: int, minutes: int) -> str:
    """As a spreadsheet prints hours:minutes as a number: nine decimals, or fewer where the fraction ends."""
    return f"{(hours * 60 + minutes) / 1440:.9f}".rstrip("0")


@given(st.integers(1, 99), st.integers(1, 59))
def test_a_ratio_that_became_a_time_is_dropped_where_nothing_else_is_likely(hours, minutes):
    label = as_printed(hours, minutes)
    if "." not in label.rstrip("."):
        return
    sure = Fraction(hours * 60 + minutes, 1440).denominator >= 720
    assert is_ratio_as_time(label, RATIO) == is_ratio_as_time(label, "How do they compare?") == sure
    if len(label.partition(".")[2]) == 9:
        assert may_be_ratio_as_time(label, RATIO) and not may_be_ratio_as_time(label, "How high?")


@pytest.mark.parametrize(("hours", "minutes"), [(29, 12), (28, 19), (12, 30), (45, 36)])
def test_a_question_that_names_both_numbers_settles_it(hours, minutes):
    label = as_printed(hours, minutes)
    assert is_ratio_as_time(label, f"What is the ratio between the bars {hours} and {minutes}?")
    assert is_ratio_as_time(label, f"How do {minutes} in 2010 and {hours} in 2011 compare?")


@pytest.mark.parametrize(
    "quotient",
    ["15/16", "3/4", "5/6", "7/12", "73/60", "31/36", "97/90", "113/120", "101/180", "59/240", "7/32", "91/288"],
)
@pytest.mark.parametrize("decimals", [4, 6, 9, 12])
def test_quotients_stay(quotient, decimals):
    top, bottom = map(int, quotient.split("/"))
    label = f"{top / bottom:.{decimals}f}".rstrip("0")
    for question in (RATIO, f"What is the ratio of {top} to {bottom}?", "How high is it?"):
        example = Example(0, "q", question, (label,), ())
        assert chart_gold(example, question).text == label


def test_what_may_be_one_is_kept_and_listed():
    (remark,) = chart_gold(Example(0, "q", RATIO, ("1.216666667",), ()), RATIO).remarks
    assert remark.entry("q", 0).action == "listed" and remark.reason == "may_be_ratio_as_time"
    assert not chart_gold(Example(0, "q", RATIO, ("0.9375",), ()), RATIO).remarks


def test_numbers_with_many_decimals_are_rarely_taken_for_a_time():
    rng = random.Random(0)
    labels = [f"{rng.uniform(0, 100):.6f}" for _ in range(20_000)]
    assert sum(is_ratio_as_time(label, "How high?") for label in labels) < 20


@pytest.mark.parametrize(
    ("label", "question", "spoilt"),
    [
        ("44362", "When does the good rating reach the peak?", True),
        ("44362", "On which date was it lowest?", True),
        ("43831.0", "In what year did it start?", True),
        ("44362", "What is the highest value?", False),
        ("44362", "How many people came when it opened?", False),
        ("2010", "When was it highest?", False),
        ("60000", "When was it highest?", False),
    ],
)
def test_dates(label, question, spoilt):
    assert is_date_as_number(label, question) == spoilt


@pytest.mark.parametrize("sign", ["°", "π", "√", "×", "≤", "△", "²", "−", "⊥", "“"])
@pytest.mark.parametrize("encoding", ["gbk", "cp1252", "latin-1"])
def test_signs_that_a_wrong_decoding_spoilt_come_back(sign, encoding):
    try:
        spoilt = f"{sign} ".encode().decode(encoding)
    except UnicodeDecodeError:
        pytest.skip("this sign cannot be read like that")
    assert with_characters_restored(f"118{spoilt}") == f"118{sign} "


def test_a_letter_that_was_swallowed_comes_back():
    assert with_characters_restored("∠A=35°".encode().decode("gbk", errors="replace")) == "∠A=35°"
    assert clean_gold("118掳T")[0] == "118°T"
    assert [remark.reason for remark in clean_gold("35掳")[1]] == ["gold_characters_restored"]


@pytest.mark.parametrize("text", ["12米", "40厘米", "木", "母目陌", "café", "Ärger", "50°", "é", "naïve", "Ünal Ö"])
def test_real_words_stay(text):
    assert with_characters_restored(text) == text


@pytest.mark.parametrize(
    ("gold", "answers"),
    [
        (r"Area $=113.1 \mathrm{~cm}^{2}$", ("113.1", r"=113.1 \mathrm{~cm}^{2}", r"113.1 \mathrm{~cm}^{2}")),
        (r"The sum is $2x+1$ metres", ("2x+1",)),
        ("Volume: 30", ("30",)),
        (r"S 23.5 ^\circ W", ("23.5",)),
        ("x^2+1", ()),
        (r"\frac{1}{2}", ()),
        ("Democrat (scores 60 to 100)", ()),
        ("May '21", ()),
        (r"x=2 \text{ or } x=3", ()),
        ("[Mauritius, Chad]", ()),
    ],
)
def test_plausible_answers(gold, answers):
    assert plausible_answers(gold) == answers


@pytest.mark.parametrize("gold", [r"Perimeter $=31.4 \mathrm{~cm}$", "Volume: 30", r"bearing $N 40^\circ E$ and on"])
def test_a_gold_that_only_its_own_words_satisfy_is_listed(gold):
    (remark,) = check_against_verifier("virl39k", Gold(gold, "text"), "Why?")
    assert remark.entry("q", 0).action == "listed" and remark.reason == "gold_only_verbatim"


@pytest.mark.parametrize(
    ("gold", "kind"),
    [("5 hours", "number"), ("The perimeter is $20$ cm", "number"), ("isosceles", "text"), ("y=2x+1", "latex")],
)
def test_other_golds_are_not_listed(gold, kind):
    assert check_against_verifier("virl39k", Gold(gold, kind), "Why?") == ()
