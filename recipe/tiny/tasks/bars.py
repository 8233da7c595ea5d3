# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Read the height of one bar of a bar chart."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from recipe.tiny.tasks.base import Question
from recipe.tiny.tasks.canvas import COLOURS, SELDOM, SIZE, STUBBORN, blank

UNIT = 10
WIDTH = 14
BARS = 2
GRID = (205, 205, 205)


@dataclass(frozen=True)
class Bars:
    """Two bars of 1 to 5 units over a grid with a line for each unit."""

    name: str = "bars"
    highest: int = 5

    def sample(self, rng: random.Random) -> Question:
        """Draw one question; see the module's docstring."""
        image, pen = blank(rng)
        for line in range(1, self.highest + 1):
            pen.line((0, SIZE - 1 - line * UNIT, SIZE - 1, SIZE - 1 - line * UNIT), fill=GRID)
        names = rng.sample(list(COLOURS), BARS)
        heights = {name: rng.randint(1, self.highest) for name in names}
        for place, name in enumerate(names):
            left = place * SIZE // BARS + rng.randint(0, SIZE // BARS - WIDTH)
            pen.rectangle((left, SIZE - heights[name] * UNIT, left + WIDTH - 1, SIZE - 1), fill=COLOURS[name])
        asked = rng.choice(names)
        question = f"How high is the {asked} bar?"
        return Question(image, question, str(heights[asked]), f"{asked} bar: {heights[asked]}", family=self.name)

    def err(self, question: Question, rng: random.Random) -> Question:
        """Read the next line above."""
        wrong = str(int(question.answer) + 1)
        return replace(question, answer=wrong, rationale=f"{question.rationale.rpartition(' ')[0]} {wrong}")

    def slip_rate(self, question: Question) -> float:
        """The teacher misreads green and black bars."""
        return STUBBORN if question.rationale.split()[0] in ("green", "black") else SELDOM
