# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What a configuration says about the rollout server, before it fails on the GPUs."""

import importlib.machinery
import importlib.util
import json

import pytest
import torch

from recipe.care.errors import CareConfigError
from verl_ext.checks import rollout as rollout_checks
from verl_ext.checks.dry_run import compose, main, summary
from verl_ext.checks.memory_estimate import MODELS
from verl_ext.checks.rollout import check_context, check_weight_transfer, known_model
from verl_ext.checks.validation import validate_run

ROLLOUT = "actor_rollout_ref.rollout"
VLLM = [
    f"{ROLLOUT}.name=vllm",
    f"{ROLLOUT}.load_format=auto",
    f"{ROLLOUT}.tensor_model_parallel_size=1",
    f"{ROLLOUT}.gpu_memory_utilization=0.6",
    "actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=1",
    f"{ROLLOUT}.log_prob_micro_batch_size_per_gpu=1",
    "data.max_prompt_length=2048",
    "data.max_response_length=2048",
]
EIGHT_B = "actor_rollout_ref.model.path=Qwen/Qwen3-VL-8B-Instruct"


def care(*overrides: str):
    return compose(["algorithm.adv_estimator=care", f"{ROLLOUT}.n=8", *VLLM, *overrides])


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch):
    """An 80 GB GPU is assumed then, on every machine."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.mark.parametrize(
    ("version", "is_refused"), [("0.24.0", False), ("0.24.0+cpu", False), ("0.28.0", True), ("0.31.0", True)]
)
def test_dummy_weights_are_refused_where_images_turn_to_noise(version, is_refused, monkeypatch, capsys):
    monkeypatch.setattr(rollout_checks, "installed", lambda name: version)
    dummy = f"{ROLLOUT}.load_format=dummy"
    # A dry run of any method, and a start with CARE.
    assert main(["algorithm.adv_estimator=grpo", *VLLM, dummy]) == (2 if is_refused else 0)
    if is_refused:
        (line,) = capsys.readouterr().err.splitlines()
        assert f"{dummy}: vLLM {version}" in line and "set it to auto" in line
        with pytest.raises(CareConfigError, match="set it to auto"):
            validate_run(care(dummy))
    else:
        validate_run(care(dummy))


def test_other_servers_may_start_with_dummy_weights(monkeypatch):
    monkeypatch.setattr(rollout_checks, "installed", lambda name: "0.28.0")
    validate_run(care(f"{ROLLOUT}.load_format=dummy", f"{ROLLOUT}.name=sglang"))


def test_a_length_that_would_cut_responses_is_refused():
    with pytest.raises(CareConfigError) as error:
        validate_run(care(f"{ROLLOUT}.max_model_len=4000"))
    for part in (f"{ROLLOUT}.max_model_len=4000", "data.max_response_length=2048", "raise it to 4096", "MAX_MODEL_LEN"):
        assert part in str(error.value)


def test_vllm_needs_room_for_its_longest_sequence():
    """Qwen3-VL 8B has a context of 262,144 tokens: 36 GiB of cache, where 28 are left of 0.6 of 79."""
    with pytest.raises(CareConfigError) as error:
        check_context(care(EIGHT_B))
    for part in (f"{ROLLOUT}.max_model_len=null", "own 262144 tokens", "about 204k", "a GPU of 80 GB", "MAX_MODEL_LEN"):
        assert part in str(error.value)
    with pytest.raises(CareConfigError, match="max_model_len=262144: vLLM would take 262144"):
        check_context(care(EIGHT_B, f"{ROLLOUT}.max_model_len=262144"))
    config = care(EIGHT_B, f"{ROLLOUT}.max_model_len=5120")
    assert "context         5120 tokens (1024 over prompt and response" in summary(config)
    # Two GPUs that share the weights have room for it.
    assert check_context(care(EIGHT_B, f"{ROLLOUT}.tensor_model_parallel_size=2")).startswith("262144 tokens; ")
    assert check_context(care(EIGHT_B, f"{ROLLOUT}.name=sglang")) is None


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("Qwen/Qwen2.5-VL-7B-Instruct", "qwen2_5_vl_7b"),
        ("/models/Qwen3-VL-8B-Thinking/", "qwen3_vl_8b"),
        ("Qwen/Qwen2.5-7B", None),
        ("runs/my_run/model", None),
    ],
)
def test_models_are_known_by_name(path, name):
    assert known_model(path) == (MODELS[name] if name else None)


def test_a_folder_is_known_by_its_shape(tmp_path):
    shape = {"hidden_size": 4096, "num_hidden_layers": 36, "vocab_size": 151936}
    (tmp_path / "config.json").write_text(json.dumps({"text_config": shape}))
    assert known_model(str(tmp_path)) is MODELS["qwen3_vl_8b"]
    (tmp_path / "config.json").write_text(json.dumps({"text_config": {**shape, "hidden_size": 128}}))
    assert known_model(str(tmp_path)) is None
    assert check_context(care(f"actor_rollout_ref.model.path={tmp_path}")) is None


def test_a_transfer_by_nccl_needs_cupy(monkeypatch):
    names = {"cupy": None}
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: names[name] if name in names else find(name))
    apart = care("trainer.v1.trainer_mode=separate_async", f"{ROLLOUT}.checkpoint_engine.backend=nccl")
    monkeypatch.setattr(torch.version, "cuda", None)
    assert "note            weights go by NCCL" in summary(apart) and "on every node" in summary(apart)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    with pytest.raises(CareConfigError, match=r"checkpoint_engine\.backend=nccl: .*pip install cupy-cuda13x"):
        check_weight_transfer(apart)
    assert check_weight_transfer(care(f"{ROLLOUT}.checkpoint_engine.backend=nccl")) is None
    names["cupy"] = importlib.machinery.ModuleSpec("cupy", None)
    assert check_weight_transfer(apart) is None
