# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
# Sourced by the GPU scripts before their defaults: LORA=1 trains low-rank adapters on one GPU of 80 GB.
#
# docs/baselines.md has the memory estimate behind these values. Reads LORA and LORA_RANK; sets LORA_OVERRIDES, the
# defaults of other variables, and SUFFIX for the name of the run.

LORA=${LORA:-0}
LORA_OVERRIDES=()
SUFFIX=
case $LORA in
0) ;;
1)
    LORA_RANK=${LORA_RANK:-64}
    NGPUS_PER_NODE=${NGPUS_PER_NODE:-1}
    ROLLOUT_TP=${ROLLOUT_TP:-1}
    MICRO_TOKENS=${MICRO_TOKENS:-8192}
    GPU_MEMORY_UTILIZATION=${GPU_MEMORY_UTILIZATION:-0.6}
    LR=${LR:-1e-5}
    SUFFIX=_lora
    LORA_OVERRIDES=(
        actor_rollout_ref.model.lora_rank="$LORA_RANK"
        actor_rollout_ref.model.lora_alpha="$LORA_RANK"
        actor_rollout_ref.model.target_modules=all-linear
        # The language model only: vLLM ignores adapters of the vision tower, so training them would move the policy away
        # from what it samples.
        'actor_rollout_ref.model.exclude_modules=.*visual.*'
        # verl's default keeps frozen weights in fp32, twice the memory; the adapters follow the weights' type.
        actor_rollout_ref.actor.fsdp_config.model_dtype=bf16
    )
    ;;
*)
    printf "LORA=%s: set it to 1 (low-rank adapters, one GPU of 80 GB) or 0 (all weights)\n" "$LORA" >&2
    exit 2
    ;;
esac
