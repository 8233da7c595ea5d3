# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Options are found in every known layout, and nowhere else."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.row.options import parse_options

FOUND = [
    ("What is x?\nChoices: (A) 1 (B) 2 (C) 3 (D) 4", ["1", "2", "3", "4"]),
    ("What is x?\nChoices:\n(A) $\\frac{1}{2}$\n(B) 3.5 cm\n(C) None", ["$\\frac{1}{2}$", "3.5 cm", "None"]),
    ("Which one?\nA. cat\nB. dog\nC. bird", ["cat", "dog", "bird"]),
    ("Which one? (A) red (B) green (C) blue", ["red", "green", "blue"]),
    ("Which is true? ( )\nA、一 B、二 C、三 D、四", ["一", "二", "三", "四"]),
    ("Which? A. 17° B. 18° C. 19° D. 20°", ["17°", "18°", "19°", "20°"]),
    ("Find m.\nOptions:\nA: 3\nB: 4\n\nAnswer with the letter.", ["3", "4"]),
    ("Yes or no?\n(A) Yes\n(B) No", ["Yes", "No"]),
    ("Select:\nA) one\nB) two\nC) three", ["one", "two", "three"]),
    ("Which one is it? A. f(A) = 3 B. f(B) = 2 C. f(C) = 1", ["f(A) = 3", "f(B) = 2", "f(C) = 1"]),
    ("Which one? (A)5(B)6(C)7(D)8", ["5", "6", "7", "8"]),
    ("∠C=( )\nA\uff0e30° B\uff0e60° C\uff0e90°", ["30°", "60°", "90°"]),
    ("Which?\n\uff08A\uff09一\n\uff08B\uff09二", ["一", "二"]),
    ("Which?\n**A.** one\n**B.** two", ["one", "two"]),
    ("Which?\n- A. one\n- B. two\n- C. three", ["one", "two", "three"]),
    ("Options: A: evening, B: morning, C: dusk", ["evening", "morning", "dusk"]),
    ("Answer with the letter, e.g., A, B, C, D.\nQuestion: Find x.\nChoices:\n(A) 1\n(B) 2", ["1", "2"]),
    ("Find x.\nChoices:\nA. 1 \nB. 2\nC. No correct answer", ["1", "2", "No correct answer"]),
    ("Is (A) or (B) meant?\nA. the first\nB. the second", ["the first", "the second"]),
    ("Which?\nA. two\nlines\nB. one", ["two\nlines", "one"]),
    ("Find it.\nChoices:\nA:40°\nB:50°\nC:60°\nD:70°", ["40°", "50°", "60°", "70°"]),
    ("Find it.\nChoices: A:40° B:50° C:60° D:70°", ["40°", "50°", "60°", "70°"]),
    ("How large is it? A:40° B:50° C:60°", ["40°", "50°", "60°"]),
    ("How large is it?\nA:3\nB:4", ["3", "4"]),
    ("Choices:\nA:cat\nB:2 dogs\nC:3:4\nD:12:30", ["cat", "2 dogs", "3:4", "12:30"]),
    ("Which? A.0.5 B.1 C.1.25 D.1.5", ["0.5", "1", "1.25", "1.5"]),
    ("Which?\nA.3.5cm\nB.4.5cm\nC.5cm\nD.1.5cm", ["3.5cm", "4.5cm", "5cm", "1.5cm"]),
    ("Choices:A:36°B:54°C:72°D:18°", ["36°", "54°", "72°", "18°"]),
    ("Choices: A:36B:54C:72", ["36", "54", "72"]),
    ("Choices:\nA:3cmB:4cmC:5cmD:6cm", ["3cm", "4cm", "5cm", "6cm"]),
    ("Options: A.$5$B.$\\frac{1}{2}$C.$7$", ["$5$", "$\\frac{1}{2}$", "$7$"]),
    ("Choices: A)1.5B)2.5", ["1.5", "2.5"]),
    ("Which one is red? (a) the cat (b) the dog (c) the bird", ["the cat", "the dog", "the bird"]),
    ("Which one is red?\na) the cat\nb) the dog", ["the cat", "the dog"]),
    ("Choices:\n(a) 1\n(b) 2\n(c) 3", ["1", "2", "3"]),
    ("Choices: a. 1.5 b. 2 c. 3", ["1.5", "2", "3"]),
    ("Options: a: one, b: two", ["one", "two"]),
    ("Which?\n**A**. one\n**B**. two", ["one", "two"]),
    ("Which?\n**A:** one\n**B:** two", ["one", "two"]),
    ("Which?\n**(A)** one\n**(B)** two", ["one", "two"]),
    ("求角的度数。选项：A：30° B：60° C：90°", ["30°", "60°", "90°"]),
    ("Choices: (A) 1 (B) 2 (C) 3\nPlease choose among the options: write its letter.", ["1", "2", "3"]),
    ("Choices: (A) 1 (B) 2 (C) 3\nAnswer with A, B, C or D.", ["1", "2", "3"]),
]
NOT_THERE = [
    "as figures (A) and (B) show, find x.",
    "In (A), (B) and (C), which is right?",
    "Triangle with vertices A. B. and C. find",
    "Points A, B. Find AB. C. is",
    "Question (A) x (C) z",
    "Choices: (A) (B) (C) (D)",
    "The ratio A:B is 3. What is B:C?",
    "The sets are (A) and (B) as in P(A) + P(B) = P(C).",
    "In triangle ABC, ∠A. ∠B. What is ∠C?",
    "Only one:\nA. cat",
    "Choices: (A) 1 (B) 2 (C) 3 D: 4",
    "Choices: A: one B: two C.3 D.4",
    "Which?\nA. one\nB. two\nC) three\nD) four",
    "Which one? (A) red (B) green (C) blue\n(D) black E. white",
    "Choices: (a) 1 (b) 2 c) 3",
    "Which?\nA. one\nB. two\n\nD. four",
    "Choices: A.1 B.2 C.3 （D）4",
    "A circle is shown. (a) Find its radius. (b) Find its area. (c) Find its centre.",
    "Answer the following:\n(a) What is x?\n(b) What is y?",
    "As figures (a), (b) and (c) show: it holds.",
    "Two plates a) and b) touch. How far apart are a) and b)?",
    "Wrong order:\nB. cat\nA. dog",
    "",
]


@pytest.mark.parametrize(("question", "options"), FOUND)
def test_known_layouts(question, options):
    assert parse_options(question) == tuple(options)


@pytest.mark.parametrize("question", NOT_THERE)
def test_no_options(question):
    assert parse_options(question) == ()


WORDS = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=8)


@given(
    st.lists(WORDS, min_size=3, max_size=8),
    st.sampled_from(["({}) {}", "{}. {}", "{}) {}", "{}: {}", "{}、{}", "{}:{}", "{}.{}", "{}){}", "({}){}"]),
    st.sampled_from(["\n", " ", "  ", "; "]),
    st.sampled_from(["Which of them?\n", "Which of them? ", "Which of them?\nChoices: ", "Which of them?\nOptions:\n"]),
)
def test_whatever_was_listed_is_found(options, item, between, before):
    items = [item.format(letter, text) for letter, text in zip(string.ascii_uppercase, options, strict=False)]
    assert parse_options(before + between.join(items)) == tuple(options)


@given(
    st.lists(st.sampled_from(["1.5", "40°", "3:4", "x", "7 cm", "two dogs", "$5$"]), min_size=3, max_size=8),
    st.lists(st.sampled_from(["({}) ", "{}. ", "{}) ", "{}: ", "{}:", "{}."]), min_size=2, max_size=8),
    st.sampled_from(["\n", " "]),
    st.sampled_from(["Which of them?\n", "Which of them?\nChoices:\n"]),
)
def test_a_list_is_found_whole_or_not_at_all(options, styles, between, before):
    """Labels of several styles may hide the later ones from whoever looks for the first style."""
    labels = [styles[n % len(styles)].format(string.ascii_uppercase[n]) for n in range(len(options))]
    items = [label + option for label, option in zip(labels, options, strict=True)]
    assert parse_options(before + between.join(items)) in (tuple(options), ())


@given(st.text(string.ascii_letters + " .:()\n", max_size=120))
def test_any_text_gives_nothing_or_a_list(text):
    options = parse_options(text)
    assert len(options) != 1 and all(option.strip() and option in text for option in options)
