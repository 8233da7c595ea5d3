#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
# Watch a cold start on the CPU: a tiny untrained vision-language model, fine-tuned by verl's own SFT trainer.
#
#   bash examples/run_tiny_vlm_cold_start_cpu.sh                   # sets up .venv, makes data, trains, merges, compares
#   bash examples/run_tiny_vlm_cold_start_cpu.sh optim.lr=5e-4     # any further override of verl's SFT trainer
#
# Format compliance and accuracy on held-out questions are measured before and after (before.json, after.json). The
# merged model in RUN_DIR/model is what reinforcement learning starts from:
#
#   MODEL=runs/tiny_cold_start/model DATA_DIR=runs/tiny_cold bash examples/run_tiny_vlm_care_cpu.sh
#
# Variables: EPOCHS (3), LR (2e-3), BATCH_SIZE (64), RANKS (1), FAMILY (qwen2_5_vl | qwen3_vl), PREPARATION (more
# arguments for recipe.tiny.cold_start), RUN_DIR (runs/tiny_cold_start), DATA_DIR (runs/tiny_cold), VENV (.venv),
# SKIP_SETUP (0), DRY_RUN (0: with 1 the configuration is resolved and validated, and nothing made; the environment has to
# be there then). Started again, it goes on from its last checkpoint.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
[[ ${1:-} =~ ^(-h|--help)$ ]] && { sed -n '/^# Watch/,/^set /p' "${BASH_SOURCE[0]}" | sed '$d; s/^# \{0,1\}//'; exit 0; }
source "$ROOT/examples/lib/common.sh"

EPOCHS=${EPOCHS:-3}
LR=${LR:-2e-3}
BATCH_SIZE=${BATCH_SIZE:-64}
RANKS=${RANKS:-1}
FAMILY=${FAMILY:-qwen2_5_vl}
# Whole, because it goes on in the project's directory.
DATA_DIR=$(absolute "${DATA_DIR:-$ROOT/runs/tiny_cold}")
RUN_DIR=$(absolute "${RUN_DIR:-$ROOT/runs/tiny_cold_start}")
VENV=$(absolute "${VENV:-$ROOT/.venv}")
DRY_RUN=${DRY_RUN:-0}

export PYTHON=$VENV/bin/python
prepare_environment
source "$ROOT/examples/lib/cpu_stack.sh"

ARGUMENTS=(
    model.path="$(hydra_value "$DATA_DIR/base")"
    model.use_remove_padding=False
    model.enable_gradient_checkpointing=False
    +model.override_config.attn_implementation=eager
    data.train_files="$(hydra_value "$DATA_DIR/cold/vision_r1_cold.parquet")"
    data.train_batch_size="$BATCH_SIZE"
    data.max_length=256
    data.truncation=error
    data.pad_mode=no_padding
    data.use_dynamic_bsz=False
    data.micro_batch_size_per_gpu="$BATCH_SIZE"
    # Preparing a row takes longer than training on it.
    data.num_workers=1
    engine.strategy=fsdp2
    engine.use_torch_compile=False
    '+engine.mixed_precision={param_dtype: fp32, reduce_dtype: fp32, buffer_dtype: fp32}'
    optim.lr="$LR"
    optim.lr_scheduler_type=cosine
    optim.lr_warmup_steps_ratio=0.1
    trainer.device=cpu
    trainer.n_gpus_per_node="$RANKS"
    # The number of steps follows from the epochs; verl trains a step more each time if it is set and reached.
    trainer.total_epochs="$EPOCHS"
    trainer.save_freq=50
    trainer.max_ckpt_to_keep=1
    trainer.resume_mode=auto
    'trainer.logger=[file]'
    trainer.project_name=care_tiny
    trainer.experiment_name="$(hydra_value "$(basename "$RUN_DIR")")"
    trainer.default_local_dir="$(hydra_value "$RUN_DIR/checkpoints")"
    hydra.run.dir="$(hydra_value "$RUN_DIR/hydra")"
    "$@"
)

if [[ $DRY_RUN == 1 ]]; then
    exec "$PYTHON" -m verl_ext.checks.dry_run_sft "${ARGUMENTS[@]}"
fi
cd "$ROOT"
read -ra PREPARATION <<<"${PREPARATION:-}"
"$PYTHON" -m recipe.tiny.cold_start --out "$DATA_DIR" --family "$FAMILY" "${PREPARATION[@]}"
"$PYTHON" -m verl_ext.checks.record "$RUN_DIR"
evaluate() {
    "$PYTHON" -m recipe.evaluation.held_out --model "$1" --data "$DATA_DIR/data/test.parquet" --out "$RUN_DIR/$2.json" \
        --max-tokens 40 --batch-size 128
}
evaluate "$DATA_DIR/base" before

echo "training; the full log is $RUN_DIR/train.log"
# verl starts the file anew at every start.
VERL_FILE_LOGGER_PATH=$RUN_DIR/metrics-$(($(find "$RUN_DIR" -maxdepth 1 -name 'metrics-*.jsonl' | wc -l) + 1)).jsonl
export VERL_FILE_LOGGER_PATH
"$PYTHON" -m torch.distributed.run --standalone --nproc_per_node "$RANKS" -m verl.trainer.sft_trainer \
    "${ARGUMENTS[@]}" >>"$RUN_DIR/train.log" 2>&1 || {
    status=$?
    tail -n 8 "$RUN_DIR/train.log" >&2
    echo "stopped with status $status; running the same command again resumes from the last checkpoint" >&2
    exit "$status"
}
# The CPU stack computes in float32, and a tiny model's answers do not survive rounding.
DTYPE=${DTYPE:-float32} bash "$ROOT/examples/merge_checkpoint.sh" "$RUN_DIR" "$RUN_DIR/model"
evaluate "$RUN_DIR/model" after
