# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
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
