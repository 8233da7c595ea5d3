# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Find the perimeter of a rectangle on a grid."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from recipe.tiny.tasks.base import Question
from recipe.tiny.tasks.canvas import COLOURS, SELDOM, SIZE, STUBBORN, blank

UNIT = SIZE // 4
GRID = (205, 205, 205)
SHADE = 20


@dataclass(frozen=True)
class Perimeter:
    """Sides of 1 to 4 units."""

    name: str = "perimeter"
    longest: int = 4

    def sample(self, rng: random.Random) -> Question:
        """Draw one question; see the module's docstring."""
        image, pen = blank(rng)
        for line in range(0, SIZE, UNIT):
            pen.line((line, 0, line, SIZE - 1), fill=GRID)
            pen.line((0, line, SIZE - 1, line), fill=GRID)
        width, height = rng.randint(1, self.longest), rng.randint(1, self.longest)
        left, top = (rng.randint(0, SIZE // UNIT - side) * UNIT for side in (width, height))
        box = (left, top, left + width * UNIT - 1, top + height * UNIT - 1)
        # Any shade of the colour: sides, places and colours alone make too few different questions.
        shade = tuple(channel + rng.randint(-SHADE, SHADE) for channel in rng.choice(list(COLOURS.values())))
        pen.rectangle(box, fill=shade)
        rationale = f"{width} by {height}. {width}+{height}={width + height}. 2*{width + height}={2 * (width + height)}"
        question = "What is the perimeter of the rectangle?"
        return Question(image, question, str(2 * (width + height)), rationale, family=self.name)

    def err(self, question: Question, rng: random.Random) -> Question:
        """Forget to double."""
        rationale = question.rationale.rpartition(". ")[0]
        return replace(question, answer=str(int(question.answer) // 2), rationale=rationale)

    def slip_rate(self, question: Question) -> float:
        """The teacher is careless with rectangles that are wider than high."""
        width, height = (int(side) for side in question.rationale.partition(". ")[0].split(" by "))
        return STUBBORN if width > height else SELDOM
