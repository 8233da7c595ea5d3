# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Tiny vision-language models with random weights, saved as ordinary Hugging Face checkpoints.

A family is a real architecture at a size that trains on two CPU cores (under 1.2 million parameters), so everything
around it (processors, M-RoPE, vLLM, FSDP) is what the full-size model uses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from verl_ext.cpu.torchvision_ops import ensure_torchvision_ops

ensure_torchvision_ops()  # before the image processors import torchvision

from transformers import (  # noqa: E402
    AutoModelForImageTextToText,
    AutoProcessor,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    ProcessorMixin,
    Qwen2_5_VLConfig,
    Qwen2_5_VLProcessor,
    Qwen2VLImageProcessor,
    Qwen2VLVideoProcessor,
    Qwen3VLConfig,
    Qwen3VLProcessor,
    Qwen3VLVideoProcessor,
)

from recipe.tiny.tokenizer import EOS, IMAGE_PAD, PAD, VIDEO_PAD  # noqa: E402

MERGE = 2
HIDDEN = 128
CONTEXT = 2048
MOST_IMAGE_TOKENS = 16


@dataclass(frozen=True)
class Family:
    """An architecture the recipe can build."""

    patch: int
    """Pixels on the side of a vision patch; an image token covers 2x2 patches."""
    config: Callable[[PreTrainedTokenizerBase], Qwen2_5_VLConfig | Qwen3VLConfig]
    """Makes the tiny configuration for a tokenizer."""
    processor: type[ProcessorMixin]
    video_processor: type[Qwen2VLVideoProcessor]


def _special_ids(tokenizer: PreTrainedTokenizerBase) -> dict[str, int]:
    return {
        "image_token_id": tokenizer.convert_tokens_to_ids(IMAGE_PAD),
        "video_token_id": tokenizer.convert_tokens_to_ids(VIDEO_PAD),
        "vision_start_token_id": tokenizer.convert_tokens_to_ids("<|vision_start|>"),
        "vision_end_token_id": tokenizer.convert_tokens_to_ids("<|vision_end|>"),
    }


def _text_settings(tokenizer: PreTrainedTokenizerBase, **extra: object) -> dict[str, object]:
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": HIDDEN,
        "intermediate_size": 256,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": CONTEXT,
        "bos_token_id": None,
        "eos_token_id": tokenizer.convert_tokens_to_ids(EOS),
        "pad_token_id": tokenizer.convert_tokens_to_ids(PAD),
        "initializer_range": 0.05,
        **extra,
    }


def _qwen2_5_vl(tokenizer: PreTrainedTokenizerBase) -> Qwen2_5_VLConfig:
    rope = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [4, 6, 6]}
    vision = {
        "depth": 2,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_heads": 4,
        "out_hidden_size": HIDDEN,
        "patch_size": 14,
        "spatial_merge_size": MERGE,
        "fullatt_block_indexes": [1],
        "initializer_range": 0.05,
    }
    return Qwen2_5_VLConfig(
        text_config=_text_settings(tokenizer, num_hidden_layers=2, rope_parameters=rope),
        vision_config=vision,
        **_special_ids(tokenizer),
    )


def _qwen3_vl(tokenizer: PreTrainedTokenizerBase) -> Qwen3VLConfig:
    rope = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [6, 5, 5], "mrope_interleaved": True}
    vision = {
        "depth": 3,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_heads": 4,
        "out_hidden_size": HIDDEN,
        "patch_size": 16,
        "spatial_merge_size": MERGE,
        "num_position_embeddings": 16,
        "deepstack_visual_indexes": [0, 1],
        "initializer_range": 0.05,
    }
    # vLLM 0.28 builds the language model from the nested configuration's own architecture name and stops with an
    # IndexError without it. It can go when vLLM falls back to its own name for the language model.
    text = _text_settings(
        tokenizer,
        num_hidden_layers=3,
        head_dim=HIDDEN // 4,
        rope_parameters=rope,
        architectures=["Qwen3ForCausalLM"],
    )
    return Qwen3VLConfig(text_config=text, vision_config=vision, **_special_ids(tokenizer))


FAMILIES: Mapping[str, Family] = {
    "qwen2_5_vl": Family(14, _qwen2_5_vl, Qwen2_5_VLProcessor, Qwen2VLVideoProcessor),
    "qwen3_vl": Family(16, _qwen3_vl, Qwen3VLProcessor, Qwen3VLVideoProcessor),
}


def make_processor(family: Family, tokenizer: PreTrainedTokenizerBase) -> ProcessorMixin:
    """Make a processor that turns a 56x56 image into four tokens and never makes more than sixteen of one."""
    area = (family.patch * MERGE) ** 2
    pixels = {"shortest_edge": 4 * area, "longest_edge": MOST_IMAGE_TOKENS * area}
    vision = {"patch_size": family.patch, "merge_size": MERGE, "size": pixels}
    return family.processor(
        image_processor=Qwen2VLImageProcessor(**vision),
        video_processor=family.video_processor(**vision),
        tokenizer=tokenizer,
        chat_template=tokenizer.chat_template,
    )


def build(family: str, out_dir: Path, seed: int, tokenizer: PreTrainedTokenizerBase) -> None:
    """Save a model with random weights, its processor and its tokenizer.

    Args:
        family: A key of ``FAMILIES``.
        out_dir: Folder to write the checkpoint to.
        seed: Seed of the weights; torch's global generator is left as it was.
        tokenizer: The tokenizer the vocabulary is sized for.
    """
    recipe = FAMILIES[family]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AutoModelForImageTextToText.from_config(recipe.config(tokenizer), dtype=torch.float32)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    save(model, make_processor(recipe, tokenizer), out_dir)


def save(model: PreTrainedModel, processor: ProcessorMixin, out_dir: Path) -> None:
    """Write model, processor and tokenizer as one checkpoint folder."""
    model.save_pretrained(out_dir)
    processor.save_pretrained(out_dir)


def load(folder: Path) -> tuple[PreTrainedModel, ProcessorMixin]:
    """Load a checkpoint folder as anyone would; eager attention, the fastest at this size."""
    model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    return model, AutoProcessor.from_pretrained(folder)
