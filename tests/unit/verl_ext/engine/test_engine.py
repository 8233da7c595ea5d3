# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Think-embeddings of verl's real FSDP engine are the plain model's, and nothing else about the engine changes.

``engine_probe.py`` runs the engine in a process of its own, once per model family; the tests read what it measured.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROBE = Path(__file__).with_name("engine_probe.py")
LAYOUTS = ("one", "single", "fixed", "halves", "dynamic")
CASES = ("fsdp", "fsdp2", "fsdp2_checkpointing", "fsdp_lora", "fsdp2_lora")


@pytest.fixture(scope="module", params=["qwen2_5_vl", "qwen3_vl"])
def measured(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    # A file serves as the rendezvous: a port could be taken between finding it and using it.
    command = [sys.executable, str(PROBE), request.param, str(folder)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=500)
    assert result.returncode == 0, result.stderr[-3000:]
    return request.param, json.loads(result.stdout.splitlines()[-1])


def _check(case, layouts):
    for name in layouts:
        layout = case[name]
        assert layout["shape"] == [6, 128]
        assert layout["embedding_error"] < 1e-4
        assert layout["log_prob_error"] < 1e-4
        assert layout["empty_row_is_zero"]
        assert layout["log_probs_identical"]
        assert layout["silent_keys"] == ["log_probs"]
        assert layout["asked_keys"] == ["log_probs", "think_embeddings"]
    assert case["hooks_before"] == case["hooks_after"] == 0


def test_the_probe_can_tell_answers_apart(measured):
    """The tolerance means something: rows differ, and so does the model with its adapter."""
    _, found = measured
    assert found["rows_differ"] > 0.1
    assert found["adapter_matters"] > 0.1


@pytest.mark.parametrize("case", CASES)
def test_embeddings_are_the_plain_models(measured, case):
    _, found = measured
    _check(found[case], LAYOUTS)


@pytest.mark.parametrize("case", ["fsdp_lora", "fsdp2_lora"])
def test_without_the_adapter_they_are_the_base_models(measured, case):
    """The reference policy of a LoRA run is the same module with its adapter off."""
    _, found = measured
    _check(found[case]["adapter_off"], ["fixed"])


def test_packed_rows(measured):
    """Rows end to end (use_remove_padding), also rounded up to a bucket of tokens (pad_to_length)."""
    family, found = measured
    if family == "qwen2_5_vl":
        pytest.skip("verl's attention for packed Qwen2.5-VL rows needs flash-attn, so a GPU")
    _check(found["packed"], LAYOUTS)
    _check(found["packed_to_length"], ["one", "dynamic"])


@pytest.mark.parametrize("batch", ["1_fixed", "1_dynamic", "3_fixed", "3_dynamic"])
def test_rows_of_one_length(measured, batch):
    _, found = measured
    assert found["equally_long"][batch] < 1e-4


@pytest.mark.parametrize("strategy", ["fsdp", "fsdp2"])
def test_a_batch_without_images_trains(measured, strategy):
    _, found = measured
    assert 0 < found[f"{strategy}_text_only_grad_norm"] < float("inf")


@pytest.mark.parametrize("strategy", ["fsdp", "fsdp2"])
def test_a_training_step_is_the_stock_engines_to_the_bit(measured, strategy):
    """Even with the request still in the batch: only forward-only passes pool."""
    _, found = measured
    steps = found[f"{strategy}_step"]
    assert steps["stock"]["grad_norm"] > 0 and len(steps["stock"]["loss"]) == 3
    assert steps["silent"] == steps["stock"]
    assert steps["asked"] == steps["stock"]
    assert steps["asked"]["keys"] == ["log_probs"] * 3
