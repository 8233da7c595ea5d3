# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What this package relies on in verl 0.9.1, found in our own sources and checked against the installed packages."""

import ast
import importlib
import importlib.metadata
import inspect
import logging
from pathlib import Path

import pytest

from recipe.care.method.credit import LOSS_AGG_MODES
from verl_ext.cpu.ascend import TRANSFER
from verl_ext.cpu.detect import runs_without_accelerator
from verl_ext.hooks import CPU_HOOKS, EVERY_RUN_HOOKS, HOOKS, arm

ROOT = Path(__file__).parents[2]
FOREIGN = ("verl", "transfer_queue", "tensordict", "ray", "vllm")
SOURCES = sorted(file for folder in ("verl_ext", "recipe/tiny") for file in (ROOT / folder).rglob("*.py"))


def _imported_symbols() -> list[tuple[str, str]]:
    """Every ``from <foreign module> import <name>`` and ``<foreign module>.<name>``, also inside functions."""
    found = set()
    for file in SOURCES:
        nodes = list(ast.walk(ast.parse(file.read_text())))
        modules = {}
        for node in nodes:
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in FOREIGN:
                found |= {(node.module, alias.name) for alias in node.names}
            if isinstance(node, ast.Import):
                foreign = [alias for alias in node.names if alias.name in FOREIGN]
                modules |= {alias.asname or alias.name: alias.name for alias in foreign}
        for node in nodes:
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
                found.add((modules[node.value.id], node.attr))
    return sorted(found)


def _parameters(function) -> list[str]:
    """Names of the parameters, without the one Ray adds to an actor's methods."""
    return [name for name in inspect.signature(function).parameters if name != "_ray_trace_ctx"]


on_cpu = pytest.mark.skipif(not runs_without_accelerator(), reason="the adaptation is for CPU builds only")


def _super_calls(file: str, class_name: str) -> list[str]:
    """The methods that ``class_name`` calls on ``super()``."""
    tree = ast.parse((ROOT / file).read_text())
    (definition,) = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == class_name]
    calls = [node for node in ast.walk(definition) if isinstance(node, ast.Attribute)]
    on_super = [node for node in calls if isinstance(node.value, ast.Call)]
    return sorted({node.attr for node in on_super if getattr(node.value.func, "id", "") == "super"} - {"__init__"})


def test_sources_were_searched():
    symbols = _imported_symbols()
    assert ("verl.plugin.platform.platform_base", "PlatformBase") in symbols
    assert ("transfer_queue", "kv_batch_put") in symbols and ("ray", "remote") in symbols


@pytest.mark.parametrize(("module", "name"), _imported_symbols())
def test_symbol_exists(module, name):
    imported = importlib.import_module(module)
    if not hasattr(imported, name):
        importlib.import_module(f"{module}.{name}")


@pytest.mark.parametrize("module", sorted({*HOOKS, *EVERY_RUN_HOOKS, *CPU_HOOKS}))
def test_hooked_module_exists(module):
    importlib.import_module(module)


@on_cpu
@pytest.mark.parametrize("family", ["Qwen2_5_VL", "Qwen3VL"])
def test_vllm_looks_at_model_classes_where_it_has_never_run(family, tmp_path, monkeypatch):
    arm()
    from vllm.model_executor.models.registry import ModelRegistry

    monkeypatch.setenv("VLLM_CACHE_ROOT", str(tmp_path))
    info = ModelRegistry.models[f"{family}ForConditionalGeneration"].inspect_model_cls()
    assert info.supports_multimodal
    assert list(tmp_path.rglob("*.json")), "the answer came from a cache"


def test_vllms_server_leaves_our_warnings_visible():
    arm()
    importlib.import_module("verl.workers.rollout.vllm_rollout.vllm_async_server")
    for logger in (logging.getLogger("verl_ext.checks.validation"), logging.getLogger()):
        assert logger.isEnabledFor(logging.WARNING)
    assert all(handler.level <= logging.WARNING for handler in logging.getLogger().handlers)


def test_ascend_transfer_is_optional_to_verl():
    import verl.checkpoint_engine as transfers

    assert (Path(transfers.__file__).parent / f"{TRANSFER.rpartition('.')[2]}.py").is_file()
    assert transfers.HCCLCheckpointEngine is None


def test_version():
    assert importlib.metadata.version("verl") == "0.9.1"


def test_hooked_functions_exist():
    import verl.trainer.ppo.v1 as v1
    from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer
    from verl.trainer.ppo.v1.trainer_base import PPOTrainer
    from verl.utils.config import validate_config
    from verl.utils.distributed import initialize_global_process_group, initialize_global_process_group_ray
    from verl.workers.engine.fsdp.transformer_impl import FSDPEngineWithLMHead, FSDPEngineWithValueHead
    from verl.workers.rollout.vllm_rollout.bucketed_weight_transfer import (
        BucketedWeightReceiver,
        BucketedWeightSender,
    )
    from verl.workers.rollout.vllm_rollout.utils import vLLMColocateWorkerExtension

    for method in (PPOTrainer._compute_old_log_prob, PPOTrainer._compute_advantage):
        assert list(inspect.signature(method).parameters) == ["self", "batch", "metrics"]
    assert list(inspect.signature(validate_config).parameters) == ["config", "use_reference_policy", "use_critic"]
    assert list(inspect.signature(FSDPEngineWithLMHead.forward_step).parameters)[1:] == [
        "micro_batch",
        "loss_function",
        "forward_only",
    ]
    assert list(inspect.signature(BucketedWeightReceiver.receive_weights).parameters) == ["self", "on_bucket_received"]
    for end in (BucketedWeightSender, BucketedWeightReceiver):
        assert list(inspect.signature(end.__init__).parameters)[:2] == ["self", "zmq_handle"]
    # verl_ext.engine.weight_socket gives these names to one run each.
    assert "ipc:///tmp/rl-colocate-zmq-" in inspect.getsource(vLLMColocateWorkerExtension._get_zmq_handle)
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
    from verl.plugin.platform.platform_base import PlatformBase

    from verl_ext.cpu.platform import PlatformCPU

    assert len(PlatformBase.__abstractmethods__) > 10
    assert not PlatformCPU.__abstractmethods__
    for name in PlatformBase.__abstractmethods__:
        theirs, ours = getattr(PlatformBase, name), getattr(PlatformCPU, name)
        if callable(theirs):
            assert _parameters(ours) == _parameters(theirs), name
    platform = PlatformCPU()
    assert platform.device_name == "cpu"
    assert platform.is_available() == runs_without_accelerator()


def _modes_in_source(function) -> set[str]:
    """Every string that ``function`` compares ``loss_agg_mode`` with."""
    modes = set()
    for node in ast.walk(ast.parse(inspect.getsource(function))):
        if isinstance(node, ast.Compare) and getattr(node.left, "id", "") == "loss_agg_mode":
            modes |= {part.value for part in ast.walk(node) if isinstance(part, ast.Constant)}
    return modes


def test_loss_agg_modes_are_verls():
    import torch
    from verl.trainer.ppo.core_algos import agg_loss

    assert set(LOSS_AGG_MODES) == _modes_in_source(agg_loss)
    loss, mask = torch.ones(2, 3), torch.ones(2, 3)
    for mode in LOSS_AGG_MODES:
        assert torch.isfinite(agg_loss(loss_mat=loss, loss_mask=mask, loss_agg_mode=mode))
    with pytest.raises(ValueError, match="no-such-mode"):
        agg_loss(loss_mat=loss, loss_mask=mask, loss_agg_mode="no-such-mode")


def test_transfer_queue_calls():
    import transfer_queue as tq

    assert _parameters(tq.kv_batch_get) == ["keys", "partition_id", "select_fields"]
    for put in (tq.kv_batch_put, tq.async_kv_batch_put):
        assert _parameters(put)[:4] == ["keys", "partition_id", "fields", "tags"]
    meta = tq.KVBatchMeta(keys=["a_0_0"], tags=[{}], partition_id="train")
    assert meta.extra_info == {} and len(meta) == 1


def test_engine_registry():
    from verl.workers.engine.base import EngineRegistry
    from verl.workers.engine.fsdp.transformer_impl import FSDPEngineWithLMHead

    assert _parameters(EngineRegistry.register) == ["model_type", "backend", "device", "vendor"]
    for name in _super_calls("verl_ext/engine/engine.py", "ThinkEmbeddingMixin"):
        assert callable(getattr(FSDPEngineWithLMHead, name))


def test_estimator_interface():
    from verl.trainer.ppo.core_algos import ADV_ESTIMATOR_REGISTRY, register_adv_est

    from verl_ext.step.estimator import care_estimator

    assert ADV_ESTIMATOR_REGISTRY["care"] is care_estimator
    with pytest.raises(ValueError, match="care"):
        register_adv_est("care")(lambda: None)


def test_trainer_methods_we_extend():
    import verl.trainer.ppo.v1 as v1
    from verl.trainer.ppo.v1.trainer_base import PPOTrainer

    called = _super_calls("verl_ext/trainer.py", "CareTrainerMixin")
    passes = ["_compute_advantage", "_compute_metrics", "_compute_old_log_prob", "_compute_ref_log_prob"]
    assert called == [*passes, "_init_dataloader", "_update_actor", "fit"]
    assert _parameters(PPOTrainer._init_dataloader) == ["self"]
    for trainer in (PPOTrainer, *v1.trainer_base.TRAINER_REGISTRY.values()):
        measured = ["self", "batch", "metrics", "timing_raw", "global_steps", "epoch"]
        assert _parameters(trainer._compute_metrics) == measured
        assert _parameters(trainer.fit) == ["self", "agent_loop_manager"]
    for name in ("_compute_advantage", "_compute_old_log_prob", "_compute_ref_log_prob", "_update_actor"):
        for trainer in (PPOTrainer, *v1.trainer_base.TRAINER_REGISTRY.values()):
            assert _parameters(getattr(trainer, name)) == ["self", "batch", "metrics"]
    assert _parameters(PPOTrainer.__init__) == ["self", "config"]


def test_an_update_can_be_told_the_number_of_its_mini_batches():
    """``verl_ext.step.skip`` takes the size out of what the trainer sends, and puts the number in."""
    from verl.trainer.ppo.v1.trainer_base import PPOTrainer
    from verl.workers.engine_workers import TrainingWorker

    sent = inspect.getsource(PPOTrainer._update_actor)
    assert '"mini_batch_size": ppo_mini_batch_size' in sent and '"global_batch_size": ppo_mini_batch_size' in sent
    assert "self.actor_rollout_wg.update_actor(batch)" in sent
    taken = inspect.getsource(TrainingWorker.train_mini_batch)
    assert 'key="num_mini_batch", default=None' in taken and 'key="mini_batch_size", default=None' in taken


@on_cpu
def test_replay_buffer_still_takes_its_interval():
    from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer

    from verl_ext.cpu.polling import INTERVAL_S

    assert inspect.signature(ReplayBuffer.__init__).parameters["poll_interval"].default == INTERVAL_S


def test_what_a_run_reserves_of_rays_cpus():
    """``examples/lib/train_gpu.sh`` counts with it: 3 a GPU, and 1 for each of TransferQueue's processes."""
    from transfer_queue.controller import TransferQueueController
    from transfer_queue.storage.simple_storage import SimpleStorageUnit
    from verl.single_controller.ray.base import ResourcePoolManager

    assert ResourcePoolManager.max_colocate_count == 3
    for actor in (TransferQueueController, SimpleStorageUnit):
        assert actor._default_options["num_cpus"] == 1


def test_dataset_reads_what_the_recipe_writes():
    """The tiny data is in the columns that verl's dataset asks for."""
    from verl.utils.dataset.rl_dataset import RLHFDataset

    from recipe.tiny.dataset import SCHEMA

    source = inspect.getsource(RLHFDataset)
    for column in ("prompt", "images", "extra_info"):
        assert column in SCHEMA.names
        assert f'"{column}"' in source


@on_cpu
def test_vllm_still_packs_through_the_function_we_replace():
    import vllm.model_executor.layers.utils as layers_utils

    from verl_ext.cpu.vllm_linear import keep_weight_unpacked

    assert layers_utils.dispatch_cpu_unquantized_gemm is keep_weight_unpacked
    assert _parameters(keep_weight_unpacked) == ["layer", "remove_weight"]


def test_engines_are_registered_for_the_keys_that_win():
    import verl.workers.engine.fsdp.transformer_impl  # noqa: F401
    from verl.workers.engine.base import EngineRegistry

    from verl_ext.engine.engine import ThinkEmbeddingMixin

    registered = EngineRegistry._engines["language_model"]
    keys = [("cuda", "nvidia"), ("cuda", "amd"), ("npu", "huawei")]
    if runs_without_accelerator():
        keys.append(("cpu", "cpu"))
    for backend in ("fsdp", "fsdp2"):
        for key in keys:
            assert issubclass(registered[backend][key], ThinkEmbeddingMixin)
