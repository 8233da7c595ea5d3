# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Questions as verl's RL parquet files: splits that share no question, and the same bytes for the same seed."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq
from PIL import Image

from data_prep.file.output import write_rows
from data_prep.row.schema import SCHEMA as SCHEMA
from data_prep.row.schema import Row
from recipe.tiny.prompts import user_text
from recipe.tiny.tasks import TASKS, Question, Task

MOST_REPEATS = 1000
FINGERPRINTED = 64
"""Questions a fingerprint is made of; a mixture's have all families among them."""


@dataclass(frozen=True)
class DataSettings:
    """What the data files depend on."""

    task: str
    train: int
    val: int
    test: int
    seed: int
    content: str = field(init=False)
    """What the task draws, shows and teaches, as a hash: data of a task that has changed are made again."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "content", fingerprint(TASKS[self.task]))


def fingerprint(task: Task) -> str:
    """A hash of some questions with all that a task knows about them; the same as long as the task is the same."""
    digest, rng = hashlib.sha256(), random.Random(task.name)
    for _ in range(FINGERPRINTED):
        question = task.sample(rng)
        wrong = task.err(question, rng)
        texts = (user_text(question), question.rationale, question.answer, wrong.rationale, wrong.answer)
        parts = (question.content_hash, question.family, question.answer_type, *texts, task.slip_rate(question))
        digest.update(repr(parts).encode())
    return digest.hexdigest()


def rng_for(seed: int, purpose: str) -> random.Random:
    """A random stream of its own for every seed and purpose."""
    return random.Random(f"{seed}/{purpose}")


def draw(task: Task, count: int, rng: random.Random, taken: set[str]) -> list[Question]:
    """Draw questions that nobody has drawn before.

    Args:
        task: The family to draw from.
        count: How many.
        rng: The random stream.
        taken: Content hashes of the questions that are gone; the new ones are added.

    Returns:
        ``count`` questions, all different.

    Raises:
        ValueError: The task seems to have no further questions.
    """
    questions: list[Question] = []
    repeats = 0
    while len(questions) < count:
        question = task.sample(rng)
        if question.content_hash in taken:
            repeats += 1
            if repeats > MOST_REPEATS:
                raise ValueError(f"task {task.name} has too few different questions: {len(taken)} drawn; ask for less.")
            continue
        repeats = 0
        taken.add(question.content_hash)
        questions.append(question)
    return questions


def draw_splits(settings: DataSettings) -> dict[str, list[Question]]:
    """Draw the three splits; a larger training split leaves the other two as they were."""
    taken: set[str] = set()
    task = TASKS[settings.task]
    sizes = {"test": settings.test, "val": settings.val, "train": settings.train}
    return {split: draw(task, size, rng_for(settings.seed, split), taken) for split, size in sizes.items()}


def write_splits(settings: DataSettings, folder: Path, spell: Callable[[str], str] = str) -> None:
    """Write ``train.parquet``, ``val.parquet`` and ``test.parquet``.

    Args:
        settings: What they hold.
        folder: An existing folder.
        spell: Makes a row's prompt of the task's.
    """
    for split, questions in draw_splits(settings).items():
        rows = (as_row(question, settings.task, split, index) for index, question in enumerate(questions))
        write_rows(folder / f"{split}.parquet", (dataclasses.replace(row, prompt=spell(row.prompt)) for row in rows))


def read_questions(path: Path) -> list[Question]:
    """Read a parquet file back as questions; a rationale is not stored, so it comes back empty."""
    rows = pq.read_table(path, columns=["images", "extra_info"]).to_pylist()
    return [
        Question(
            image=Image.open(io.BytesIO(row["images"][0]["bytes"])).convert("RGB"),
            question=row["extra_info"]["question"],
            answer=row["extra_info"]["answer"],
            rationale="",
            options=tuple(row["extra_info"]["options"]),
            answer_type=row["extra_info"]["answer_type"],
            family=row["extra_info"]["category"],
        )
        for row in rows
    ]


def content_hashes(questions: Sequence[Question]) -> set[str]:
    """The content hashes of ``questions``."""
    return {question.content_hash for question in questions}


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()


def as_row(question: Question, task: str, split: str, index: int) -> Row:
    """A question as one row of the training files."""
    image = _png(question.image)
    return Row(
        data_source=f"tiny_{question.family}",
        prompt=user_text(question),
        images=(image,),
        ground_truth=question.answer,
        split=split,
        index=index,
        qid=f"tiny_{task}-{split}-{index}",
        question=question.question,
        answer=question.answer,
        answer_type=question.answer_type,
        image_sha256=(hashlib.sha256(image).hexdigest(),),
        source="tiny",
        category=question.family,
        options=question.options,
    )


def question_row(question: Question, task: str, split: str, index: int) -> dict[str, object]:
    """The same as a record of ``SCHEMA``."""
    return as_row(question, task, split, index).record
