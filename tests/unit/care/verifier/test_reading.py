# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""How texts become numbers, expressions and structures, and what is refused before anything is computed."""

import math
from fractions import Fraction

import pytest

from recipe.care.verifier.kinds.equations import read_equation
from recipe.care.verifier.kinds.expressions import read_together
from recipe.care.verifier.kinds.numbers import NumberPolicy, judge_numbers
from recipe.care.verifier.kinds.symbolic import same_expression
from recipe.care.verifier.kinds.virl import infer_answer_type
from recipe.care.verifier.problem import read_problem
from recipe.care.verifier.reading.arithmetic import Undefined
from recipe.care.verifier.reading.expression import read_expression
from recipe.care.verifier.reading.intervals import read_region
from recipe.care.verifier.reading.normalise import clean, core
from recipe.care.verifier.reading.quantity import quantity_of
from recipe.care.verifier.reading.spelling import spell
from recipe.care.verifier.reading.structure import read_chain, read_sequence
from recipe.care.verifier.reading.tokens import Refused, tokenize


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
        ("f′", "f'"),
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


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (r"x = \boxed{7}", "7"),
        (r"By symmetry, \boxed{7}", "7"),
        (r"-\boxed{7}", "-7"),
        (r"\boxed{7} m", "7 m"),
        (r"x > \boxed{7}", "x >7"),
        (r"\boxed{7}^\circ", r"7^\circ"),
    ],
)
def test_maths_around_a_box_belongs_to_the_answer_and_prose_does_not(text, read):
    assert core(text) == read


@pytest.mark.parametrize(
    "text",
    [r"\boxed{7} is wrong", r"6 or \boxed{7}", r"not \boxed{7}", r"6, \boxed{7}", r"\boxed{7}?", r"Rome \boxed{7}"],
)
def test_a_box_that_is_denied_or_has_company_stays_in_its_sentence(text):
    assert core(text) == text


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
        (r"0.1\overline{6}", Fraction(1, 6)),
        ("1.5 x 10^3", Fraction(1500)),
        (r"\binom{5}{2}", Fraction(10)),
        ("12厘米", Fraction(12)),
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


@pytest.mark.parametrize(
    ("text", "same", "other"),
    [
        (r"\angle ABC", r"\angle CBA", r"\angle BAC"),
        (r"AB\cdot CD", r"DC\cdot AB", r"AC\cdot BD"),
        ("f(2x)", "f(x+x)", "2f(x)"),
        ("A'", "A'", "A"),
        ("x_1", "x1", "1x"),
        ("h(a+b)", "ah+bh", "ha+b"),
        ("A^2+2AB+B^2", "(A+B)^2", "A^2+B^2"),
        (r"\frac{GMm}{r^2}", r"G\frac{Mm}{r^2}", r"\frac{GM}{r^2}"),
    ],
)
def test_letters_side_by_side_are_a_product_only_where_they_can_be(text, same, other):
    for answer, expected in ((same, True), (other, False)):
        wanted, given = read_together(spell(text), spell(answer))
        assert wanted is not None
        assert given is not None
        assert (same_expression(wanted, given) is True) == expected


@pytest.mark.parametrize(
    ("text", "letter", "intervals"),
    [
        ("x≥2", "x", [("[", "2", r"\infty", ")")]),
        ("1<x and x<3", "x", [("(", "1", "3", ")")]),
        (r"(-\infty,1)\cup[3,4)", "", [("(", r"-\infty", "1", ")"), ("[", "3", "4", ")")]),
        ("x≠2", "x", [("(", r"-\infty", "2", ")"), ("(", "2", r"\infty", ")")]),
    ],
)
def test_regions_have_one_form(text, letter, intervals):
    region = read_region(text)
    assert region is not None
    assert region.letter == letter
    assert [(part.opening, *part.elements, part.closing) for part in region.intervals] == intervals


@pytest.mark.parametrize("text", ["x", "x<y", r"(2,3)\cap(1,4)", "(1,2,3)", "x<2 or y>3"])
def test_what_is_no_region_is_left_to_others(text):
    assert read_region(text) is None


@pytest.mark.parametrize(
    ("question", "flags"),
    [
        ("Which two countries are lowest?", (False, False, True)),
        ("Which two are the longest and the shortest, respectively?", (False, False, False)),
        ("What is the ratio of A to B?", (False, True, False)),
        ("In which season was it highest?", (True, False, False)),
    ],
)
def test_what_a_question_says_of_its_answer(question, flags):
    problem = read_problem("virl39k", "1", {"question": question})
    assert (problem.asks_for_year, problem.asks_for_ratio, problem.any_order) == flags


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
        ("37", "36.9", NumberPolicy(rounds_golds=True, precise_value=36.8699), (True, "precise")),
        ("37", "37.2", NumberPolicy(rounds_golds=True, precise_value=36.8699), (False, "number")),
        ("2.5", "2.46", NumberPolicy(rounds_golds=True, precise_value=2.5), (False, "number")),
        ("2.5", "2.46", GEOMETRY, (True, "rounded")),
        ("18.8", "18.81", NumberPolicy(rounds_golds=True, precise_value=18.8091), (True, "precise")),
        ("18.8", r"6\pi", NumberPolicy(rounds_golds=True, precise_value=18.8091), (False, "number")),
        (r"10\sqrt{3}", "17.33", NumberPolicy(rounds_golds=True, precise_value=17.3205), (False, "number")),
        ("5 boys", "5 girls", PLAIN, (False, "unit")),
        ("5 red balls", "5 balls", PLAIN, (True, "number")),
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
