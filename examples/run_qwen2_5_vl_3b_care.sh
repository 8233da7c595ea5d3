#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
# CARE on Qwen2.5-VL 3B on one node of 8 GPUs, and the methods beside it. +algorithm.care.preset=paper follows the paper's
# letter (docs/paper_map.md).
#
#   bash examples/run_qwen2_5_vl_3b_care.sh                        # one node
#   NNODES=4 bash examples/run_qwen2_5_vl_3b_care.sh               # on the head node of a 4-node Ray cluster (docs/scaling.md)
#   DRY_RUN=1 bash examples/run_qwen2_5_vl_3b_care.sh              # resolve and validate the configuration, no GPU needed
#   METHOD=grpo bash examples/run_qwen2_5_vl_3b_care.sh            # or dapo, gspo, care_no_rgr: docs/baselines.md
#   LORA=1 bash examples/run_qwen2_5_vl_3b_care.sh                 # low-rank adapters, on one GPU of 80 GB
#   bash examples/run_qwen2_5_vl_3b_care.sh trainer.save_freq=5    # any further verl override
#
# TRAIN_FILES and VAL_FILES are parquet files in verl's format; docs/data.md says how they are made. docs/scaling.md lists
# the other variables. An interrupted run resumes from its last checkpoint when started again.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
[[ ${1:-} =~ ^(-h|--help)$ ]] && { sed -n '/^# CARE on/,/^set /p' "${BASH_SOURCE[0]}" | sed '$d; s/^# \{0,1\}//'; exit 0; }
source "$ROOT/examples/lib/common.sh"

MODEL_GROUP=qwen2_5_vl_3b
source "$ROOT/examples/lib/train_gpu.sh"
