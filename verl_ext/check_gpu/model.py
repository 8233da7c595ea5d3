# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Makes what the check runs on: a Qwen2.5-VL with random weights, a tokenizer as large as its own, and questions."""

from __future__ import annotations

import dataclasses
import itertools
import json
import random
import string
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from recipe.tiny.dataset import SCHEMA, draw, question_row, rng_for
from recipe.tiny.models import FAMILIES, MERGE, make_processor, save
from recipe.tiny.prompts import texts
from recipe.tiny.tasks import TASKS
from recipe.tiny.tokenizer import SPECIAL_TOKENS, qwen_tokenizer, train_tokenizer
from verl_ext.check_gpu.settings import VOCABULARY, Shape, Size
from verl_ext.cpu.torchvision_ops import ensure_torchvision_ops

ensure_torchvision_ops()  # before the image processors import torchvision

from transformers import AutoModelForImageTextToText, PreTrainedTokenizerBase, Qwen2_5_VLConfig  # noqa: E402

FAMILY = "qwen2_5_vl"
TASK = "count_add"
SEED = 0


def make_model(folder: Path, size: Size) -> None:
    """Save a model of that size with random weights beside its processor and tokenizer."""
    questions = draw(TASKS[TASK], 256, rng_for(SEED, "check tokenizer"), set())
    tokenizer = train_tokenizer(texts(questions))
    if size.text is not None:
        tokenizer = widened(tokenizer, VOCABULARY)
    family = FAMILIES[FAMILY]
    config = family.config(tokenizer)
    assert isinstance(config, Qwen2_5_VLConfig)
    if size.text is not None and size.vision is not None:
        _resize(config, size.text, size.vision, size.tied)
    on_gpu = torch.cuda.is_available()
    with torch.device("cuda" if on_gpu else "cpu"):
        torch.manual_seed(SEED)
        model = AutoModelForImageTextToText.from_config(config, dtype=torch.bfloat16 if on_gpu else torch.float32)
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.generation_config.eos_token_id = [tokenizer.eos_token_id, *_stops(len(tokenizer), size.mean_response)]
    processor = make_processor(family, tokenizer)
    processor.image_processor.size = {
        "shortest_edge": 4 * (family.patch * MERGE) ** 2,
        "longest_edge": max(size.picture, 4 * family.patch * MERGE) ** 2,
    }
    save(model, processor, folder)


def widened(tokenizer: PreTrainedTokenizerBase, size: int) -> PreTrainedTokenizerBase:
    """A tokenizer of ``size`` tokens: ``tokenizer`` and invented words, so that whatever is sampled can be read."""
    trained = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    vocabulary = {token: place for token, place in trained["vocab"].items() if token not in SPECIAL_TOKENS}
    words = ("".join(letters) for letters in itertools.product(string.ascii_lowercase, repeat=4))
    for word in words:
        if len(vocabulary) == size - len(SPECIAL_TOKENS):
            break
        # The byte-level form of a blank before the word.
        vocabulary.setdefault(f"Ġ{word}", len(vocabulary))
    return qwen_tokenizer(vocabulary, [tuple(merge) for merge in trained["merges"]])


def write_questions(path: Path, size: Size, steps: int) -> None:
    """Write questions for so many steps, their pictures as large as the size says, and told apart by their answer."""
    rows = []
    for index, question in enumerate(draw(TASKS[TASK], size.prompts * steps, rng_for(SEED, "check"), set())):
        picture = question.image.resize((size.picture, size.picture))
        row = question_row(dataclasses.replace(question, image=picture), TASK, "train", index)
        row["reward_model"] = {"style": "rule", "ground_truth": str(index)}
        rows.append(row)
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), path)


def _resize(config: Qwen2_5_VLConfig, shape: Shape, tower: Shape, tied: bool) -> None:
    text, vision, channels = config.text_config, config.vision_config, shape.hidden // shape.heads
    text.hidden_size, text.num_hidden_layers, text.intermediate_size = shape.hidden, shape.layers, shape.intermediate
    text.num_attention_heads, text.num_key_value_heads = shape.heads, shape.kv_heads
    text.layer_types = ["full_attention"] * shape.layers
    text.initializer_range = vision.initializer_range = 0.02
    sections = [channels // 8, channels * 3 // 16, channels * 3 // 16]
    text.rope_parameters = {**text.rope_parameters, "rope_theta": 1e6, "mrope_section": sections}
    text.max_position_embeddings = 32_768
    text.tie_word_embeddings = config.tie_word_embeddings = tied
    vision.depth, vision.hidden_size, vision.intermediate_size = tower.layers, tower.hidden, tower.intermediate
    vision.num_heads, vision.out_hidden_size = tower.heads, shape.hidden
    vision.fullatt_block_indexes = list(range(tower.layers // 4 - 1, tower.layers, tower.layers // 4))


def _stops(vocabulary: int, mean_response: int) -> list[int]:
    """Tokens that end a response, as many as give random responses that mean length; none of the special ones."""
    count = max(1, vocabulary // mean_response)
    return sorted(random.Random(SEED).sample(range(256, vocabulary - len(SPECIAL_TOKENS)), count))
