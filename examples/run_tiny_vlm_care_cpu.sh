#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
# Watch CARE train a tiny vision-language model on the CPU, through stock verl: Ray, FSDP2 actor, vLLM rollout.
#
#   bash examples/run_tiny_vlm_care_cpu.sh                # sets up .venv, makes model and data, trains, reports
#   METHOD=grpo bash examples/run_tiny_vlm_care_cpu.sh    # a baseline, same budget; or dapo, gspo, care_no_rgr
#   bash examples/run_tiny_vlm_care_cpu.sh +algorithm.care.selector=random    # any further verl override
#
# Variables: METHOD (care; ALGO is another name for it), STEPS (20), RANKS (1), FAMILY (qwen2_5_vl | qwen3_vl), SEED (0),
# RUN_DIR (runs/tiny_$FAMILY_$METHOD), DATA_DIR (runs/tiny_data_$FAMILY), PREPARATION (more arguments for recipe.tiny.prepare),
# MODEL (start from this model and the questions in DATA_DIR, and prepare nothing: docs/recipe.md), VENV (.venv),
# SKIP_SETUP (0), DRY_RUN (0: with 1 the configuration is resolved and validated, and nothing made; the environment has to
# be there then).
# An interrupted run resumes from its last checkpoint when started again.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
[[ ${1:-} =~ ^(-h|--help)$ ]] && { sed -n '/^# Watch/,/^set /p' "${BASH_SOURCE[0]}" | sed '$d; s/^# \{0,1\}//'; exit 0; }
source "$ROOT/examples/lib/common.sh"

METHOD=${METHOD:-${ALGO:-care}}
STEPS=${STEPS:-20}
FAMILY=${FAMILY:-qwen2_5_vl}
SEED=${SEED:-0}
DATA_DIR=${DATA_DIR:-$ROOT/runs/tiny_data_$FAMILY}
MODEL=${MODEL:-$DATA_DIR/model}
RUN_DIR=${RUN_DIR:-$ROOT/runs/tiny_${FAMILY}_$METHOD}
VENV=${VENV:-$ROOT/.venv}
DRY_RUN=${DRY_RUN:-0}

# The paper's gamma acts relative to length; at these lengths (docs/configuration.md) it would switch the rationale off.
CARE_SETTINGS=(+algorithm.care.regions.gamma_pos=null +algorithm.care.regions.rationale_share=0.25)
source "$ROOT/examples/lib/methods.sh"

PYTHON=$VENV/bin/python
prepare_environment
source "$ROOT/examples/lib/cpu_stack.sh"

DATA=(
    data.train_files="$(hydra_value "$DATA_DIR/data/train.parquet")"
    data.val_files="$(hydra_value "$DATA_DIR/data/val.parquet")"
    data.image_key=images
    data.train_batch_size=16
    data.max_prompt_length=160
    data.max_response_length=96
    data.seed="$SEED"
)
ACTOR=(
    actor_rollout_ref.model.path="$(hydra_value "$MODEL")"
    actor_rollout_ref.actor.ppo_mini_batch_size=16
    actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=64
    actor_rollout_ref.actor.use_kl_loss=False
    actor_rollout_ref.actor.optim.lr=1e-4
)
ROLLOUT=(
    actor_rollout_ref.rollout.n=8
    actor_rollout_ref.rollout.temperature=1.0
    actor_rollout_ref.rollout.calculate_log_probs=True
    actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu=64
    actor_rollout_ref.rollout.max_model_len=512
    actor_rollout_ref.rollout.max_num_seqs=256
    actor_rollout_ref.rollout.seed="$SEED"
    reward.custom_reward_function.path=pkg://recipe.care.reward
    reward.custom_reward_function.name=compute_score
)
TRAINER=(
    trainer.total_training_steps="$STEPS"
    trainer.total_epochs=1000
    trainer.val_before_train=True
    trainer.test_freq=10
    trainer.save_freq=10
    trainer.max_actor_ckpt_to_keep=1
    trainer.default_local_dir="$(hydra_value "$RUN_DIR/checkpoints")"
    trainer.validation_data_dir="$(hydra_value "$RUN_DIR/validation")"
    trainer.resume_mode=auto
    'trainer.logger=[file]'
    trainer.project_name=care_tiny
    trainer.experiment_name="$(hydra_value "$(basename "$RUN_DIR")")"
    # Keeps the resolved configuration with the run.
    hydra.run.dir="$(hydra_value "$RUN_DIR/hydra")"
)
ARGUMENTS=("${CPU_STACK[@]}" "${DATA[@]}" "${ACTOR[@]}" "${ROLLOUT[@]}" "${TRAINER[@]}" "${METHOD_OVERRIDES[@]}" "$@")

if [[ $DRY_RUN == 1 ]]; then
    exec "$PYTHON" -m verl_ext.checks.dry_run "${ARGUMENTS[@]}"
fi
if [[ $MODEL == "$DATA_DIR/model" ]]; then
    read -ra PREPARATION <<<"${PREPARATION:-}"
    "$PYTHON" -m recipe.tiny.prepare --out "$DATA_DIR" --family "$FAMILY" "${PREPARATION[@]}"
fi
"$PYTHON" -m verl_ext.checks.record "$RUN_DIR"
exec "$PYTHON" -m recipe.tiny.run --run-dir "$RUN_DIR" --label "$METHOD" -- "${ARGUMENTS[@]}"
