# Copyright 2026 The CARE-verl authors
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""verl's FSDP engines on the CPU: registered for it, and without the pinned memory of an accelerator.

verl registers them for cuda and npu only. Its reference policy is always offloaded to pinned host memory, which torch
allocates through the accelerator. Each half can go when verl knows the CPU.
"""

from __future__ import annotations

import functools
from types import ModuleType


def install(transformer_impl: ModuleType) -> None:
    """Register the value-model engine for the CPU; ``verl_ext.engine`` registers the language-model one."""
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
