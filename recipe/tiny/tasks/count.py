# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Count the squares, however they are coloured."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from recipe.tiny.tasks.base import Question
from recipe.tiny.tasks.canvas import CELLS, COLOURS, HABIT, SELDOM, blank, square_in


@dataclass(frozen=True)
class Count:
    """1 to 8 squares of any colours."""

    name: str = "count"
    most: int = 8

    def sample(self, rng: random.Random) -> Question:
        """Draw one question; see the module's docstring."""
        count = rng.randint(1, self.most)
        image, pen = blank(rng)
        for cell in rng.sample(range(CELLS * CELLS), count):
            pen.rectangle(square_in(cell, rng), fill=rng.choice(list(COLOURS.values())))
        return Question(image, "How many squares are there?", str(count), f"squares: {count}", family=self.name)

    def err(self, question: Question, rng: random.Random) -> Question:
        """Count one too many."""
        wrong = str(int(question.answer) + 1)
        return replace(question, answer=wrong, rationale=f"squares: {wrong}")

    def slip_rate(self, question: Question) -> float:
        """The teacher overcounts when there are many."""
        return HABIT if int(question.rationale.split()[-1]) > self.most // 2 else SELDOM
