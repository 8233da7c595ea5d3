# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Post-import hooks: which verl (or vLLM) module, once imported by somebody, gets which small adaptation.

These tables are the whole of what the plugin does to verl. A hook that fails is logged at WARNING with its cause and
kept in ``FAILURES``: the run goes on if it does not choose ``care``, and stops with that cause if it does.
"""

from __future__ import annotations

import importlib
import logging
import os
from types import ModuleType

import wrapt

from verl_ext.cpu.detect import runs_without_accelerator

logger = logging.getLogger(__name__)

HOOKS: dict[str, str] = {
    "verl.utils.config": "verl_ext.checks.validation:install",
    "verl.trainer.ppo.core_algos": "verl_ext.step.estimator:install",
    "verl.trainer.ppo.v1": "verl_ext.trainer:install",
    "verl.workers.engine.fsdp.transformer_impl": "verl_ext.engine.engine:install",
}
"""Module of verl -> function called with it after its import. Inert unless ``care`` is chosen."""

EVERY_RUN_HOOKS: dict[str, str] = {
    "verl.models.transformers.qwen2_vl": "verl_ext.engine.text_only_rows:install",
    "verl.workers.rollout.vllm_rollout.bucketed_weight_transfer": "verl_ext.engine.weight_socket:install",
}
"""The same, but at work whatever is chosen: a run without them stops at a micro-batch without images, or could take
another run's weights."""

CPU_HOOKS: dict[str, str] = {
    "verl.experimental.agent_loop.agent_loop": "verl_ext.cpu.image_features:install",
    "verl.plugin.platform.platform_manager": "verl_ext.cpu.platform:install",
    "verl.trainer.ppo.v1.replay_buffer": "verl_ext.cpu.polling:install",
    "verl.utils.tokenizer.continuous_token": "verl_ext.cpu.image_features:install_prompts",
    "verl.utils.distributed": "verl_ext.cpu.process_group:install",
    "verl.utils.torch_functional": "verl_ext.cpu.log_probs:install",
    "verl.workers.engine.fsdp.transformer_impl": "verl_ext.cpu.engines:install",
    "verl.workers.rollout.vllm_rollout.bucketed_weight_transfer": "verl_ext.cpu.weight_sync:install",
    "verl.workers.rollout.vllm_rollout.vllm_async_server": "verl_ext.cpu.vllm_server:install",
    "vllm.model_executor.layers.utils": "verl_ext.cpu.vllm_linear:install",
    "vllm.model_executor.models.registry": "verl_ext.cpu.vllm_inspection:install",
    "vllm.multimodal.processing.processor": "verl_ext.cpu.vllm_cached_images:install",
}
"""The same, for machines without an accelerator only."""

ARMED: list[str] = []
"""Hooks that wait for their module, as ``module -> installer``."""
INSTALLED: list[str] = []
"""Hooks that have run."""
FAILURES: dict[str, Exception] = {}
"""Hooks that failed, by ``module -> installer``, with the cause."""


def arm() -> None:
    """Arm every hook that applies to this process, once."""
    if ARMED:
        return
    # A package that vLLM's server imports hides what is below this level, ERROR by default, in the whole process: our
    # warnings too. This can go when it leaves the root logger alone.
    os.environ.setdefault("SAGEMAKER_CONTAINER_LOG_LEVEL", "WARNING")
    tables = [HOOKS, EVERY_RUN_HOOKS]
    if runs_without_accelerator():
        from verl_ext.cpu import prepare_process

        prepare_process(arm)
        # The CPU engines derive from the ones HOOKS installs, so these come second.
        tables.append(CPU_HOOKS)
    for table in tables:
        for module_name, installer in table.items():
            _arm_one(module_name, installer)


def _arm_one(module_name: str, installer: str) -> None:
    name = f"{module_name} -> {installer}"
    ARMED.append(name)

    def run(module: ModuleType) -> None:
        target, function = installer.split(":")
        try:
            getattr(importlib.import_module(target), function)(module)
        except Exception as error:
            FAILURES[name] = error
            logger.warning("CARE could not adapt %s (%s): %s: %s", module_name, installer, type(error).__name__, error)
        else:
            INSTALLED.append(name)

    wrapt.register_post_import_hook(run, module_name)
