# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""How a server of a model is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Asking:
    """How the server is asked."""

    endpoint: str
    model: str
    max_tokens: int
    concurrency: int
    timeout_s: float
    banned_tokens: tuple[int, ...] = ()
    """Tokens never sampled: image and video tokens, behind which nothing would stand."""

    def __post_init__(self) -> None:
        if self.max_tokens < 1 or self.concurrency < 1:
            raise ValueError("--max-tokens and --concurrency must be at least 1")

    def request(self, messages: Sequence[Mapping[str, object]]) -> dict[str, object]:
        """A greedy request."""
        request = {
            "model": self.model,
            "messages": list(messages),
            "temperature": 0.0,
            "max_tokens": self.max_tokens,
            "seed": 0,
        }
        if self.banned_tokens:
            request["logit_bias"] = {str(token): -100.0 for token in self.banned_tokens}
        return request
