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
"""How texts become numbers, expressions and structures, and what is refused before anything is computed."""

import math
from fractions import Fraction

import pytest

from recipe.care.verifier.arithmetic import Undefined
from recipe.care.verifier.equations import read_equation
from recipe.care.verifier.evaluate import read_expression
from recipe.care.verifier.normalise import clean, core
from recipe.care.verifier.numbers_agree import NumberPolicy, judge_numbers
from recipe.care.verifier.quantity import quantity_of
from recipe.care.verifier.spelling import spell
from recipe.care.verifier.structure import read_chain, read_sequence
from recipe.care.verifier.tokens import Refused, tokenize
from recipe.care.verifier.virl import infer_answer_type


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("5²", "5^{2}"),
        ("3½", "3 1/2"),
        ("−７\u200b", "-7"),
        ("x₁", "x_{1}"),
        ("①③", "(1)(3)"),
        ("a\u00a0\t b\n", "a b"),
        ("\u202e5\x00", "5"),
        ("45º", "45°"),
    ],
)
def test_cleaning_keeps_the_value(text, cleaned):
    assert clean(text) == cleaned


@pytest.mark.parametrize(
    "text",
    [
        "7", "$7$", "$$7$$", r"\(7\)", r"\[7\]", r"\boxed{7}", r"\boxed{\text{7}}", "**7**", "`7`", '"7"', "7.",
        "The answer is 7", "Final Answer:7", "So the final answer is: 7", "Therefore, 7", r"We get \boxed{7}, done",
        "The length of AB is 7", "about 7", "≈ 7",
    ],
)  # fmt: skip
def test_wrappings_come_off(text):
    assert core(text) == "7"


@pytest.mark.parametrize("text", [r"\boxed{7} or \boxed{8}", "It is not 7", "7 or 8", r"\boxed{7", "'7' '8'"])
def test_what_is_more_than_a_wrapping_stays(text):
    assert core(text) != "7"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-3.20", Fraction(-16, 5)),
        ("1,234.5", Fraction(2469, 2)),
        (r"1{,}234", Fraction(1234)),
        (r"10\,000", Fraction(10000)),
        ("3 1/2", Fraction(7, 2)),
        (r"918\frac{1}{2}", Fraction(1837, 2)),
        (r"2\frac{3}{2}", Fraction(3)),
        (r"\frac13", Fraction(1, 3)),
        (r"\sqrt[3]{27}", Fraction(3)),
        (r"2^{-3}", Fraction(1, 8)),
        ("1.5e3", Fraction(1500)),
        ("5!", Fraction(120)),
        (r"10 \sqrt { 3 }", 10 * math.sqrt(3)),
        (r"36\pi \text{ cm}^2", 36 * math.pi),
        (r"\sin 30^\circ", 0.5),
        (r"\log_2 8", 3.0),
    ],
)
def test_numbers_are_read_exactly_where_they_can_be(text, value):
    number = quantity_of(text)
    assert number is not None
    assert number.value == value if isinstance(value, Fraction) else math.isclose(number.value, value)


@pytest.mark.parametrize(
    "text", ["", "5 or 6", "1,23", "1 2", "5x", "5 is wrong", "five", "0x10", "5%%", "1/0", "٧", "5-", "..", "B", "°"]
)
def test_other_texts_are_no_numbers(text):
    assert quantity_of(text) is None


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("5 cm", "cm"), ("5cm²", "cm^2"), ("5 square meters", "m^2"), ("60 km per hour", "km/h"), ("20°C", "deg C"),
        ("5 apples", ""), ("$5", "¤"), ("45°", "deg"), (r"5\mathrm{~kg}", "kg"), ("9.8 m/s^2", "m/s^2"),
    ],
)  # fmt: skip
def test_units_have_one_name(text, unit):
    number = quantity_of(text)
    assert number is not None
    assert number.unit == unit


@pytest.mark.parametrize(
    "text",
    [
        "9**9**9**9", "2^{2^{2}}", "99999999!", "(3+4)!", "x^{1001}", "1" * 41, "(" * 51 + "1" + ")" * 51, "x" * 1001,
        "__import__('os')", r"\input{file}", r"\write18{ls}", "lambda: 0", "a? b", "((1)", "word", "{1}}",
    ],
)  # fmt: skip
def test_the_allow_list_refuses_before_anything_is_computed(text):
    with pytest.raises(Refused):
        tokenize(spell(text))


def test_commands_nested_without_brackets_do_not_exhaust_the_stack():
    with pytest.raises(Refused):
        read_expression(r"\ln " * 190 + "5")


@pytest.mark.parametrize("text", ["1/0", r"\sqrt{-1}", "9^{999}" + r"\cdot 9^{999}" * 30, r"\ln 0", "0^{-1}"])
def test_expressions_without_a_value_say_so(text):
    with pytest.raises(Undefined):
        read_expression(spell(text)).value({})


def test_equations_chains_and_sequences_come_apart():
    equation = read_equation(spell(r"\angle ABC = 180^\circ - 132^\circ = 48^\circ"))
    assert equation is not None
    assert equation.value == "48°"
    assert read_equation("2x = 5") is None
    chain = read_chain("3 > x ≥ -1")
    assert chain is not None
    assert (chain.terms, chain.signs) == (("-1", "x", "3"), ("≤", "<"))
    interval = read_sequence("[0, 1)")
    assert interval is not None
    assert (interval.opening, interval.elements, interval.closing) == ("[", ("0", "1"), ")")
    assert read_sequence("5") is None


PLAIN, GEOMETRY = NumberPolicy(), NumberPolicy(rounds_golds=True)


@pytest.mark.parametrize(
    ("gold", "pred", "policy", "expected"),
    [
        # A half unit of 17.32 is 0.005: |17.3205 - 17.32| = 0.0005.
        (r"10\sqrt{3}", "17.32", PLAIN, (True, "rounded")),
        (r"10\sqrt{3}", "17.3", PLAIN, (False, "number")),
        (r"10\sqrt{3}", "17.33", PLAIN, (False, "number")),
        ("9.4", r"\sqrt{89}", GEOMETRY, (True, "rounded")),
        ("9.4", "9.43", GEOMETRY, (True, "rounded")),
        ("9.4", "9.43", PLAIN, (False, "number")),
        ("9.4", "9", GEOMETRY, (False, "number")),
        ("37", "36.87", NumberPolicy(rounds_golds=True, precise_value=36.8699), (True, "precise")),
        ("100", "104", NumberPolicy(tolerance=0.05), (True, "tolerance")),
        ("1000000", "1000001", PLAIN, (False, "number")),
        ("3.1415926", "3.141593", PLAIN, (True, "number")),
        ("50%", "0.5", PLAIN, (True, "number")),
        ("50", "0.5", PLAIN, (False, "number")),
        ("5 cm", "5 m", PLAIN, (False, "unit")),
        ("5", "2+3", PLAIN, (False, "unevaluated")),
        ("8", "2^3", PLAIN, (True, "number")),
    ],
)
def test_when_numbers_agree(gold, pred, policy, expected):
    wanted, given = quantity_of(gold), quantity_of(pred)
    assert wanted is not None
    assert given is not None
    assert judge_numbers(wanted, given, policy) == expected


@pytest.mark.parametrize(
    ("gold", "options", "kind"),
    [
        ("B", [], "choice"), ("2 m", ["1 m", "2 m"], "choice"), (r"17^\circ", [], "number"), ("2x+1", [], "latex"),
        ("isosceles triangle", [], "text"), (r"\frac{a}{b}", [], "latex"), ("x", [], "latex"), ("AB", [], "text"),
        (r"\left\{\eqalign{x}\right.", [], "latex"),
    ],
)  # fmt: skip
def test_the_kind_of_a_gold_is_inferred_where_the_row_does_not_say(gold, options, kind):
    assert infer_answer_type(gold, options) == kind
