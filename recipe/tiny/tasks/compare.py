# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Say which of two squares is larger."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from recipe.tiny.tasks.base import Question
from recipe.tiny.tasks.canvas import COLOURS, HABIT, SELDOM, SIZE, blank

HALF = SIZE // 2


@dataclass(frozen=True)
class Compare:
    """Two squares of different colours and of sizes 1 to 5."""

    name: str = "compare"
    largest: int = 5

    def sample(self, rng: random.Random) -> Question:
        """Draw one question; see the module's docstring."""
        first, second = rng.sample(list(COLOURS), 2)
        sizes = dict(zip((first, second), rng.sample(range(1, self.largest + 1), 2), strict=True))
        image, pen = blank(rng)
        for half, name in enumerate(rng.sample([first, second], 2)):
            side = 4 + 4 * sizes[name]
            left = half * HALF + rng.randint(1, HALF - side - 1)
            top = rng.randint(1, SIZE - side - 1)
            pen.rectangle((left, top, left + side - 1, top + side - 1), fill=COLOURS[name])
        larger = max(sizes, key=sizes.__getitem__)
        rationale = f"{first} {sizes[first]}, {second} {sizes[second]}. {larger}"
        question = f"Which square is larger, the {first} or the {second} one?"
        return Question(image, question, larger, rationale, answer_type="text", family=self.name)

    def err(self, question: Question, rng: random.Random) -> Question:
        """Name the other one."""
        sizes, _, larger = question.rationale.rpartition(". ")
        (wrong,) = {part.split()[0] for part in sizes.split(", ")} - {larger}
        return replace(question, answer=wrong, rationale=f"{sizes}. {wrong}")

    def slip_rate(self, question: Question) -> float:
        """The teacher mixes up squares of nearly the same size."""
        first, second = (int(part.split()[1]) for part in question.rationale.rpartition(". ")[0].split(", "))
        return HABIT if abs(first - second) == 1 else SELDOM
