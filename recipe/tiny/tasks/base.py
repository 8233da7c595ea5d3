# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What a task is: a name, and a way to draw one question with its image, answer and rationale."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from typing import Protocol

from PIL import Image


@dataclass(frozen=True)
class Question:
    """One image and a question about it, with all that training and verifying need."""

    image: Image.Image
    """RGB, 56x56: four image tokens."""
    question: str
    """The question alone, without options or instructions."""
    answer: str
    """The ground truth as the verifier compares it: a number, a word, or an option's letter."""
    rationale: str
    """The shortest reasoning that leads to the answer; the warm start teaches it."""
    options: tuple[str, ...] = ()
    """Texts of options A, B, C, ...; empty unless the question is multiple choice."""
    answer_type: str = "number"
    """``number``, ``text`` or ``choice``."""
    family: str = ""
    """Name of the family it was drawn from; the data source is ``tiny_<family>``."""

    @property
    def content_hash(self) -> str:
        """SHA-256 of pixels and question: two questions with the same hash are the same question."""
        digest = hashlib.sha256(self.image.tobytes())
        digest.update(self.question.encode())
        return digest.hexdigest()


class Task(Protocol):
    """A family of questions, drawn at random."""

    @property
    def name(self) -> str:
        """Short name, used in file names and as ``tiny_<name>`` in metrics."""

    def sample(self, rng: random.Random) -> Question:
        """Draw one question, taking every random choice from ``rng``."""

    def err(self, question: Question, rng: random.Random) -> Question:
        """``question`` with a near miss for its rationale and answer: the mistake the careless teacher makes."""

    def slip_rate(self, question: Question) -> float:
        """How often the careless teacher makes that mistake: often where it has the habit, else seldom."""
