# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Distances by hidden states: those of a forward pass over prompt and response, averaged over the rationale."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from transformers import AutoModelForImageTextToText, AutoTokenizer

from recipe.replay.dump import Rollout
from recipe.replay.embeddings import LONGEST, MODEL, RECORDED, WORDS, HiddenStates, as_recorded, by_words
from recipe.replay.records import RolloutRecord, pack_embedding
from recipe.tiny.models import build
from recipe.tiny.tokenizer import train_tokenizer
from tests.unit.replay.dumps import read, response, row, write

TEXTS = [response("I count three and four.", "7"), "no tags at all", response("One.", "1"), ""]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    build("qwen2_5_vl", folder, 0, train_tokenizer([*TEXTS, "user How many? assistant"] * 5, 400))
    return folder


@pytest.fixture
def rollouts(tmp_path):
    return read(write(tmp_path / "1.jsonl", [row(output=text) for text in TEXTS]))[0][0]


def test_an_embedding_is_the_mean_of_the_last_hidden_states_of_the_rationale(model, rollouts):
    """Each row by itself and without padding: the states before the model's own head, at the rationale's tokens."""
    origin, vectors = HiddenStates(str(model))(rollouts, [])
    assert origin == MODEL
    tokenizer = AutoTokenizer.from_pretrained(model)
    whole = AutoModelForImageTextToText.from_pretrained(model, dtype=torch.float32).eval()
    for one, text, inner in zip(vectors, TEXTS, ("I count three and four.", "no tags at all", "One.", ""), strict=True):
        before = len(tokenizer.encode(rollouts[0].input))
        ids = tokenizer.encode(rollouts[0].input) + tokenizer.encode(text)
        with torch.inference_mode():
            states = whole(input_ids=torch.tensor([ids]), output_hidden_states=True).hidden_states[-1][0]
        ends = np.array([len(tokenizer.decode(ids[before:stop])) for stop in range(before, len(ids) + 1)])
        begin = text.index(inner)
        # A token that the rationale shares with a tag counts.
        own = states[before:][(ends[1:] > begin) & (ends[:-1] < begin + len(inner))]
        expected = own.mean(dim=0) if inner else torch.zeros(states.shape[1])
        assert one == pytest.approx(expected.numpy(), abs=1e-4)


def test_the_command_alone_loads_a_model_that_sees(model, tmp_path):
    path = write(tmp_path / "1.jsonl", [row(output=text) for text in TEXTS])
    command = [sys.executable, "-m", "recipe.replay", path, "--model", model, "--tokenizer", model]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Distances in 1 of 1 steps: by hidden states of the model" in done.stdout


def test_an_endless_response_is_cut(model, tmp_path):
    ((rollout,),), _ = read(write(tmp_path / "1.jsonl", [row(output="word " * 3 * LONGEST)]))
    assert len(HiddenStates(str(model))._ids(rollout.output)) == LONGEST
    assert by_words([rollout], [[1] * 10**7]).vectors_BH.shape[0] == 1


def test_words_serve_where_no_embedding_was_recorded(rollouts):
    contents = [[1, 2], [1, 2], [3], []]
    origin, vectors = as_recorded(rollouts, contents)
    assert origin == "words" and (vectors == by_words(rollouts, contents).vectors_BH).all()


def recorded(acc: list[float], vectors: list[list[float] | None]) -> list[Rollout]:
    """A group of records, some of which have an embedding."""
    records = [
        RolloutRecord(1, f"p_{row}_0", "p", row, "", "", None, one, one, "unused", 0.0, embedding=packed)
        for row, (one, packed) in enumerate(
            zip(acc, (None if vector is None else pack_embedding(np.array(vector)) for vector in vectors), strict=True)
        )
    ]
    return [
        Rollout("1.jsonl", one.row, 1, "p", str(one.row), 0, "", "", None, one.score, one.acc, record=one)
        for one in records
    ]


def test_a_correct_rollout_that_a_run_did_not_look_at_is_as_far_as_can_be():
    origin, vectors = as_recorded(recorded([1.0, 1.0, 0.0], [[1.0, 0.0], None, [0.6, 0.8]]), [[1]] * 3)
    assert origin == RECORDED
    assert vectors == pytest.approx(np.array([[1.0, 0.0], [0.0, 0.0], [0.6, 0.8]]), abs=1e-3)


def test_a_failure_without_an_embedding_is_measured_by_words():
    """A run looks at all failures that it could contrast; these are others' records."""
    assert as_recorded(recorded([1.0, 0.0], [[1.0, 0.0], None]), [[1], [2]]).origin == WORDS
