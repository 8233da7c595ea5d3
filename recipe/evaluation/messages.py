# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Prompts of MMMU and MMMU-Pro with every picture where the text mentions it.

lmms-eval 0.7.3 sorts the pictures, puts the k-th at the k-th mention and drops the text between mentions it has no
picture for: options that were shuffled get each other's pictures, and a question that mentions a picture twice loses
words. A row of the vision set mentions none, and gets its options twice. Everything else is as lmms-eval has it.
"""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Mapping

MENTION = re.compile(r"<image (\d+)>")
VISION_REQUEST = "Answer the question in the image."


def options_of(doc: Mapping[str, object]) -> list[str]:
    """The options of a row, which the datasets hold as the text of a Python list."""
    value = doc["options"]
    options = ast.literal_eval(value) if isinstance(value, str) else value
    if not isinstance(options, list):
        raise ValueError(f"{doc['id']}: options={value!r} is not a list")
    return [str(option) for option in options]


def lettered(options: list[str]) -> str:
    """The options as lmms-eval writes them, one a line."""
    return "\n".join(f"{letter}. {text}" for letter, text in zip(string.ascii_uppercase, options, strict=False))


def question_text(doc: Mapping[str, object]) -> str:
    """What a row asks, in lmms-eval's words: a question with or without options, or the options of a pictured one."""
    if "question" not in doc:
        return f"{lettered(options_of(doc))}\n\n{VISION_REQUEST}"
    if doc.get("question_type", "multiple-choice") != "multiple-choice":
        return str(doc["question"])
    return f"{doc['question']}\n{lettered(options_of(doc))}"


def user_content(doc: Mapping[str, object]) -> list[dict[str, object]]:
    """The parts of the user's message: texts, and pictures at every mention of them.

    Args:
        doc: A row of MMMU, MMMU-Pro standard or MMMU-Pro vision with its decoded pictures.

    Returns:
        Parts of the kind ``{"type": "text", "text": ...}`` and ``{"type": "image", "url": <picture>}``.

    Raises:
        ValueError: The text mentions a picture that the row does not have.
    """
    if "question" not in doc:
        return [_picture(doc, "image"), {"type": "text", "text": question_text(doc)}]
    parts: list[dict[str, object]] = []
    # re.split with a group: texts at even places, the numbers of the pictures at odd ones.
    for place, piece in enumerate(MENTION.split(question_text(doc))):
        if place % 2:
            parts.append(_picture(doc, f"image_{piece}"))
        elif piece.strip():
            parts.append({"type": "text", "text": piece.strip()})
    return parts


def _picture(doc: Mapping[str, object], field: str) -> dict[str, object]:
    image = doc.get(field)
    if image is None:
        raise ValueError(f"{doc['id']}: the text mentions {field}, which the row does not have")
    return {"type": "image", "url": image.convert("RGB")}  # type: ignore[attr-defined]
