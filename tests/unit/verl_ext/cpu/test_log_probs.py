# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Log-probabilities of many tokens at a time are verl's own, token by token, and so are their gradients."""

import pytest
import torch
from verl.utils import torch_functional

from verl_ext.cpu import log_probs
from verl_ext.cpu.detect import runs_without_accelerator
from verl_ext.cpu.log_probs import many_tokens_at_a_time

TOKENS, VOCABULARY = 13, 7


@pytest.fixture
def slow():
    """Verl's function, also where the plugin has wrapped it."""
    return getattr(torch_functional.logprobs_from_logits_v2, "__wrapped__", torch_functional.logprobs_from_logits_v2)


def batch(dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    logits = 9 * torch.randn(TOKENS, VOCABULARY, generator=generator, dtype=torch.float64).to(dtype)
    return logits.requires_grad_(), torch.randint(VOCABULARY, (TOKENS,), generator=generator)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("tokens_a_slice", [1, 4, 13, 1000])
def test_agrees_with_verl_in_value_and_gradient(slow, monkeypatch, tokens_a_slice, dtype):
    monkeypatch.setattr(log_probs, "SLICE", tokens_a_slice * VOCABULARY)
    results = []
    for function in (slow, many_tokens_at_a_time(slow)):
        logits, labels = batch(dtype)
        values = function(logits, labels)
        (values * torch.arange(TOKENS)).sum().backward()
        results.append((values.detach(), logits.grad))
    torch.testing.assert_close(*results)


def test_a_worked_example():
    # log-probability of the first of two equal logits, and of one that is log 3 above the other: log(1/2), log(3/4).
    logits = torch.tensor([[1.0, 1.0], [torch.log(torch.tensor(3.0)), 0.0]])
    expected = torch.log(torch.tensor([0.5, 0.75]))
    torch.testing.assert_close(many_tokens_at_a_time(None)(logits, torch.tensor([0, 0])), expected)


def test_the_rest_is_left_to_verl():
    calls = []
    wrapped = many_tokens_at_a_time(lambda logits, labels: calls.append(logits.shape))
    logits, labels = batch(torch.bfloat16)
    wrapped(logits, labels)
    wrapped(logits[None].float(), labels[None])
    wrapped(logits[:0].float(), labels[:0])
    assert calls == [(TOKENS, VOCABULARY), (1, TOKENS, VOCABULARY), (0, VOCABULARY)]


@pytest.mark.skipif(not runs_without_accelerator(), reason="a CPU adaptation")
def test_it_is_what_verl_falls_back_to():
    assert hasattr(torch_functional.logprobs_from_logits_v2, "__wrapped__")
    logits, labels = batch()
    expected = logits.log_softmax(-1).gather(-1, labels[:, None])[:, 0]
    torch.testing.assert_close(torch_functional.logprobs_from_logits(logits, labels), expected)
