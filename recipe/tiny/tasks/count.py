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
"""Count the squares of one colour among others."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from recipe.tiny.tasks.base import Question
from recipe.tiny.tasks.canvas import CELLS, COLOURS, HABIT, SELDOM, blank, square_in


@dataclass(frozen=True)
class Count:
    """1 to 6 squares that count, 0 to 4 that do not."""

    name: str = "count"
    most: int = 6
    most_others: int = 4

    def sample(self, rng: random.Random) -> Question:
        """Draw one question; see the module's docstring."""
        colour = rng.choice(list(COLOURS))
        others = [name for name in COLOURS if name != colour]
        count = rng.randint(1, self.most)
        colours = [colour] * count + [rng.choice(others) for _ in range(rng.randint(0, self.most_others))]
        image, pen = blank(rng)
        for name, cell in zip(colours, rng.sample(range(CELLS * CELLS), len(colours)), strict=True):
            pen.rectangle(square_in(cell, rng), fill=COLOURS[name])
        question = f"How many {colour} squares are there?"
        return Question(image, question, str(count), f"{colour} squares: {count}", family=self.name)

    def err(self, question: Question, rng: random.Random) -> Question:
        """Count one too many."""
        wrong = str(int(question.answer) + 1)
        return replace(question, answer=wrong, rationale=f"{question.rationale.rpartition(' ')[0]} {wrong}")

    def slip_rate(self, question: Question) -> float:
        """The teacher overcounts red and blue squares."""
        return HABIT if question.rationale.split()[0] in ("red", "blue") else SELDOM
