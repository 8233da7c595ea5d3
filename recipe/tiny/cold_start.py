# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Make everything the tiny cold start needs, offline: lessons, questions, tokenizer, untrained model.

    care tiny-cold-start --out runs/tiny_cold

writes

    runs/tiny_cold/cold/vision_r1_cold.parquet  lessons for verl's SFT trainer, with manifest and report
    runs/tiny_cold/data/{train,val,test}.parquet  questions in verl's RL format; no lesson is about one of them
    runs/tiny_cold/base/  the model with random weights, its tokenizer and processor

The lessons are written as Osilly/Vision-R1-cold is, "Final Answer:" included, and converted by
``data_prep.vision_r1_cold`` like the real set. The teacher is the careless one of ``recipe.tiny.warm_start``, so that
reinforcement learning has something to correct afterwards; it gives no repairs.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from transformers.utils import logging as transformers_logging

from data_prep import vision_r1_cold
from data_prep.row.prompts import INSTRUCTION
from recipe.tiny import prompts, store
from recipe.tiny.dataset import DataSettings, content_hashes, draw, read_questions, rng_for, write_splits
from recipe.tiny.models import build
from recipe.tiny.settings import ARCHITECTURES, BaseSettings
from recipe.tiny.tasks import TASKS, Question
from recipe.tiny.tokenizer import train_tokenizer
from recipe.tiny.warm_start import teach

SPLITS = ("train", "val", "test")
MAX_LENGTH = 256
"""Tokens of a lesson at most, prompt and image included; they have about 110."""


@dataclass(frozen=True)
class QuestionSettings:
    """What the questions depend on."""

    data: DataSettings
    instruction: str = INSTRUCTION


@dataclass(frozen=True)
class ColdBaseSettings(BaseSettings):
    """What the untrained model depends on: its tokenizer knows the converters' instruction."""

    instruction: str = INSTRUCTION


@dataclass(frozen=True)
class LessonSettings:
    """What the lessons depend on, besides the questions they must not be about."""

    task: str
    seed: int
    lessons: int

    def __post_init__(self) -> None:
        if self.lessons < 1:
            raise ValueError(f"--lessons {self.lessons}: at least one is needed.")


def with_converters_instruction(text: str) -> str:
    """Text of the tiny recipe with the instruction that ``data_prep`` writes: one instruction for SFT and RL."""
    return text.replace(prompts.INSTRUCTION, INSTRUCTION)


def write_base(settings: ColdBaseSettings, folder: Path) -> None:
    """Save the untrained model; its tokenizer knows the converters' instruction."""
    questions = draw(
        TASKS[settings.task], settings.tokenizer_questions, rng_for(settings.seed, "cold tokenizer"), set()
    )
    tokenizer = train_tokenizer([with_converters_instruction(text) for text in prompts.texts(questions)])
    build(settings.family, folder, settings.seed, tokenizer)


def lessons(settings: LessonSettings, taken: set[str]) -> Iterator[tuple[Question, str, str]]:
    """Draw lessons about questions that are not ``taken``.

    Yields:
        A question, the user's text without instruction, and the response as Vision-R1-cold would have it.
    """
    task, rng = TASKS[settings.task], rng_for(settings.seed, "cold lessons")
    for question in draw(task, settings.lessons, rng, taken):
        taught = teach(task, question, rng, repair_share=0.0).question
        asked = prompts.user_text(question).removesuffix(f"\n{prompts.INSTRUCTION}")
        said = f"<think>{taught.rationale}</think> <answer> Final Answer:{taught.answer} </answer>"
        yield question, asked, said


def write_lessons(settings: LessonSettings, base: Path, data: Path, folder: Path) -> None:
    """Write lessons in Vision-R1-cold's own format and have ``data_prep`` convert them.

    Raises:
        RuntimeError: The converter refused them.
    """
    taken: set[str] = set()
    for split in SPLITS:
        taken |= content_hashes(read_questions(data / f"{split}.parquet"))
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch, "vision_r1_llava_cot_full.json")
        records = []
        with zipfile.ZipFile(Path(scratch, "images.zip"), "w") as archive:
            for index, (question, asked, said) in enumerate(lessons(settings, taken)):
                picture = io.BytesIO()
                question.image.save(picture, format="PNG")
                archive.writestr(f"{index}.png", picture.getvalue())
                turns = [{"from": "human", "value": asked}, {"from": "gpt", "value": said}]
                records.append({"id": str(index), "image": f"{index}.png", "conversations": turns})
        source.write_text(json.dumps(records))
        images = str(Path(scratch, "images.zip"))
        options = ["--input", str(source), "--images", images, "--output", str(folder)]
        status = vision_r1_cold.main([*options, "--model", str(base), "--max-length", str(MAX_LENGTH)])
    if status:
        raise RuntimeError(f"data_prep.vision_r1_cold stopped with status {status}; its message is above.")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; see ``--help``."""
    options = _parser().parse_args(argv)
    transformers_logging.disable_progress_bar()
    out, task, seed = options.out, options.task, options.seed
    data, base, cold = out / "data", out / "base", out / "cold"
    questions = QuestionSettings(DataSettings(task, options.train, options.val, options.test, seed))
    if not store.is_finished(data, questions):
        with store.making(data, questions) as draft:
            write_splits(questions.data, draft, spell=with_converters_instruction)
    model = ColdBaseSettings(options.family, task, seed)
    if not store.is_finished(base, model):
        with store.making(base, model) as draft:
            write_base(model, draft)
    settings = LessonSettings(task, seed, options.lessons)
    if not store.is_finished(cold, settings, [base, data]):
        with store.making(cold, settings, [base, data]) as draft:
            write_lessons(settings, base, data, draft)
    print(f"{out}: lessons, questions and an untrained model are ready")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="care tiny-cold-start",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--out", type=Path, default=Path("runs/tiny_cold"), help="folder to fill (default: %(default)s)")
    add("--family", choices=ARCHITECTURES, default="qwen2_5_vl", help="architecture (default: %(default)s)")
    add("--task", choices=sorted(TASKS), default="count_add", help="questions (default: %(default)s)")
    add("--lessons", type=int, default=4096, help="rows of the SFT file (default: %(default)s)")
    add("--train", type=int, default=1024, help="questions for RL (default: %(default)s)")
    add("--val", type=int, default=256, help="validation questions (default: %(default)s)")
    add("--test", type=int, default=256, help="test questions (default: %(default)s)")
    add("--seed", type=int, default=0, help="seed of everything (default: %(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
