# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The questions are what they say they are, and the prompt says how to answer them."""

import random
from collections import Counter

import numpy as np
import pytest

from recipe.care.reward import compute_score
from recipe.tiny.dataset import draw, rng_for
from recipe.tiny.prompts import INSTRUCTION, answered_correctly, target_text, user_text
from recipe.tiny.tasks import FAMILIES, MIXED, TASKS, Question
from recipe.tiny.tasks.base import Image
from recipe.tiny.tasks.canvas import COLOURS


def _count_shapes(image: Image.Image) -> int:
    """Count connected areas that differ from the corner pixel, which no square touches."""
    pixels = np.asarray(image)
    left = {(int(y), int(x)) for y, x in np.argwhere((pixels != pixels[0, 0]).any(axis=2))}
    shapes = 0
    while left:
        shapes += 1
        stack = [left.pop()]
        while stack:
            y, x = stack.pop()
            for neighbour in ((y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)):
                if neighbour in left:
                    left.remove(neighbour)
                    stack.append(neighbour)
    return shapes


@pytest.mark.parametrize("name", TASKS)
def test_the_same_stream_gives_the_same_questions(name):
    first, again = ([TASKS[name].sample(random.Random(3)) for _ in range(2)] for _ in range(2))
    assert [q.content_hash for q in first] == [q.content_hash for q in again]
    assert all(q.image.size == (56, 56) and q.image.mode == "RGB" for q in first)


@pytest.mark.parametrize("name", TASKS)
def test_the_target_is_a_correct_answer(name):
    for question in draw(TASKS[name], 50, rng_for(0, "tests"), set()):
        assert answered_correctly(target_text(question), question.answer)


def test_count_add_counts_the_squares_that_are_there():
    for question in draw(TASKS["count_add"], 100, rng_for(0, "tests"), set()):
        added = int(question.question.split("Add ")[1].split()[0])
        squares = int(question.rationale.split()[0])
        assert _count_shapes(question.image) == squares
        assert int(question.answer) == squares + added
        assert question.rationale.endswith(f"{squares}+{added}={question.answer}")


def test_every_count_and_summand_occurs():
    seen = {question.rationale.split(". ")[1] for question in draw(TASKS["count_add"], 2000, rng_for(0, "t"), set())}
    assert len(seen) == 6 * 10


def test_options_are_listed_with_letters():
    question = Question(Image.new("RGB", (56, 56)), "Which?", "B", "B fits.", ("red", "blue"), "choice")
    assert user_text(question) == f"<image>Which?\nA. red\nB. blue\n{INSTRUCTION}"


@pytest.mark.parametrize(
    ("response", "right"),
    [
        ("<think>x</think>\n<answer>7</answer>", True),
        ("<think>x</think><answer> 7 </answer>", True),
        ("<answer>7</answer>", False),
        ("<think>x</think>\n<answer>17</answer>", False),
        ("<think>x</think>\n<answer>7", False),
        ("<think>7</think>", False),
    ],
)
def test_exact_match(response, right):
    assert answered_correctly(response, "7") is right


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_the_verifier_accepts_the_answer_and_refuses_the_mistake(family):
    for question in draw(family, 60, rng_for(0, "tests"), set()):
        wrong = family.err(question, rng_for(0, "slips"))
        assert question.family == family.name and wrong.content_hash == question.content_hash
        assert wrong.answer != question.answer and wrong.rationale != question.rationale
        for given, acc in ((question, 1.0), (wrong, 0.0)):
            assert (
                compute_score(f"tiny_{family.name}", target_text(given), question.answer, extra_info(question))["acc"]
                == acc
            )


def extra_info(question):
    return {"answer_type": question.answer_type, "options": list(question.options), "question": question.question}


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_the_habit_shows_in_some_questions_and_not_in_others(family):
    rates = [family.slip_rate(question) for question in draw(family, 200, rng_for(0, "tests"), set())]
    habit = 0.93 if family.name in ("bars", "perimeter", "where") else 0.75
    assert set(rates) == {habit, 0.15}
    assert 0.2 < rates.count(habit) / len(rates) < 0.8


def test_mistakes_of_count_add_are_near_misses_with_a_habit():
    task = TASKS["count_add"]
    for question in draw(task, 100, rng_for(0, "tests"), set()):
        wrong = task.err(question, rng_for(0, "slips"))
        assert int(wrong.answer) == int(question.answer) + 1
        assert wrong.rationale.endswith(f"={wrong.answer}")
        odd = int(question.question.split("Add ")[1].split()[0]) % 2
        assert task.slip_rate(question) == (0.75 if odd else 0.15)


def _colours(image: Image.Image) -> Counter:
    """Pixels of each named colour."""
    names = {rgb: name for name, rgb in COLOURS.items()}
    return Counter(names[pixel] for pixel in image.getdata() if pixel in names)


def test_count_counts_the_squares_and_is_careless_with_many():
    task = TASKS["count"]
    for question in draw(task, 100, rng_for(0, "tests"), set()):
        assert _count_shapes(question.image) == int(question.answer)
        assert task.slip_rate(question) == (0.75 if int(question.answer) > 4 else 0.15)


def test_bars_are_as_high_as_the_answer_says():
    for question in draw(TASKS["bars"], 100, rng_for(0, "tests"), set()):
        # A bar is 14 pixels wide and 10 pixels a unit high.
        assert _colours(question.image)[question.question.split()[4]] == int(question.answer) * 10 * 14


def test_the_larger_square_has_more_pixels():
    for question in draw(TASKS["compare"], 100, rng_for(0, "tests"), set()):
        (larger, _), (other, _) = _colours(question.image).most_common(2)
        assert question.answer == larger and other in question.question


def test_perimeters_fit_the_area():
    for question in draw(TASKS["perimeter"], 100, rng_for(0, "tests"), set()):
        width, height = (int(side) for side in question.rationale.partition(". ")[0].split(" by "))
        areas = Counter(map(tuple, np.asarray(question.image).reshape(-1, 3).tolist()))
        # 14 x 14 pixels a unit, all of one shade, darker than background and grid.
        assert areas[min(areas, key=sum)] == width * height * 14 * 14
        assert int(question.answer) == 2 * (width + height)


def test_the_circle_is_where_the_letter_says():
    for question in draw(TASKS["where"], 100, rng_for(0, "tests"), set()):
        pixels = np.asarray(question.image)
        (circle_y, circle_x), (square_y, square_x) = (
            [axis.mean() for axis in np.nonzero((pixels == COLOURS[name]).all(axis=2))] for name in ("red", "blue")
        )
        down, aside = square_y - circle_y, abs(square_x - circle_x)
        right = question.options["ABC".index(question.answer)]
        # In different halves along the direction, at most 8 pixels askew across it.
        if right == "beside":
            assert abs(down) < 9 and aside > 13
        else:
            assert aside < 9 and (down if right == "above" else -down) > 13


def test_a_mixture_draws_from_all_and_errs_like_each():
    questions = draw(MIXED, 120, rng_for(0, "tests"), set())
    assert {question.family for question in questions} == {family.name for family in FAMILIES}
    for question in questions[:20]:
        family = TASKS[question.family]
        assert MIXED.slip_rate(question) == family.slip_rate(question)
        assert MIXED.err(question, rng_for(0, "x")).answer == family.err(question, rng_for(0, "x")).answer
