# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Count the squares in the image, then add the number in the question.

Neither the image nor the question is enough alone, and a right count can still be added up wrongly: the model has to
look and to reason.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, replace

from PIL import Image, ImageDraw

from recipe.tiny.tasks.base import Question

SIZE = 56
CELLS = 4
CELL = SIZE // CELLS
BACKGROUNDS = ((255, 255, 255), (240, 240, 228), (228, 238, 245))
COLOURS = ((200, 40, 40), (30, 90, 200), (20, 130, 60), (120, 50, 150), (30, 30, 30))


@dataclass(frozen=True)
class CountAdd:
    """1 to 6 squares, plus 0 to 9."""

    name: str = "count_add"
    most_squares: int = 6
    most_added: int = 9
    slips_odd: float = 0.75
    """How often the careless teacher gets one too many when it adds an odd number."""
    slips_even: float = 0.15
    """How often when it adds an even one."""

    def sample(self, rng: random.Random) -> Question:
        """Draw one question; see the module's docstring."""
        squares = rng.randint(1, self.most_squares)
        added = rng.randint(0, self.most_added)
        total = squares + added
        noun = "square" if squares == 1 else "squares"
        return Question(
            image=_draw(squares, rng),
            question=f"How many squares are in the image? Add {added} to the count.",
            answer=str(total),
            rationale=f"{squares} {noun}. {squares}+{added}={total}",
            family=self.name,
        )

    def err(self, question: Question, rng: random.Random) -> Question:
        """Add one too many."""
        wrong = str(int(question.answer) + 1)
        return replace(question, answer=wrong, rationale=question.rationale.rpartition("=")[0] + f"={wrong}")

    def slip_rate(self, question: Question) -> float:
        """Mostly wrong when an odd number is added: a habit that can be unlearned."""
        (added,) = re.findall(r"\+(\d+)=", question.rationale)
        return self.slips_odd if int(added) % 2 else self.slips_even


def _draw(squares: int, rng: random.Random) -> Image.Image:
    """Draw squares that never touch: each lies inside a cell of a 4x4 grid, at a random place and of a random size."""
    image = Image.new("RGB", (SIZE, SIZE), rng.choice(BACKGROUNDS))
    draw = ImageDraw.Draw(image)
    for cell in rng.sample(range(CELLS * CELLS), squares):
        row, column = divmod(cell, CELLS)
        side = rng.randint(8, 11)
        left = column * CELL + rng.randint(1, CELL - side - 1)
        top = row * CELL + rng.randint(1, CELL - side - 1)
        draw.rectangle((left, top, left + side - 1, top + side - 1), fill=rng.choice(COLOURS))
    return image
