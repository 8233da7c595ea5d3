# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The text around a question: the instruction, and as many ``<image>`` as there are images."""

from __future__ import annotations

import re
from dataclasses import dataclass

from data_prep.row.schema import IMAGE

INSTRUCTION = (
    "Reason step by step in <think></think>, then give only the final answer in <answer></answer>. "
    "If the question offers lettered options, answer with the letter of the right one."
)
"""The same for every dataset, so that a mixture does not teach the model to tell them apart."""

_LEADING = re.compile(rf"(?:\s*{IMAGE})+\s*")
# What verl or a Qwen-VL processor would take for an image, a video or the end of the turn.
_MEDIA_TAG = re.compile(r"<(image|video|audio)>|<\|(\w{1,40})\|>")


@dataclass(frozen=True)
class Placed:
    """A question whose placeholders fit its images."""

    prompt: str
    """The user's message, instruction included."""
    question: str
    """The question alone."""
    repair: str
    """What had to be changed: a reason of ``report.REPAIRS``, or empty."""


def place_images(text: str, images: int) -> Placed | None:
    """Make the number of placeholders equal to the number of images, and ask for the answer's form.

    Placeholders inside the question stay where they are if all of them together fit the images; otherwise those at the
    start are the placeholders and the others are ordinary text, which is spelled ``[image]``.

    Args:
        text: The question as the dataset has it.
        images: How many images the row has.

    Returns:
        The question in its place, or None where it shows more images than the row has.
    """
    text = text.strip()
    leading = _LEADING.match(text)
    count_leading = leading.group().count(IMAGE) if leading else 0
    body = text[leading.end() :] if leading else text
    inside = body.count(IMAGE)
    if images == count_leading + inside and inside and not _others(body):
        return Placed(with_instruction(text), _spelled_out(body), "")
    if count_leading > images:
        return None
    question = _spelled_out(body)
    repair = "placeholder_added" if count_leading < images else "tag_in_question" if question != body else ""
    return Placed(with_instruction(IMAGE * images + question), question, repair)


def with_instruction(question: str) -> str:
    """The user's message for a question."""
    return f"{question}\n{INSTRUCTION}"


def _others(body: str) -> bool:
    return any(tag.group() != IMAGE for tag in _MEDIA_TAG.finditer(body))


def _spelled_out(body: str) -> str:
    return _MEDIA_TAG.sub(lambda tag: f"[{tag.group(1) or tag.group(2)}]", body)
