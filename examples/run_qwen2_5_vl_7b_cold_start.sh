#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
# Cold start of Qwen2.5-VL 7B: supervised fine-tuning on Vision-R1-cold with verl's own SFT trainer, 8 GPUs.
#
#   bash examples/run_qwen2_5_vl_7b_cold_start.sh                      # one node
#   NNODES=2 NODE_RANK=0 MASTER_ADDR=head bash examples/...            # the same on each of 2 nodes, NODE_RANK=0 and 1
#   DRY_RUN=1 bash examples/run_qwen2_5_vl_7b_cold_start.sh            # resolve and validate, no GPU needed
#   bash examples/run_qwen2_5_vl_7b_cold_start.sh optim.lr=5e-6        # any further override of verl's SFT trainer
#
# TRAIN_FILES is what data_prep makes of Vision-R1-cold (docs/data.md): not for commercial use. An interrupted run goes
# on from its last checkpoint when started again; a finished one is left alone. docs/recipe.md says what comes next.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
[[ ${1:-} =~ ^(-h|--help)$ ]] && { sed -n '/^# Cold start/,/^set /p' "${BASH_SOURCE[0]}" | sed '$d; s/^# \{0,1\}//'; exit 0; }
source "$ROOT/examples/lib/common.sh"

MODEL_PATH=${MODEL_PATH:-Qwen/Qwen2.5-VL-7B-Instruct}
TRAIN_FILES=${TRAIN_FILES:-$ROOT/data/cold/mix.parquet}
NNODES=${NNODES:-1}
NODE_RANK=${NODE_RANK:-0}
MASTER_ADDR=${MASTER_ADDR:-localhost}
MASTER_PORT=${MASTER_PORT:-29500}
NGPUS_PER_NODE=${NGPUS_PER_NODE:-8}
# Neither the paper nor its code gives settings for the cold start. These are ours, untested at this size.
BATCH_SIZE=${BATCH_SIZE:-128}
LR=${LR:-1e-5}
EPOCHS=${EPOCHS:-2}
# As in data_prep.vision_r1_cold: longer rows are not in the file.
MAX_LENGTH=${MAX_LENGTH:-4096}
MICRO_TOKENS=${MICRO_TOKENS:-16384}
SAVE_FREQ=${SAVE_FREQ:-200}
EXPERIMENT=${EXPERIMENT:-qwen2_5_vl_7b_cold_start}
OUT_DIR=${OUT_DIR:-$ROOT/runs/$EXPERIMENT}
LOGGER=${LOGGER:-'["console","tensorboard","file"]'}
DRY_RUN=${DRY_RUN:-0}
PYTHON=${PYTHON:-python3}

need_active_environment torch omegaconf verl verl_ext
ARGUMENTS=(
    model.path="$(hydra_value "$MODEL_PATH")"
    model.use_remove_padding=True
    model.enable_gradient_checkpointing=True
    data.train_files="$(hydra_value "$TRAIN_FILES")"
    data.train_batch_size="$BATCH_SIZE"
    data.max_length="$MAX_LENGTH"
    # A row cut short would lose image tokens.
    data.truncation=error
    data.pad_mode=no_padding
    data.use_dynamic_bsz=True
    data.max_token_len_per_gpu="$MICRO_TOKENS"
    engine.strategy=fsdp2
    optim.lr="$LR"
    optim.lr_scheduler_type=cosine
    optim.lr_warmup_steps_ratio=0.05
    optim.weight_decay=0.01
    trainer.nnodes="$NNODES"
    trainer.n_gpus_per_node="$NGPUS_PER_NODE"
    # The number of steps follows from the epochs; verl trains a step more each time if it is set and reached.
    trainer.total_epochs="$EPOCHS"
    trainer.save_freq="$SAVE_FREQ"
    trainer.max_ckpt_to_keep=1
    trainer.resume_mode=auto
    trainer.logger="$LOGGER"
    trainer.project_name=care
    trainer.experiment_name="$(hydra_value "$EXPERIMENT")"
    trainer.default_local_dir="$(hydra_value "$OUT_DIR")"
    # Keeps the resolved configuration with the run.
    hydra.run.dir="$(hydra_value "$OUT_DIR/hydra")"
    "$@"
)

if [[ $DRY_RUN == 1 ]]; then
    exec "$PYTHON" -m verl_ext.checks.dry_run_sft "${ARGUMENTS[@]}"
fi
"$PYTHON" -m verl_ext.checks.preflight --gpus "$NGPUS_PER_NODE" --attention flash_attention_2 --model "$MODEL_PATH" --data "$TRAIN_FILES"
"$PYTHON" -m verl_ext.checks.record "$OUT_DIR"
export TENSORBOARD_DIR=${TENSORBOARD_DIR:-$OUT_DIR/tensorboard}
# verl starts the file anew at every start.
export VERL_FILE_LOGGER_PATH=$OUT_DIR/metrics-$(($(find "$OUT_DIR" -maxdepth 1 -name 'metrics-*.jsonl' | wc -l) + 1)).jsonl
exec "$PYTHON" -m torch.distributed.run --nnodes "$NNODES" --node_rank "$NODE_RANK" --nproc_per_node "$NGPUS_PER_NODE" \
    --master_addr "$MASTER_ADDR" --master_port "$MASTER_PORT" -m verl.trainer.sft_trainer "${ARGUMENTS[@]}"
