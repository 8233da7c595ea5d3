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
"""The CPU workarounds without CARE, to compare a stock run with and without the plugin on a CPU.

``VERL_USE_EXTERNAL_PLUGINS=none VERL_USE_EXTERNAL_MODULES=verl_ext.cpu.alone`` runs stock verl on the CPU. Used by the
test that a GRPO run gives the same numbers either way.
"""

from __future__ import annotations

from types import ModuleType

from verl_ext import hooks


def install_stock_engine(transformer_impl: ModuleType) -> None:
    """Register verl's own language-model engine for the CPU."""
    register = transformer_impl.EngineRegistry.register(
        model_type="language_model", backend=["fsdp", "fsdp2"], device="cpu", vendor="cpu"
    )
    register(transformer_impl.FSDPEngineWithLMHead)


hooks.HOOKS.clear()
hooks.HOOKS["verl.workers.engine.fsdp.transformer_impl"] = f"{__name__}:install_stock_engine"
hooks.arm()
