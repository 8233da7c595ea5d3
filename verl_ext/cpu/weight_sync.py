# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Weights received through shared memory have to be copied on the CPU before they are handed on.

verl relies on ``tensor.to(device)`` to copy out of the shared buffer. On the CPU that is the same tensor, which would
alias a buffer about to be overwritten and closed. This can go when verl clones explicitly.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType

import torch

NamedWeights = list[tuple[str, torch.Tensor]]


def install(transfer: ModuleType) -> None:
    """Copy each bucket in ``BucketedWeightReceiver.receive_weights`` before its callback sees it."""
    receiver = transfer.BucketedWeightReceiver
    original = receiver.receive_weights

    @functools.wraps(original)
    def receive_weights(self: object, on_bucket_received: Callable[[NamedWeights, bool], None]) -> None:
        def copied(weights: NamedWeights, is_last: bool) -> None:
            owned = [(name, tensor.clone()) for name, tensor in weights]
            # The receiver closes the buffer after the callback; a view left alive would keep it from closing.
            weights.clear()
            on_bucket_received(owned, is_last)

        original(self, copied)

    receiver.receive_weights = receive_weights
