# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""A repaired row of a tiny vision-language model: its log-probs, computed independently, are those of the repair."""

from types import SimpleNamespace

import pytest
import torch

from recipe.care.config import RgrConfig
from recipe.care.repair.plan import LengthLimits, RepairText, Sampled, plan_repair
from recipe.tiny.models import load
from recipe.tiny.prompts import chat, target_text

verl_utils = pytest.importorskip("verl.utils")


@pytest.fixture(scope="module", params=[1, 2], ids=["one_image", "two_images"])
def scene(request, checkpoint, questions):
    """Model, verl's processor for it, a prompt's inputs with expanded image tokens, and a response."""
    model, _ = load(checkpoint)
    processor = verl_utils.hf_processor(str(checkpoint))
    (message,) = chat(questions[0])
    message["content"] = [{"type": "image"}] * (request.param - 1) + message["content"]
    prompt = processor.apply_chat_template([message], tokenize=False, add_generation_prompt=True)
    images = [question.image for question in questions[: request.param]]
    inputs = processor(text=[prompt], images=images, return_tensors="pt")
    assert len(inputs["image_grid_thw"]) == request.param
    response = processor.tokenizer.encode(target_text(questions[0]), add_special_tokens=False)
    return model.eval(), processor, inputs, [*response, processor.tokenizer.eos_token_id]


def media(inputs) -> dict[str, torch.Tensor]:
    return {name: inputs[name] for name in ("pixel_values", "image_grid_thw")}


@torch.no_grad()
def log_probs(model, inputs, ids: list[int], **extra) -> torch.Tensor:
    """(L, V) log-probabilities of what follows each token."""
    ids_1L = torch.tensor([ids])
    types_1L = (ids_1L == model.config.image_token_id).long()
    logits = model(
        input_ids=ids_1L, attention_mask=torch.ones_like(ids_1L), mm_token_type_ids=types_1L, **media(inputs), **extra
    ).logits
    return logits[0].log_softmax(-1)


def decode(model, inputs, request: list[int], count: int) -> tuple[list[int], list[float]]:
    """Greedy continuation of ``request``, one whole forward a token: no cache, no server."""
    ids, logp = [], []
    for _ in range(count):
        step_V = log_probs(model, inputs, [*request, *ids])[-1]
        ids.append(int(step_V.argmax()))
        logp.append(float(step_V.max()))
    return ids, logp


def verls_positions(processor, inputs, ids: list[int]) -> torch.Tensor:
    """(4, L), by the code the worker calls."""
    from verl_ext.repair.worker import CareAgentLoopWorker

    worker = SimpleNamespace(processor=processor)
    worker._compute_multi_modal_inputs = lambda output, ids: {**media(inputs), "mm_token_type_ids": True}
    worker._compute_position_ids = lambda *args: CareAgentLoopWorker._compute_position_ids(worker, *args)
    output = SimpleNamespace(prompt_ids=ids, response_ids=[])
    _, positions = CareAgentLoopWorker._positions(worker, output)
    return positions


@pytest.mark.parametrize("target", ["continue", "rewrite"])
def test_log_probs_of_the_row_agree_with_the_repair(scene, target):
    model, processor, inputs, response = scene
    prompt = inputs["input_ids"][0].tolist()
    text = RepairText.encode("plain", processor.tokenizer)
    sampled = Sampled(prompt, response, [-1.0] * len(response))
    plan = plan_repair(sampled, text, processor.tokenizer, RgrConfig(target=target), LengthLimits(300, 500))
    ids, logp = decode(model, inputs, plan.request_ids, 6)
    row = plan.row(ids, logp)

    whole = [*prompt, *row.response_ids]
    positions = verls_positions(processor, inputs, whole)
    assert positions.shape == (4, len(whole))
    row_LV = log_probs(model, inputs, whole, position_ids=positions.unsqueeze(1))
    own = torch.arange(len(prompt) - 1, len(whole) - 1)
    recomputed = row_LV[own, torch.tensor(row.response_ids)]
    # The positions are the ones the model itself would use.
    torch.testing.assert_close(row_LV, log_probs(model, inputs, whole), atol=1e-5, rtol=1e-5)
    trained = torch.tensor(row.response_mask).bool()
    if target == "continue":
        # Exactly on-policy: the trained tokens were sampled in this very context.
        torch.testing.assert_close(recomputed[trained], torch.tensor(logp), atol=1e-5, rtol=1e-5)
    else:
        # Another context, hence other log-probabilities: what the mismatch metric measures.
        assert (recomputed[trained][-6:] - torch.tensor(logp)).abs().mean() > 1e-4
