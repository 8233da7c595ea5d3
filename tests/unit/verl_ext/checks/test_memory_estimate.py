# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The memory estimate: by hand for a toy model, and its shapes against the real architectures."""

import pytest
import torch

from verl_ext.checks.memory_estimate import GIB, MODELS, Model, Settings, cache_tokens, estimate, main

TOY = Model("toy", 4, 2, 2, 1, 2, 8, 10, False, 100)


def test_parameters_by_hand():
    # q 4x4, k and v 4x2, o 4x4, gate, up and down 4x8: 16 + 8 + 8 + 16 + 3 * 32 = 144 a layer; embeddings 2 * 10 * 4.
    assert (TOY.layer, TOY.embeddings, TOY.parameters) == (144, 80, 2 * 144 + 80 + 100)
    # in + out: 8 + 6 + 6 + 8 + 12 + 12 + 12 = 64 a layer and rank.
    assert TOY.adapters(3) == 3 * 2 * 64


def test_phases_by_hand():
    found = estimate(TOY, Settings(rank=3, micro_tokens=7, gpu_memory_utilization=0.5, gpu_gib=20))
    # 468 parameters in 2 bytes; 384 of adapters in 2, and 4 of Adam.
    resident = 936 + 384 * 6
    assert found.resident * GIB == pytest.approx(resident)
    assert found.rollout == pytest.approx(resident / GIB + 5 + 10)
    # Gathered: 2 * (80 + 2 * 144). A token of a layer: 2 * (5 * 4 + 2 * 8 + 4 + 4 * 8) + 8 * 4 = 176. 70 logits of 14.
    assert found.log_probs * GIB == pytest.approx(resident + 5 * GIB + 736 + 7 * 176 + 70 * 14)
    # Gradients 2 * 384; inputs of 2 layers 2 * 7 * 4 * 2; a layer twice; 70 logits of 4.
    update = 768 + 736 + 112 + 2 * 7 * 176 + 70 * 4
    assert found.update * GIB == pytest.approx(resident + 5 * GIB + update)
    # 10 GiB of vLLM, less 3 for its work and the weights, at 2 * 2 bytes * 2 layers * 1 head * 2.
    assert found.kv_tokens == (7 * GIB - 936) // 16


def test_tensor_parallel_gpus_share_weights_and_heads():
    # A half of 468 * 2 bytes of weights, and of 16 bytes a token.
    assert cache_tokens(TOY, 0.5, 20, tensor_parallel=2) == (7 * GIB - 468) // 8


def test_the_8b_model_beside_its_trainer_has_no_room_for_its_whole_context():
    """Which vLLM insists on unless it is told the longest sequence; the others' fits."""
    room = {name: estimate(model, Settings()).kv_tokens for name, model in MODELS.items()}
    assert [name for name, model in MODELS.items() if room[name] < model.context] == ["qwen3_vl_8b"]


@pytest.mark.parametrize("name", MODELS)
def test_the_defaults_fit_80_gb_with_room(name):
    settings = Settings()
    found = estimate(MODELS[name], settings)
    assert found.peak == max(found.rollout, found.log_probs, found.update) < settings.gpu_gib - 8
    # The longest rows the scripts allow, prompt and response of 2,048 tokens: at least 32 of them at a time.
    assert found.kv_tokens > 32 * 4096


def _published(model: Model) -> torch.nn.Module:
    """The architecture at the published size, without weights."""
    from transformers import (
        Qwen2_5_VLConfig,
        Qwen2_5_VLForConditionalGeneration,
        Qwen3VLConfig,
        Qwen3VLForConditionalGeneration,
    )

    text = {
        "hidden_size": model.hidden,
        "num_hidden_layers": model.layers,
        "num_attention_heads": model.heads,
        "num_key_value_heads": model.kv_heads,
        "head_dim": model.head_dim,
        "intermediate_size": model.intermediate,
        "vocab_size": model.vocab,
        "tie_word_embeddings": model.tied,
    }
    vision: dict[str, object] = {"out_hidden_size": model.hidden, "num_heads": 16}
    if model.name.startswith("qwen2_5"):
        vision |= {"depth": 32, "hidden_size": 1280, "intermediate_size": 3420}
        kind, config = Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLConfig
    else:
        vision |= {"depth": 27, "hidden_size": 1152, "intermediate_size": 4304, "deepstack_visual_indexes": [8, 16, 24]}
        kind, config = Qwen3VLForConditionalGeneration, Qwen3VLConfig
    with torch.device("meta"):
        return kind(config(text_config=text, vision_config=vision, tie_word_embeddings=model.tied))


@pytest.mark.parametrize("name", MODELS)
def test_shapes_are_those_of_the_architectures(name):
    model = MODELS[name]
    real = _published(model)
    assert sum(weight.numel() for weight in real.model.visual.parameters()) == model.vision
    # Norms and biases are left out of the estimate.
    assert model.parameters == pytest.approx(sum(weight.numel() for weight in real.parameters()), rel=1e-3)


def test_command_line(capsys):
    main(["--micro-tokens", "16384"])
    out = capsys.readouterr().out
    assert all(f"`{name}`" in out for name in MODELS)
    with pytest.raises(ValueError, match=r"gpu_memory_utilization=2\.0"):
        main(["--gpu-memory-utilization", "2"])
