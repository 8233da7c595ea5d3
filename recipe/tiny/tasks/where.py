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
"""Say where one shape is, seen from another: multiple choice."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from recipe.tiny.tasks.base import Question
from recipe.tiny.tasks.canvas import COLOURS, SELDOM, SIZE, STUBBORN, blank

OPPOSITE = {"left": "right", "right": "left", "above": "below", "below": "above"}
SIDE = 14
APART = 8
WOBBLE = 4
"""At most 8 pixels askew, at least 22 apart: only one option fits."""
LETTERS = "ABCD"


@dataclass(frozen=True)
class Where:
    """A circle left of, right of, above or below a square."""

    name: str = "where"

    def sample(self, rng: random.Random) -> Question:
        """Draw one question; see the module's docstring."""
        direction = rng.choice(list(OPPOSITE))
        near = rng.randint(0, SIZE - 2 * SIDE - APART)
        far = rng.randint(near + SIDE + APART, SIZE - SIDE)
        along = [near, far] if direction in ("left", "above") else [far, near]
        middle = rng.randint(WOBBLE, SIZE - SIDE - WOBBLE)
        across = [middle + rng.randint(-WOBBLE, WOBBLE) for _ in range(2)]
        circle, square = (
            zip(along, across, strict=True) if direction in ("left", "right") else zip(across, along, strict=True)
        )
        image, pen = blank(rng)
        round_colour, square_colour = rng.sample(list(COLOURS.values()), 2)
        pen.ellipse((*circle, circle[0] + SIDE - 1, circle[1] + SIDE - 1), fill=round_colour)
        pen.rectangle((*square, square[0] + SIDE - 1, square[1] + SIDE - 1), fill=square_colour)
        options = tuple(OPPOSITE)
        letter = LETTERS[options.index(direction)]
        question = "Where is the circle, seen from the square?"
        return Question(image, question, letter, f"{direction}: {letter}", options, "choice", self.name)

    def err(self, question: Question, rng: random.Random) -> Question:
        """Name the opposite."""
        wrong = OPPOSITE[question.rationale.partition(":")[0]]
        letter = LETTERS[question.options.index(wrong)]
        return replace(question, answer=letter, rationale=f"{wrong}: {letter}")

    def slip_rate(self, question: Question) -> float:
        """The teacher mixes up left and right."""
        return STUBBORN if question.rationale.partition(":")[0] in ("left", "right") else SELDOM
