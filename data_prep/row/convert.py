# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""One row of a dataset in, one row of training data out, or the reason why not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from data_prep.file.report import Dropped, Entry, Remark
from data_prep.file.review import Shown
from data_prep.row.characters import LOST
from data_prep.row.examples import Example
from data_prep.row.gold import Gold, check_against_verifier
from data_prep.row.images import CheckedImage, check_image
from data_prep.row.lengths import PromptMeter
from data_prep.row.outcome import Outcome
from data_prep.row.prompts import Placed, place_images
from data_prep.row.schema import Row


@dataclass(frozen=True)
class Rules:
    """What decides about the rows of one conversion."""

    data_source: str
    split: str
    gold: Callable[[Example, str], Gold]
    """Reads the gold of a row; its second argument is the question."""
    meter: PromptMeter | None = None
    """Measures prompts, where a model was given."""
    max_prompt_length: int = 0
    drop_text_only: bool = False
    excluded_sources: frozenset[str] = frozenset()


def convert(example: Example, rules: Rules) -> Outcome[Row]:
    """Convert a row.

    Args:
        example: The row as the dataset has it.
        rules: What decides about it.

    Returns:
        The training row with what was repaired in it, or the reason why it was left out.
    """
    try:
        row, remarks = _convert(example, rules)
    except Dropped as drop:
        entry = Entry("dropped", drop.reason, example.qid, example.index, drop.detail)
        return Outcome(example.index, None, (entry,), _shown(example, rules, ""))
    entries = tuple(remark.entry(example.qid, example.index) for remark in remarks)
    return Outcome(example.index, row, entries, _shown(example, rules, row.answer_type))


def _shown(example: Example, rules: Rules, answer_type: str) -> Shown:
    return Shown(
        data_source=rules.data_source,
        source=example.source,
        answer_type=answer_type,
        question=example.question,
        gold=", ".join(example.answers),
        images=lambda: [image.content for image in example.images],
    )


def _convert(example: Example, rules: Rules) -> tuple[Row, list[Remark]]:
    if example.defect:
        raise Dropped("record_unreadable", example.defect)
    if example.source in rules.excluded_sources:
        raise Dropped("source_excluded", example.source)
    if rules.drop_text_only and not example.images:
        raise Dropped("text_only")
    placed, remarks = _place(example)
    gold = rules.gold(example, placed.question)
    doubts = check_against_verifier(rules.data_source, gold, placed.question)
    images = [check_image(image) for image in example.images]
    if rules.meter:
        _check_length(placed.prompt, images, rules.meter, rules.max_prompt_length)
    row = Row(
        data_source=rules.data_source,
        prompt=placed.prompt,
        images=tuple(image.content for image in images),
        ground_truth=gold.text,
        split=rules.split,
        index=example.index,
        qid=example.qid,
        question=placed.question,
        answer=", ".join(example.answers),
        answer_type=gold.answer_type,
        image_sha256=tuple(image.sha256 for image in images),
        source=example.source,
        category=example.category,
        options=gold.options,
        precise_value=gold.precise_value,
        pass_rate_7b=example.pass_rate_7b,
        pass_rate_32b=example.pass_rate_32b,
    )
    seen = [remark for image in images for remark in image.remarks]
    return row, [*remarks, *seen, *gold.remarks, *doubts]


def _place(example: Example) -> tuple[Placed, list[Remark]]:
    """The prompt, and what had to be changed in the question."""
    question = example.question.replace(LOST, "")
    remarks = [Remark("unreadable_characters_removed")] if LOST in example.question else []
    placed = place_images(question, len(example.images))
    if placed is None:
        raise Dropped("more_placeholders_than_images", f"{len(example.images)} images: {question}")
    if not placed.question:
        raise Dropped("question_empty")
    return placed, [*remarks, Remark(placed.repair)] if placed.repair else remarks


def _check_length(prompt: str, images: list[CheckedImage], meter: PromptMeter, limit: int) -> None:
    tokens = meter.tokens(prompt, images)
    if tokens > limit:
        raise Dropped("prompt_too_long", f"{tokens} tokens")
