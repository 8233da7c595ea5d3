# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Without flash-attn, verl takes the log-sum-exp of packed rows token by token, in a Python loop.

That is half of a tiny model's log-prob pass and update. Here it is taken of many tokens at a time; the slices keep the
extra memory at a few megabytes. This can go when verl loops over more than one token of packed rows.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType

import torch

SLICE = 1 << 22
"""Logits of a slice: 16 MiB in float32."""

LogProbs = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def install(torch_functional: ModuleType) -> None:
    """Replace the function that ``verl.utils.torch_functional.logprobs_from_logits`` falls back to."""
    slow = torch_functional.logprobs_from_logits_v2
    torch_functional.logprobs_from_logits_v2 = many_tokens_at_a_time(slow)  # type: ignore[attr-defined]


def many_tokens_at_a_time(slow: LogProbs) -> LogProbs:
    """Wrap verl's function, to which everything but packed rows in full precision is left."""

    @functools.wraps(slow)
    def log_probs(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        if logits.dim() != 2 or logits.dtype not in (torch.float32, torch.float64) or not len(logits):
            return slow(logits, labels)
        chosen = logits.gather(-1, labels.unsqueeze(-1)).squeeze(-1)
        slices = logits.split(max(1, SLICE // logits.shape[-1]))
        return chosen - torch.cat([part.logsumexp(-1) for part in slices])

    return log_probs
