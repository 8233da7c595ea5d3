# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The parquet files are verl's RL format, reproducible to the byte, and no question is in two splits."""

import asyncio
import hashlib
import random
from dataclasses import dataclass

import pyarrow.parquet as pq
import pytest
from omegaconf import OmegaConf

from recipe.tiny.dataset import (
    SCHEMA,
    DataSettings,
    content_hashes,
    draw,
    draw_splits,
    fingerprint,
    read_questions,
    write_splits,
)
from recipe.tiny.models import load
from recipe.tiny.prompts import user_text
from recipe.tiny.tasks import TASKS, Question
from recipe.tiny.tasks.base import Image

SETTINGS = DataSettings("count_add", train=24, val=8, test=8, seed=0)


def test_the_same_seed_gives_the_same_bytes(data, tmp_path):
    write_splits(SETTINGS, tmp_path)
    for split in ("train", "val", "test"):
        assert (tmp_path / f"{split}.parquet").read_bytes() == (data / f"{split}.parquet").read_bytes()


def test_no_question_is_in_two_splits():
    splits = draw_splits(DataSettings("count_add", train=400, val=100, test=100, seed=1))
    hashes = [content_hashes(questions) for questions in splits.values()]
    assert sum(map(len, hashes)) == len(set.union(*hashes)) == 600


def test_a_larger_training_split_leaves_the_others_alone():
    small, large = (draw_splits(DataSettings("count_add", train, 8, 8, seed=0)) for train in (4, 40))
    for split in ("val", "test"):
        assert content_hashes(small[split]) == content_hashes(large[split])


def test_another_seed_gives_other_questions():
    first, other = (draw_splits(DataSettings("count_add", 20, 8, 8, seed)) for seed in (0, 1))
    assert content_hashes(first["val"]) != content_hashes(other["val"])


def test_a_changed_task_has_another_fingerprint(monkeypatch):
    before = {name: fingerprint(task) for name, task in TASKS.items()}
    assert len(set(before.values())) == len(before)
    assert before == {name: fingerprint(task) for name, task in TASKS.items()}
    monkeypatch.setattr("recipe.tiny.tasks.where.STUBBORN", 0.5)
    changed = {name for name, task in TASKS.items() if fingerprint(task) != before[name]}
    assert changed == {"where", "mixed"}


def test_a_task_that_runs_out_says_so():
    @dataclass(frozen=True)
    class OneQuestion:
        name: str = "one"

        def sample(self, rng: random.Random) -> Question:
            return Question(Image.new("RGB", (56, 56)), "What?", "1", "It is 1.")

    with pytest.raises(ValueError, match="too few different questions"):
        draw(OneQuestion(), 2, random.Random(0), set())


def test_rows_follow_the_shared_schema(data):
    table = pq.read_table(data / "val.parquet")
    assert table.schema.equals(SCHEMA)
    row = table.to_pylist()[3]
    extra = row["extra_info"]
    assert row["data_source"] == "tiny_count_add"
    assert row["prompt"][0]["content"].count("<image>") == len(row["images"]) == 1
    assert row["reward_model"] == {"style": "rule", "ground_truth": extra["answer"]}
    assert (extra["split"], extra["index"], extra["qid"]) == ("val", 3, "tiny_count_add-val-3")
    assert extra["image_sha256"] == [hashlib.sha256(row["images"][0]["bytes"]).hexdigest()]
    assert all(value is not None for value in extra.values())


def test_questions_come_back_as_they_were(data):
    written, read = draw_splits(SETTINGS)["val"], read_questions(data / "val.parquet")
    assert [q.content_hash for q in read] == [q.content_hash for q in written]
    assert [(q.answer, q.answer_type, q.options) for q in read] == [
        (q.answer, q.answer_type, q.options) for q in written
    ]


def test_verl_loads_it(data, checkpoint, tmp_path):
    """The dataset class of verl, its image extraction and the processor together give four image tokens."""
    rl_dataset = pytest.importorskip("verl.utils.dataset.rl_dataset")
    _, processor = load(checkpoint)
    config = OmegaConf.create({"cache_dir": str(tmp_path), "max_prompt_length": 160, "truncation": "error"})
    files = [str(data / f"{split}.parquet") for split in ("train", "val")]
    dataset = rl_dataset.RLHFDataset(files, processor.tokenizer, config, processor)
    assert len(dataset) == 32
    item = dataset[25]
    assert item["index"] == 1
    images, _ = asyncio.run(
        dataset.process_vision_info(item["raw_prompt"], processor.image_processor.patch_size, config)
    )
    prompt = processor.apply_chat_template(item["raw_prompt"], tokenize=False, add_generation_prompt=True)
    inputs = processor(text=[prompt], images=images, return_tensors="pt")
    assert (inputs["input_ids"] == processor.image_token_id).sum() == 4
    assert user_text(read_questions(data / "val.parquet")[1]).removeprefix("<image>") in prompt
