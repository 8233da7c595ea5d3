# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The prompts of a file in verl's RL format, rendered as verl renders them for its rollouts."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq
from PIL import Image

from verl_ext.cpu.torchvision_ops import ensure_torchvision_ops

ensure_torchvision_ops()  # before the image processors import torchvision

from qwen_vl_utils import process_vision_info  # noqa: E402
from transformers import ProcessorMixin  # noqa: E402

PLACEHOLDER = "<image>"
COLUMNS = ("data_source", "prompt", "images", "reward_model", "extra_info")


@dataclass(frozen=True)
class Asked:
    """A row of the file."""

    data_source: str
    messages: Sequence[Mapping[str, str]]
    images: Sequence[bytes] = field(repr=False)
    ground_truth: str
    extra_info: Mapping[str, object]


@dataclass(frozen=True)
class Rendered:
    """What a model is given: the text with one image token an image, and the images as verl resizes them."""

    text: str
    images: Sequence[Image.Image]


def read_asked(parquet: Path, limit: int | None = None) -> list[Asked]:
    """Read the first ``limit`` rows of a file, or all of them.

    Raises:
        ValueError: The file is not in verl's RL format.
    """
    with pq.ParquetFile(parquet) as file:
        absent = [name for name in COLUMNS if name not in file.schema_arrow.names]
        if absent:
            raise ValueError(
                f"{parquet}: no column {', '.join(absent)}; give a file in verl's RL format (docs/data.md)"
            )
        asked: list[Asked] = []
        for batch in file.iter_batches(batch_size=64, columns=list(COLUMNS)):
            asked += map(_asked, batch.to_pylist())
            if limit is not None and len(asked) >= limit:
                break
    return asked[:limit]


def _asked(record: dict) -> Asked:
    return Asked(
        data_source=record["data_source"],
        messages=record["prompt"],
        images=[image["bytes"] for image in record["images"] or []],
        ground_truth=record["reward_model"]["ground_truth"],
        extra_info=record["extra_info"],
    )


def render(processor: ProcessorMixin, asked: Asked) -> Rendered:
    """Apply the chat template, and resize the images to the model's patches."""
    pictures = iter(asked.images)
    messages = []
    for message in asked.messages:
        pieces = [piece for piece in re.split(f"({PLACEHOLDER})", message["content"]) if piece]
        parts = [
            {"type": "image", "image": Image.open(io.BytesIO(next(pictures)))}
            if piece == PLACEHOLDER
            else {"type": "text", "text": piece}
            for piece in pieces
        ]
        messages.append({"role": message["role"], "content": parts})
    text = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    images, _ = process_vision_info(messages, image_patch_size=processor.image_processor.patch_size)
    return Rendered(text, images or [])
