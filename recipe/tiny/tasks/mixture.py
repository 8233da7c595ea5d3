# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Several families in one set."""

from __future__ import annotations

import random
from dataclasses import dataclass

from recipe.tiny.tasks.base import Question, Task


@dataclass(frozen=True)
class Mixture:
    """Each question from a family drawn at random."""

    name: str
    families: tuple[Task, ...]

    def sample(self, rng: random.Random) -> Question:
        """Draw one question of a random family."""
        return rng.choice(self.families).sample(rng)

    def err(self, question: Question, rng: random.Random) -> Question:
        """The mistake of the question's own family."""
        return self._family(question).err(question, rng)

    def slip_rate(self, question: Question) -> float:
        """That of the question's own family."""
        return self._family(question).slip_rate(question)

    def _family(self, question: Question) -> Task:
        (family,) = [family for family in self.families if family.name == question.family]
        return family
