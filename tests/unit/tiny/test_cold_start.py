# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Lessons in the real schema, about other questions than the held-out ones, with the prompt that RL uses."""

import json
import re

import pyarrow.parquet as pq
import pytest
from transformers import AutoProcessor

from data_prep.row.prompts import INSTRUCTION
from data_prep.row.sft_schema import SFT_SCHEMA
from recipe.care.reward import compute_score
from recipe.evaluation.questions import read_asked, render
from recipe.tiny.cold_start import main

SIZES = ("--lessons", "48", "--train", "8", "--val", "8", "--test", "8")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    out = tmp_path_factory.mktemp("cold")
    assert main(["--out", str(out), *SIZES]) == 0
    return out


def test_lessons_have_the_schema_of_the_converter(prepared):
    table = pq.read_table(prepared / "cold" / "vision_r1_cold.parquet")
    assert table.schema.equals(SFT_SCHEMA)
    manifest = json.loads((prepared / "cold" / "vision_r1_cold.manifest.json").read_text())
    assert manifest["rows"] == 48 and manifest["dropped"] == {}
    # They were written as the real set is, with the prefix that the converter takes off.
    assert manifest["repaired"] == {"final_answer_removed": 48}


def test_most_lessons_are_right_and_all_have_the_form(prepared):
    rows = pq.read_table(prepared / "cold" / "vision_r1_cold.parquet").to_pylist()
    scores = []
    for row in rows:
        count, added = (int(part) for part in row["messages"][1]["content"].partition("=")[0].split()[-1].split("+"))
        said = row["messages"][1]["content"]
        scores.append(compute_score("tiny_count_add", said, str(count + added), {"answer_type": "number"}))
    assert all(score["format"] == 1 for score in scores)
    # The careless teacher's habit: wrong in 3 of 4 odd and 15% of even sums.
    assert 0.2 < sum(score["acc"] for score in scores) / len(scores) < 0.9


def test_lessons_ask_as_reinforcement_learning_does(prepared):
    lessons = pq.read_table(prepared / "cold" / "vision_r1_cold.parquet").to_pylist()
    forms = {re.sub(r"\d+", "#", row["messages"][0]["content"]) for row in lessons}
    for question in read_asked(prepared / "data" / "train.parquet"):
        (message,) = question.messages
        assert message["content"].startswith("<image>") and message["content"].endswith(INSTRUCTION)
        assert re.sub(r"\d+", "#", message["content"]) in forms


def test_no_lesson_is_about_a_held_out_question(prepared):
    lessons = pq.read_table(prepared / "cold" / "vision_r1_cold.parquet").to_pylist()
    learned = {(row["extra_info"]["image_sha256"][0], row["extra_info"]["question"]) for row in lessons}
    for split in ("train", "val", "test"):
        rows = pq.read_table(prepared / "data" / f"{split}.parquet").to_pylist()
        held_out = {(row["extra_info"]["image_sha256"][0], row["extra_info"]["question"]) for row in rows}
        assert not learned & held_out


def test_base_reads_its_prompts_as_verl_renders_them(prepared):
    processor = AutoProcessor.from_pretrained(prepared / "base")
    (question,) = read_asked(prepared / "data" / "val.parquet", limit=1)
    rendered = render(processor, question)
    assert rendered.text.count("<|image_pad|>") == 1 and len(rendered.images) == 1
    assert rendered.text.endswith(f"{INSTRUCTION}<|im_end|>\n<|im_start|>assistant\n")
    # The tokenizer knows the instruction: whole words, not bytes.
    assert len(processor.tokenizer(INSTRUCTION)["input_ids"]) < len(INSTRUCTION) / 3


def test_a_second_call_keeps_everything(prepared):
    before = {path: path.stat().st_mtime_ns for path in prepared.rglob("*")}
    assert main(["--out", str(prepared), *SIZES]) == 0
    assert {path: path.stat().st_mtime_ns for path in prepared.rglob("*")} == before
