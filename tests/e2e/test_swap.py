# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The one-line swap: command lines that verl documents, with only ``algorithm.adv_estimator=care`` changed.

Each is composed and validated as documented (for GPUs). Their switches, some together, are trained with for two steps
on the tiny model. They are verl 0.9.1's: GRPO on geometry data with FSDP and dynamic batch size, LoRA, the asynchronous
modes. verl's default reward for geometry data returns a bare float, so those commands also say what is correct.
"""

import pytest

from tests.e2e.conftest import QUIET, REPAIRS
from verl_ext.checks import rollout as rollout_checks
from verl_ext.checks.dry_run import compose, validate

SWAP = "algorithm.adv_estimator=care"

GEOMETRY_FSDP = [
    "algorithm.use_kl_in_reward=False",
    "data.train_files=geo3k/train.parquet",
    "data.val_files=geo3k/test.parquet",
    "data.image_key=images",
    "data.train_batch_size=512",
    "data.max_prompt_length=1024",
    "data.max_response_length=2048",
    "data.filter_overlong_prompts=True",
    "data.truncation=error",
    "actor_rollout_ref.model.path=Qwen/Qwen2.5-VL-7B-Instruct",
    "actor_rollout_ref.model.use_remove_padding=True",
    "actor_rollout_ref.model.use_fused_kernels=True",
    "actor_rollout_ref.model.enable_gradient_checkpointing=True",
    "actor_rollout_ref.actor.strategy=fsdp2",
    "actor_rollout_ref.actor.optim.lr=1e-6",
    "actor_rollout_ref.actor.ppo_mini_batch_size=128",
    "actor_rollout_ref.actor.use_kl_loss=True",
    "actor_rollout_ref.actor.kl_loss_coef=0.01",
    "actor_rollout_ref.actor.kl_loss_type=low_var_kl",
    "actor_rollout_ref.actor.entropy_coeff=0",
    "actor_rollout_ref.rollout.name=vllm",
    "actor_rollout_ref.rollout.tensor_model_parallel_size=2",
    "actor_rollout_ref.rollout.gpu_memory_utilization=0.6",
    "actor_rollout_ref.rollout.n=5",
    "actor_rollout_ref.ref.fsdp_config.param_offload=True",
    "trainer.n_gpus_per_node=8",
    "trainer.nnodes=1",
    "trainer.total_epochs=15",
]
FIXED_MICRO_BATCHES = [
    "actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=4",
    "actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu=4",
    "actor_rollout_ref.ref.log_prob_micro_batch_size_per_gpu=4",
]
DYNAMIC = [
    "actor_rollout_ref.actor.use_dynamic_bsz=True",
    "actor_rollout_ref.actor.ppo_max_token_len_per_gpu=24576",
    "actor_rollout_ref.rollout.log_prob_use_dynamic_bsz=True",
    "actor_rollout_ref.rollout.log_prob_max_token_len_per_gpu=24576",
    "actor_rollout_ref.ref.log_prob_use_dynamic_bsz=True",
    "actor_rollout_ref.ref.log_prob_max_token_len_per_gpu=24576",
]
LORA = [
    "actor_rollout_ref.model.lora_rank=64",
    "actor_rollout_ref.model.lora_alpha=32",
    "actor_rollout_ref.model.target_modules=all-linear",
    "actor_rollout_ref.rollout.load_format=safetensors",
]
SEPARATE = [
    "trainer.v1.trainer_mode=separate_async",
    "trainer.v1.separate_async.parameter_sync_step=4",
    "actor_rollout_ref.rollout.nnodes=1",
    "actor_rollout_ref.rollout.n_gpus_per_node=4",
    "actor_rollout_ref.rollout.checkpoint_engine.backend=nccl",
]
DOCUMENTED = {
    "geometry data, FSDP": [*GEOMETRY_FSDP, *FIXED_MICRO_BATCHES],
    "dynamic batch size": [*GEOMETRY_FSDP, *DYNAMIC],
    "LoRA": [*GEOMETRY_FSDP, *FIXED_MICRO_BATCHES, *LORA],
    "colocate_async": [*GEOMETRY_FSDP, *DYNAMIC, "trainer.v1.trainer_mode=colocate_async"],
    "separate_async": [*GEOMETRY_FSDP, *DYNAMIC, *SEPARATE],
}


@pytest.mark.parametrize("name", DOCUMENTED)
def test_documented_command_line_accepts_the_swap(name, monkeypatch):
    """With the GPU pins' vLLM: for newer ones the commands need another ``load_format``, whatever the estimator."""
    monkeypatch.setattr(rollout_checks, "installed", lambda name: "0.24.0")
    validate(compose([*DOCUMENTED[name], SWAP]))


SMALL_DYNAMIC = [item.replace("24576", "4096") for item in DYNAMIC]
TINY = {
    # With a reference policy and verl's default loss aggregation, as the geometry example has them.
    "LoRA, colocate_async": [
        *(item.replace("=64", "=8").replace("=32", "=16") for item in LORA),
        # As recipe/care/conf/lora has it.
        "actor_rollout_ref.model.exclude_modules=.*visual.*",
        *SMALL_DYNAMIC,
        "trainer.v1.trainer_mode=colocate_async",
        "actor_rollout_ref.actor.use_kl_loss=True",
        "actor_rollout_ref.actor.loss_agg_mode=token-mean",
    ],
    "separate_async": [
        *SMALL_DYNAMIC,
        "trainer.v1.trainer_mode=separate_async",
        "trainer.v1.separate_async.parameter_sync_step=1",
        "actor_rollout_ref.hybrid_engine=False",
        "actor_rollout_ref.rollout.nnodes=1",
        "actor_rollout_ref.rollout.n_gpus_per_node=1",
        "actor_rollout_ref.rollout.checkpoint_engine.backend=cpu_file",
        "actor_rollout_ref.rollout.checkpoint_engine.custom_backend_module=verl_ext.cpu.checkpoint_engine",
        "ray_kwargs.ray_init.num_gpus=2",
    ],
}


@pytest.mark.e2e
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", TINY)
def test_tiny_model_trains_two_steps(name, run_demo, tmp_path):
    overrides = [*QUIET, REPAIRS, *TINY[name]]
    # verl 0.9.1's separate_async trainer passes flush= to a logger at INFO, which raises; docs/troubleshooting.md.
    run = run_demo(tmp_path, *overrides, STEPS="2", VERL_LOGGING_LEVEL="WARNING")
    for step in (1, 2):
        data = run.steps()[step]
        # Both modes are asynchronous and sample the second step with weights that are partly a step old.
        assert data["training/rollout_actor_probs_pearson_corr"] > (0.999 if step == 1 else 0.9)
        assert data["actor/grad_norm"] > 0
        assert data["care/groups_mixed"] > 0
        assert data["care/distance/selected_mean"] > 0
        assert data["care/rgr/replaced"] > 0
