# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The text around a question: what the model is asked, and the response the warm start teaches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recipe.care.repair.cue import cue_text
from recipe.tiny.tasks import Question

INSTRUCTION = "Think briefly in <think></think>, then give only the final answer in <answer></answer>."
LETTERS = "ABCDEFGH"
CUE = "plain"
"""The repair cue of the lessons, RGR's default."""


def user_text(question: Question) -> str:
    """The user's message; ``<image>`` marks the image's place, as verl's datasets expect."""
    options = [f"{letter}. {text}" for letter, text in zip(LETTERS, question.options, strict=False)]
    return "\n".join([f"<image>{question.question}", *options, INSTRUCTION])


def target_text(question: Question) -> str:
    """The response the warm start teaches, without the end-of-turn token."""
    return f"<think>{question.rationale}</think>\n<answer>{question.answer}</answer>"


@dataclass(frozen=True)
class Lesson:
    """One response of the warm start's teacher: what the model is given of it, and what it is trained to write."""

    question: Question
    given: str
    target: str


def plain_lesson(question: Question) -> Lesson:
    """The whole response is taught."""
    return Lesson(question, "", target_text(question))


def repair_lesson(failed: Question, right: Question) -> Lesson:
    """A repair as RGR asks for it: after the rationale of ``failed`` and the cue, the right one and its answer."""
    return Lesson(right, f"<think>{failed.rationale}{cue_text(CUE)}", target_text(right).removeprefix("<think>"))


def chat(question: Question) -> list[dict[str, object]]:
    """The conversation up to the model's turn, in the form ``apply_chat_template`` takes."""
    return [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": _spoken(question)}]}]


def answered_correctly(response: str, answer: str) -> bool:
    """Whether a response ends in one answer region holding exactly ``answer``."""
    head, opened, tail = response.partition("<answer>")
    inside, closed, _ = tail.partition("</answer>")
    return bool(opened and closed and head) and inside.strip() == answer


def texts(questions: Sequence[Question]) -> list[str]:
    """Everything said about ``questions``: what the tokenizer is trained on."""
    return [text for question in questions for text in (_spoken(question), target_text(question), cue_text(CUE))]


def _spoken(question: Question) -> str:
    return user_text(question).removeprefix("<image>")
