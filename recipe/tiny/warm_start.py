# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Plain supervised training of a tiny model by a careless teacher.

Reinforcement learning needs a policy that answers in the right form and is right now and then. Stopping training early
gives one whose samples are noise around a good mode, and then any update shows as a loss. Here the training runs its
course, but the teacher has a bad habit (``Task.slip_rate``): the model can do the task, samples right and wrong answers
to most prompts, and has something definite to unlearn from its failures. Now and then the teacher repairs such a
mistake after RGR's cue, as a model that has read reasoning traces knows how to.
"""

from __future__ import annotations

import dataclasses
import json
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from recipe.tiny import store
from recipe.tiny.dataset import content_hashes, draw, read_questions, rng_for
from recipe.tiny.generate import GroupReport, Sampling, evaluate, report_groups
from recipe.tiny.models import load, save
from recipe.tiny.prompts import Lesson, chat, plain_lesson, repair_lesson
from recipe.tiny.settings import WarmStartSettings
from recipe.tiny.tasks import TASKS, Question, Task

if TYPE_CHECKING:
    from transformers import PreTrainedModel, ProcessorMixin

IGNORED = -100
RESULT = "warm_start.json"


@dataclass(frozen=True)
class WarmStartResult:
    """How the warm start ended."""

    steps: int
    seconds: float
    accuracy: float
    """Greedy, on the probe."""
    groups: GroupReport
    """Groups of samples at temperature 1.0 on training prompts."""

    def __str__(self) -> str:
        return (
            f"accuracy {self.accuracy:.2f} after {self.steps} steps in {self.seconds:.0f} s; "
            f"groups sampled at temperature 1.0: {self.groups}"
        )


def warm_start(base: Path, data: Path, out: Path, settings: WarmStartSettings) -> WarmStartResult:
    """Train the model in ``base`` and save it to ``out``, complete or not at all.

    Args:
        base: Checkpoint folder to start from.
        data: Folder of the parquet files; none of their questions is trained on.
        out: Folder for the new checkpoint.
        settings: Everything else.

    Returns:
        How it ended; ``out`` keeps that too.
    """
    train_prompts = read_questions(data / "train.parquet")
    taken = content_hashes(train_prompts)
    for split in ("val", "test"):
        taken |= content_hashes(read_questions(data / f"{split}.parquet"))
    with store.making(out, settings, [base, data]) as draft:
        model, processor = load(base)
        result = _train(model, processor, train_prompts, taken, settings)
        save(model, processor, draft)
        (draft / RESULT).write_text(json.dumps(dataclasses.asdict(result), indent=2) + "\n")
    return result


def teach(task: Task, question: Question, rng: random.Random, repair_share: float, *, careful: bool = False) -> Lesson:
    """The lesson on ``question``: its answer, now and then wrong unless ``careful``, or the repair of a mistake."""
    if rng.random() < repair_share:
        return repair_lesson(task.err(question, rng), question)
    slips = rng.random() < task.slip_rate(question) and not careful
    return plain_lesson(task.err(question, rng) if slips else question)


def collate(processor: ProcessorMixin, lessons: Sequence[Lesson]) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Turn lessons into one training batch.

    Args:
        processor: Makes the inputs.
        lessons: B lessons.

    Returns:
        The model's inputs, padded on the right to length T, and the labels, (B, T): the targets and their end-of-turn
        tokens, everything else ignored.
    """
    tokenizer = processor.tokenizer
    responses = [lesson.target + tokenizer.eos_token for lesson in lessons]
    conversations = [chat(lesson.question) for lesson in lessons]
    prompts = [processor.apply_chat_template(one, tokenize=False, add_generation_prompt=True) for one in conversations]
    inputs = processor(
        text=[p + lesson.given + r for p, lesson, r in zip(prompts, lessons, responses, strict=True)],
        images=[lesson.question.image for lesson in lessons],
        padding=True,
        padding_side="right",
        return_tensors="pt",
    )
    ends = inputs["attention_mask"].sum(dim=1, keepdim=True)
    lengths = torch.tensor([[len(ids)] for ids in tokenizer(responses)["input_ids"]])
    position = torch.arange(inputs["input_ids"].shape[1])
    in_response = (position >= ends - lengths) & (position < ends)
    return dict(inputs), inputs["input_ids"].masked_fill(~in_response, IGNORED)


def _train(
    model: PreTrainedModel,
    processor: ProcessorMixin,
    train_prompts: Sequence[Question],
    taken: set[str],
    settings: WarmStartSettings,
) -> WarmStartResult:
    """Train ``model``, looking at it now and then, and describe the groups it would give."""
    began = time.monotonic()
    probe = draw(TASKS[settings.task], settings.probe, rng_for(settings.seed, "probe"), taken)
    accuracy = float("nan")
    for step, loss in _steps(model, processor, taken, settings):
        if step % settings.eval_every == 0 or step == settings.steps:
            accuracy = evaluate(model, processor, probe)
            seconds = time.monotonic() - began
            print(f"  step {step:4d}  loss {loss:.3f}  accuracy {accuracy:.3f}  {seconds:3.0f} s", flush=True)
    sampling = Sampling(temperature=1.0, seed=settings.seed)
    groups = report_groups(model, processor, train_prompts[:64], settings.samples, sampling)
    return WarmStartResult(settings.steps, round(time.monotonic() - began, 1), accuracy, groups)


def _steps(
    model: PreTrainedModel, processor: ProcessorMixin, taken: set[str], settings: WarmStartSettings
) -> Iterator[tuple[int, float]]:
    """Take one optimizer step after another, each on new questions; yields its number and its loss."""
    rng = rng_for(settings.seed, "warm_start")
    task = TASKS[settings.task]
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings.learning_rate, betas=(0.9, 0.98), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, settings.rate)
    for step in range(1, settings.steps + 1):
        questions = draw(task, settings.batch_size, rng, taken)
        careful = step <= settings.careful_share * settings.steps
        lessons = [teach(task, one, rng, settings.repair_share, careful=careful) for one in questions]
        optimizer.zero_grad()
        loss = add_gradient(model, processor, lessons)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        yield step, loss


def add_gradient(model: PreTrainedModel, processor: ProcessorMixin, lessons: Sequence[Lesson]) -> float:
    """Add the gradient of the mean loss over all taught tokens of a batch; returns that loss.

    Repairs go apart from the rest: a batch is as wide as its longest lesson, and theirs are half as long again.
    """
    kinds = [[one for one in lessons if bool(one.given) == repairs] for repairs in (False, True)]
    batches = [collate(processor, kind) for kind in kinds if kind]
    tokens = sum(int((labels[:, 1:] != IGNORED).sum()) for _, labels in batches)
    total = 0.0
    for inputs, labels in batches:
        logits = model(**inputs).logits
        loss = torch.nn.functional.cross_entropy(
            logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=IGNORED, reduction="sum"
        )
        (loss / tokens).backward()
        total += loss.item() / tokens
    return total
