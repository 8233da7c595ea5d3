# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
# Sourced by the CPU scripts: what stock `python -m verl.trainer.main_ppo` needs to run without an accelerator.
# docs/cpu.md says why, line by line.

# One thread per process: the run has about ten processes on however many cores there are.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
# The actor has more. A thread that spins for long while it waits for one that has no core costs several times the work
# itself; one that sleeps at once loses a fifth where there are cores enough.
export GOMP_SPINCOUNT=${GOMP_SPINCOUNT:-1000}
# vLLM compiles a function of its sampler: 7 s a run, 15 s in a new environment, for nothing that a tiny model would feel.
export TORCHDYNAMO_DISABLE=${TORCHDYNAMO_DISABLE:-1}
export HF_HUB_OFFLINE=${HF_HUB_OFFLINE:-1}
export VLLM_CPU_KVCACHE_SPACE=${VLLM_CPU_KVCACHE_SPACE:-1}
export VLLM_CPU_OMP_THREADS_BIND=${VLLM_CPU_OMP_THREADS_BIND:-nobind}
# Ray asks for a running cluster's token where one was set up; a laptop run starts its own.
export RAY_AUTH_MODE=${RAY_AUTH_MODE:-disabled}
export RAY_USAGE_STATS_ENABLED=${RAY_USAGE_STATS_ENABLED:-0}
# Ray starts workers ahead, without the environment variables that verl gives each of its own: most are never used.
export RAY_prestart_worker_first_driver=${RAY_prestart_worker_first_driver:-0}

# Logical accelerators Ray hands out, one per data-parallel rank, on each node.
RANKS=${RANKS:-1}
# More than one node: a Ray cluster that is there already (docs/scaling.md). One: the run starts its own.
NNODES=${NNODES:-1}
if ((NNODES > 1)); then
    CPU_RAY=(+ray_kwargs.ray_init.address="${RAY_ADDRESS:-auto}")
else
    CPU_RAY=(
        # Without it Ray joins a cluster that `ray start` left its address of on this machine, and fails.
        +ray_kwargs.ray_init.address=local
        ray_kwargs.ray_init.num_cpus=32
        +ray_kwargs.ray_init.num_gpus="$RANKS"
        +ray_kwargs.ray_init.include_dashboard=False
    )
fi

CPU_STACK=(
    trainer.device=cpu
    "${CPU_RAY[@]}"
    trainer.nnodes="$NNODES"
    trainer.n_gpus_per_node="$RANKS"
    transfer_queue.backend.SimpleStorage.num_data_storage_units=1
    data.dataloader_num_workers=0
    actor_rollout_ref.actor.strategy=fsdp2
    actor_rollout_ref.actor.use_torch_compile=False
    '+actor_rollout_ref.actor.fsdp_config.mixed_precision={param_dtype: fp32, reduce_dtype: fp32, buffer_dtype: fp32}'
    '+actor_rollout_ref.ref.fsdp_config.mixed_precision={param_dtype: fp32, reduce_dtype: fp32, buffer_dtype: fp32}'
    actor_rollout_ref.model.use_remove_padding=False
    actor_rollout_ref.model.enable_gradient_checkpointing=False
    +actor_rollout_ref.model.override_config.attn_implementation=eager
    actor_rollout_ref.rollout.name=vllm
    actor_rollout_ref.rollout.dtype=float32
    # verl's default, dummy weights, leaves vLLM 0.28's image normalisation random: it is no weight of the checkpoint,
    # so the first synchronisation does not repair it and the policy sees noise instead of the picture.
    actor_rollout_ref.rollout.load_format=auto
    actor_rollout_ref.rollout.enforce_eager=True
    # The model runs in the engine's process. In one of its own, verl's default, a run starts 12 seconds later.
    +actor_rollout_ref.rollout.engine_kwargs.vllm.distributed_executor_backend=vllm.v1.executor.uniproc_executor.UniProcExecutor
    actor_rollout_ref.rollout.free_cache_engine=False
    +actor_rollout_ref.rollout.enable_sleep_mode=False
    actor_rollout_ref.rollout.tensor_model_parallel_size=1
    actor_rollout_ref.rollout.agent.num_workers=1
    actor_rollout_ref.rollout.checkpoint_engine.update_weights_bucket_megabytes=64
    reward.num_workers=1
)
