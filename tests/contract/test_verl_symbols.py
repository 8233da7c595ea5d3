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
"""What this package relies on in verl 0.9.1, found in our own sources and checked against the installed packages."""

import ast
import importlib
import importlib.metadata
import inspect
from pathlib import Path

import pytest

from recipe.care.loss_scale import LOSS_AGG_MODES

ROOT = Path(__file__).parents[2]
FOREIGN = ("verl", "transfer_queue", "tensordict", "ray")


def _imported_symbols() -> list[tuple[str, str]]:
    """Every ``from <foreign module> import <name>`` of the package, also inside functions."""
    found = set()
    for folder in ("verl_ext", "recipe/tiny"):
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in FOREIGN:
                    found |= {(node.module, alias.name) for alias in node.names}
    return sorted(found)


def test_sources_were_searched():
    assert ("verl.plugin.platform.platform_base", "PlatformBase") in _imported_symbols()


@pytest.mark.parametrize(("module", "name"), _imported_symbols())
def test_symbol_exists(module, name):
    imported = importlib.import_module(module)
    if not hasattr(imported, name):
        importlib.import_module(f"{module}.{name}")


def test_version():
    assert importlib.metadata.version("verl") == "0.9.1"


def test_hooked_functions_exist():
    import verl.trainer.ppo.v1 as v1
    from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer
    from verl.trainer.ppo.v1.trainer_base import PPOTrainer
    from verl.utils.config import validate_config
    from verl.utils.distributed import initialize_global_process_group, initialize_global_process_group_ray
    from verl.workers.engine.fsdp.transformer_impl import FSDPEngineWithLMHead, FSDPEngineWithValueHead
    from verl.workers.rollout.vllm_rollout.bucketed_weight_transfer import BucketedWeightReceiver

    for method in (PPOTrainer._compute_old_log_prob, PPOTrainer._compute_advantage):
        assert list(inspect.signature(method).parameters) == ["self", "batch", "metrics"]
    assert list(inspect.signature(validate_config).parameters) == ["config", "use_reference_policy", "use_critic"]
    assert list(inspect.signature(FSDPEngineWithLMHead.forward_step).parameters)[1:] == [
        "micro_batch",
        "loss_function",
        "forward_only",
    ]
    assert list(inspect.signature(BucketedWeightReceiver.receive_weights).parameters) == ["self", "on_bucket_received"]
    assert set(v1.trainer_base.TRAINER_REGISTRY) >= {"sync", "colocate_async", "separate_async"}
    assert callable(initialize_global_process_group) and callable(initialize_global_process_group_ray)
    assert issubclass(FSDPEngineWithValueHead, FSDPEngineWithLMHead)
    assert ReplayBuffer is not None


def test_every_registered_trainer_is_care_aware():
    import verl.trainer.ppo.v1 as v1

    from verl_ext.trainer import CareTrainerMixin

    for trainer in v1.trainer_base.TRAINER_REGISTRY.values():
        assert issubclass(trainer, CareTrainerMixin)


def test_platform_implements_all_of_verls_interface():
    from verl_ext.cpu.platform import PlatformCPU

    platform = PlatformCPU()
    assert platform.device_name == "cpu"
    assert platform.is_available()


def test_loss_agg_modes_are_verls():
    import torch
    from verl.trainer.ppo.core_algos import agg_loss

    loss, mask = torch.ones(2, 3), torch.ones(2, 3)
    for mode in LOSS_AGG_MODES:
        assert torch.isfinite(agg_loss(loss_mat=loss, loss_mask=mask, loss_agg_mode=mode))
    with pytest.raises(ValueError, match="no-such-mode"):
        agg_loss(loss_mat=loss, loss_mask=mask, loss_agg_mode="no-such-mode")


def test_engines_are_registered_for_the_keys_that_win():
    import verl.workers.engine.fsdp.transformer_impl  # noqa: F401
    from verl.workers.engine.base import EngineRegistry

    from verl_ext.engine import ThinkEmbeddingMixin

    registered = EngineRegistry._engines["language_model"]
    for backend in ("fsdp", "fsdp2"):
        for key in (("cuda", "nvidia"), ("cuda", "amd"), ("npu", "huawei"), ("cpu", "cpu")):
            assert issubclass(registered[backend][key], ThinkEmbeddingMixin)
