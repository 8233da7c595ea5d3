# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""verl's FSDP engines on the CPU: registered for it, and without the pinned memory of an accelerator.

verl registers them for cuda and npu only. Its reference policy is always offloaded to pinned host memory, which torch
allocates through the accelerator. Each half can go when verl knows the CPU.
"""

from __future__ import annotations

import functools
from types import ModuleType


def install(transformer_impl: ModuleType) -> None:
    """Register the value-model engine for the CPU; ``verl_ext.engine.engine`` registers the language-model one."""
    register = transformer_impl.EngineRegistry.register(
        model_type="value_model", backend=["fsdp", "fsdp2"], device="cpu", vendor="cpu"
    )
    register(transformer_impl.FSDPEngineWithValueHead)
    transformer_impl.CPUOffloadPolicy = _unpinned(transformer_impl.CPUOffloadPolicy)  # type: ignore[attr-defined]


def _unpinned(policy: type) -> functools.partial[object]:
    """``policy`` with ``pin_memory=False``, whatever its caller asks for."""

    def make(offload_policy: type, *, pin_memory: bool) -> object:
        del pin_memory
        return offload_policy(pin_memory=False)

    return functools.partial(make, policy)
