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
"""The questions are what they say they are, and the prompt says how to answer them."""

import random

import numpy as np
import pytest

from recipe.tiny.dataset import draw, rng_for
from recipe.tiny.prompts import INSTRUCTION, answered_correctly, target_text, user_text
from recipe.tiny.tasks import TASKS, Question
from recipe.tiny.tasks.base import Image


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


def test_mistakes_of_count_add_are_near_misses_with_a_habit():
    task = TASKS["count_add"]
    for question in draw(task, 100, rng_for(0, "tests"), set()):
        wrong = task.err(question, rng_for(0, "slips"))
        assert int(wrong.answer) == int(question.answer) + 1
        assert wrong.rationale.endswith(f"={wrong.answer}")
        assert wrong.content_hash == question.content_hash
        odd = int(question.question.split("Add ")[1].split()[0]) % 2
        assert task.slip_rate(question) == (0.75 if odd else 0.15)
