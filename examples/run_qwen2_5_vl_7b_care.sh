#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
# CARE on Qwen2.5-VL 7B on one node of 8 GPUs, and the methods beside it. +algorithm.care.preset=paper follows the paper's
# letter (docs/paper_map.md).
#
#   bash examples/run_qwen2_5_vl_7b_care.sh                        # one node
#   NNODES=4 bash examples/run_qwen2_5_vl_7b_care.sh               # on the head node of a 4-node Ray cluster (docs/scaling.md)
#   DRY_RUN=1 bash examples/run_qwen2_5_vl_7b_care.sh              # resolve and validate the configuration, no GPU needed
#   METHOD=grpo bash examples/run_qwen2_5_vl_7b_care.sh            # or dapo, gspo, care_no_rgr: docs/baselines.md
#   LORA=1 bash examples/run_qwen2_5_vl_7b_care.sh                 # low-rank adapters, on one GPU of 80 GB
#   bash examples/run_qwen2_5_vl_7b_care.sh trainer.save_freq=5    # any further verl override
#
# TRAIN_FILES and VAL_FILES are parquet files in verl's format; docs/data.md says how they are made. docs/scaling.md lists
# the other variables. An interrupted run resumes from its last checkpoint when started again.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
[[ ${1:-} =~ ^(-h|--help)$ ]] && { sed -n '/^# CARE on/,/^set /p' "${BASH_SOURCE[0]}" | sed '$d; s/^# \{0,1\}//'; exit 0; }
source "$ROOT/examples/lib/common.sh"

METHOD=${METHOD:-care}
source "$ROOT/examples/lib/lora.sh"

MODEL_PATH=${MODEL_PATH:-Qwen/Qwen2.5-VL-7B-Instruct}
TRAIN_FILES=${TRAIN_FILES:-$ROOT/data/mix/mix.parquet}
VAL_FILES=${VAL_FILES:-$ROOT/data/geometry3k_validation.parquet}
NNODES=${NNODES:-1}
NGPUS_PER_NODE=${NGPUS_PER_NODE:-8}
IMAGE_PATCH_SIZE=${IMAGE_PATCH_SIZE:-14}
ROLLOUT_TP=${ROLLOUT_TP:-2}
MICRO_TOKENS=${MICRO_TOKENS:-16384}
MAX_MODEL_LEN=${MAX_MODEL_LEN:-5120}
GPU_MEMORY_UTILIZATION=${GPU_MEMORY_UTILIZATION:-0.6}
PARAM_OFFLOAD=${PARAM_OFFLOAD:-False}
ATTENTION=${ATTENTION:-flash_attention_2}
LR=${LR:-1e-6}
SEED=${SEED:-0}
EPOCHS=${EPOCHS:-1}
SAVE_FREQ=${SAVE_FREQ:-20}
TEST_FREQ=${TEST_FREQ:-10}
KEEP_CHECKPOINTS=${KEEP_CHECKPOINTS:-2}
EXPERIMENT=${EXPERIMENT:-qwen2_5_vl_7b_$METHOD$SUFFIX}
OUT_DIR=${OUT_DIR:-$ROOT/runs/$EXPERIMENT}
LOGGER=${LOGGER:-'["console","tensorboard"]'}
DRY_RUN=${DRY_RUN:-0}
PYTHON=${PYTHON:-python3}

source "$ROOT/examples/lib/train_gpu.sh"
