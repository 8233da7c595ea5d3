# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Both families are ordinary checkpoints that look at their image."""

import json

import pytest
import torch

from recipe.tiny.generate import Sampling, respond
from recipe.tiny.models import build, load
from recipe.tiny.prompts import chat


@pytest.fixture(scope="module")
def loaded(checkpoint):
    return load(checkpoint)


def _inputs(processor, question, image):
    prompt = processor.apply_chat_template(chat(question), tokenize=False, add_generation_prompt=True)
    return processor(text=[prompt], images=[image], return_tensors="pt")


def test_size_and_special_tokens(loaded):
    model, processor = loaded
    assert 0.5e6 < sum(parameter.numel() for parameter in model.parameters()) < 1.2e6
    config, tokenizer = model.config, processor.tokenizer
    assert config.text_config.vocab_size == len(tokenizer)
    assert config.image_token_id == processor.image_token_id
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id


def test_an_image_is_four_tokens(loaded, questions):
    _, processor = loaded
    inputs = _inputs(processor, questions[0], questions[0].image)
    assert inputs["image_grid_thw"].tolist() == [[1, 4, 4]]
    assert (inputs["input_ids"] == processor.image_token_id).sum() == 4


@torch.no_grad()
def test_another_image_changes_the_log_probs(loaded, questions):
    model, processor = loaded
    first, other = (_inputs(processor, questions[0], questions[index].image) for index in (0, 1))
    assert torch.equal(first["input_ids"], other["input_ids"])
    log_probs = [model(**inputs).logits[0, -1].log_softmax(-1) for inputs in (first, other)]
    assert (log_probs[0] - log_probs[1]).abs().max() > 0.01


def test_never_generates_an_image(loaded, questions, monkeypatch):
    """At this temperature every token is as likely as any other, so 64 responses of 20 tokens would contain some."""
    model, processor = loaded
    drawn = []
    monkeypatch.setattr(processor, "batch_decode", lambda ids, **_: drawn.append(ids) or [""] * len(ids))
    respond(model, processor, questions * 8, Sampling(temperature=1e4, max_tokens=20))
    seen = set(drawn[0].flatten().tolist())
    assert processor.image_token_id not in seen and processor.video_token_id not in seen
    assert len(seen) > 0.8 * len(processor.tokenizer)


def test_the_seed_decides_the_weights(checkpoint, loaded, tmp_path):
    _, processor = loaded
    before = torch.random.get_rng_state()
    for seed in (0, 1):
        build(checkpoint.name, tmp_path / str(seed), seed, processor.tokenizer)
    assert torch.equal(before, torch.random.get_rng_state())
    first, other = ((tmp_path / seed / "model.safetensors").read_bytes() for seed in "01")
    assert first == (checkpoint / "model.safetensors").read_bytes() != other


def test_what_vllm_needs_to_find_the_language_model(tmp_path, base):
    """The nested architecture name must outlive loading and saving, as after the warm start or a verl checkpoint."""
    _, processor = load(base)
    build("qwen3_vl", tmp_path / "built", 0, processor.tokenizer)
    model, _ = load(tmp_path / "built")
    model.save_pretrained(tmp_path / "again")
    config = json.loads((tmp_path / "again" / "config.json").read_text())
    assert config["text_config"]["architectures"] == ["Qwen3ForCausalLM"]
    assert config["architectures"] == ["Qwen3VLForConditionalGeneration"]
