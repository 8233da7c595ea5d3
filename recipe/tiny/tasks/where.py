# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Say where one shape is, seen from another: multiple choice."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from recipe.tiny.tasks.base import Question
from recipe.tiny.tasks.canvas import COLOURS, SELDOM, SIZE, STUBBORN, blank

OPTIONS = ("above", "below", "beside")
SIDE = 14
HALF = SIZE // 2
WOBBLE = 4
"""At most 8 pixels askew, in different halves of the picture: only one option fits."""
LETTERS = "ABC"


@dataclass(frozen=True)
class Where:
    """A red circle above, below or beside a blue square."""

    name: str = "where"

    def sample(self, rng: random.Random) -> Question:
        """Draw one question; see the module's docstring."""
        direction = rng.choice(OPTIONS)
        near, far = (rng.randint(start, start + HALF - SIDE) for start in (0, HALF))
        middle = rng.randint(WOBBLE, SIZE - SIDE - WOBBLE)
        first, second = (middle + rng.randint(-WOBBLE, WOBBLE) for _ in range(2))
        if direction == "beside":
            circle, square = rng.sample([(near, first), (far, second)], 2)
        else:
            heights = (near, far) if direction == "above" else (far, near)
            circle, square = zip((first, second), heights, strict=True)
        image, pen = blank(rng)
        pen.ellipse((*circle, circle[0] + SIDE - 1, circle[1] + SIDE - 1), fill=COLOURS["red"])
        pen.rectangle((*square, square[0] + SIDE - 1, square[1] + SIDE - 1), fill=COLOURS["blue"])
        letter = LETTERS[OPTIONS.index(direction)]
        question = "Where is the circle, seen from the square?"
        return Question(image, question, letter, f"{direction}: {letter}", OPTIONS, "choice", self.name)

    def err(self, question: Question, rng: random.Random) -> Question:
        """Name the next option's letter for the right place."""
        letter = LETTERS[(LETTERS.index(question.answer) + 1) % len(LETTERS)]
        return replace(question, answer=letter, rationale=f"{question.rationale.partition(':')[0]}: {letter}")

    def slip_rate(self, question: Question) -> float:
        """The teacher is careless with what is above."""
        return STUBBORN if question.rationale.startswith("above") else SELDOM
