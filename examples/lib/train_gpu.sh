# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
# Sourced by the GPU scripts after they have set their variables: checks what a run needs, then starts stock verl.
#
# Reads: METHOD MODEL_PATH TRAIN_FILES VAL_FILES NNODES NGPUS_PER_NODE ROLLOUT_TP MICRO_TOKENS MAX_MODEL_LEN
# GPU_MEMORY_UTILIZATION PARAM_OFFLOAD ATTENTION LR SEED EPOCHS SAVE_FREQ TEST_FREQ KEEP_CHECKPOINTS OUT_DIR EXPERIMENT LOGGER
# DRY_RUN PYTHON, LORA_OVERRIDES of lora.sh, what common.sh defines, and the arguments of the script.

# What a run has by default (docs/configuration.md); +algorithm.care.preset=paper is the letter of the paper.
CARE_SETTINGS=()
source "$ROOT/examples/lib/methods.sh"
need_active_environment torch omegaconf verl verl_ext

case $ATTENTION in
flash_attention_2) ATTENTION_OVERRIDES=(actor_rollout_ref.model.use_remove_padding=True) ;;
sdpa)
    ATTENTION_OVERRIDES=(
        +actor_rollout_ref.model.override_config.attn_implementation=sdpa
        # Rows packed end to end need flash-attn; without it each is padded to the longest of its micro-batch.
        actor_rollout_ref.model.use_remove_padding=False
    )
    ;;
*) die "ATTENTION=$ATTENTION: set it to flash_attention_2 (needs flash-attn) or sdpa (torch's own, rows padded)" ;;
esac
# A run reserves CPUs from Ray and waits forever, without a word, where there are fewer: one for each process in which
# TransferQueue keeps rows (verl's default is 8), three with each GPU, two more.
STORAGE_UNITS=$((NNODES * NGPUS_PER_NODE < 8 ? NNODES * NGPUS_PER_NODE : 8))
RAY_CPUS=$((STORAGE_UNITS + 3 * NGPUS_PER_NODE + 2))
RAY=()
if ((NNODES == 1 && $(nproc) < RAY_CPUS)); then
    # It is a number Ray counts with; the processes share the cores that are there.
    RAY=(ray_kwargs.ray_init.num_cpus="$RAY_CPUS")
fi

DATA=(
    data.train_files="$(hydra_value "$TRAIN_FILES")"
    data.val_files="$(hydra_value "$VAL_FILES")"
    data.image_key=images
    data.train_batch_size=512
    data.max_prompt_length=2048
    data.max_response_length=2048
    data.filter_overlong_prompts=True
    data.truncation=error
    # Image tokens are counted in the model's own patches; verl's default is Qwen2.5-VL's.
    data.image_patch_size="$IMAGE_PATCH_SIZE"
    data.seed="$SEED"
)
MODEL=(
    actor_rollout_ref.model.path="$(hydra_value "$MODEL_PATH")"
    "${ATTENTION_OVERRIDES[@]}"
    actor_rollout_ref.model.enable_gradient_checkpointing=True
)
ACTOR=(
    actor_rollout_ref.actor.strategy=fsdp2
    actor_rollout_ref.actor.optim.lr="$LR"
    actor_rollout_ref.actor.optim.weight_decay=0.01
    actor_rollout_ref.actor.ppo_mini_batch_size=128
    actor_rollout_ref.actor.use_dynamic_bsz=True
    actor_rollout_ref.actor.ppo_max_token_len_per_gpu="$MICRO_TOKENS"
    actor_rollout_ref.actor.use_kl_loss=True
    actor_rollout_ref.actor.kl_loss_coef=0.01
    actor_rollout_ref.actor.kl_loss_type=low_var_kl
    actor_rollout_ref.actor.entropy_coeff=0
    actor_rollout_ref.actor.fsdp_config.param_offload="$PARAM_OFFLOAD"
    actor_rollout_ref.actor.fsdp_config.optimizer_offload="$PARAM_OFFLOAD"
)
ROLLOUT=(
    actor_rollout_ref.rollout.name=vllm
    actor_rollout_ref.rollout.n=8
    actor_rollout_ref.rollout.temperature=1.0
    actor_rollout_ref.rollout.seed="$SEED"
    actor_rollout_ref.rollout.tensor_model_parallel_size="$ROLLOUT_TP"
    actor_rollout_ref.rollout.gpu_memory_utilization="$GPU_MEMORY_UTILIZATION"
    # Prompt, response, and 1,024 tokens for a repair of the longest failure. Without it vLLM wants cache for a sequence as
    # long as the model's whole context, which for Qwen3-VL 8B beside its trainer does not fit 80 GB.
    actor_rollout_ref.rollout.max_model_len="$MAX_MODEL_LEN"
    # vLLM reads the model's weights itself. verl's default, dummy weights, leaves whatever is in no checkpoint random: from
    # vLLM 0.28 on that is the normalisation of images. And with adapters only these are synchronised then.
    actor_rollout_ref.rollout.load_format=auto
    actor_rollout_ref.rollout.calculate_log_probs=True
    actor_rollout_ref.rollout.log_prob_use_dynamic_bsz=True
    actor_rollout_ref.rollout.log_prob_max_token_len_per_gpu="$MICRO_TOKENS"
    actor_rollout_ref.ref.log_prob_use_dynamic_bsz=True
    actor_rollout_ref.ref.log_prob_max_token_len_per_gpu="$MICRO_TOKENS"
    actor_rollout_ref.ref.fsdp_config.param_offload=True
)
REWARD=(
    reward.custom_reward_function.path=pkg://recipe.care.reward
    reward.custom_reward_function.name=compute_score
)
TRAINER=(
    trainer.nnodes="$NNODES"
    trainer.n_gpus_per_node="$NGPUS_PER_NODE"
    trainer.total_epochs="$EPOCHS"
    trainer.save_freq="$SAVE_FREQ"
    trainer.test_freq="$TEST_FREQ"
    # verl keeps every checkpoint otherwise: of a 7B model about 100 GB each.
    trainer.max_actor_ckpt_to_keep="$KEEP_CHECKPOINTS"
    transfer_queue.backend.SimpleStorage.num_data_storage_units="$STORAGE_UNITS"
    trainer.logger="$LOGGER"
    trainer.project_name=care
    trainer.experiment_name="$(hydra_value "$EXPERIMENT")"
    trainer.default_local_dir="$(hydra_value "$OUT_DIR")"
    # As a setting, because a cluster that is there already does not pass on this shell's environment.
    +ray_kwargs.ray_init.runtime_env.env_vars.TENSORBOARD_DIR="$(hydra_value "$OUT_DIR/tensorboard")"
    # What a model card and the check of the merged model need (docs/recipe.md).
    trainer.validation_data_dir="$(hydra_value "$OUT_DIR/validation")"
    hydra.run.dir="$(hydra_value "$OUT_DIR/hydra")"
)
ARGUMENTS=("${DATA[@]}" "${MODEL[@]}" "${ACTOR[@]}" "${ROLLOUT[@]}" "${REWARD[@]}" "${TRAINER[@]}" "${RAY[@]}")
ARGUMENTS+=("${METHOD_OVERRIDES[@]}" "${LORA_OVERRIDES[@]}" "$@")

if [[ $DRY_RUN == 1 ]]; then
    exec "$PYTHON" -m verl_ext.checks.dry_run "${ARGUMENTS[@]}"
fi
"$PYTHON" -m verl_ext.checks.preflight --nodes "$NNODES" --gpus "$NGPUS_PER_NODE" --attention "$ATTENTION" \
    --model "$MODEL_PATH" --data "$TRAIN_FILES" "$VAL_FILES"
"$PYTHON" -m verl_ext.checks.record "$OUT_DIR"
exec "$PYTHON" -m verl.trainer.main_ppo "${ARGUMENTS[@]}"
