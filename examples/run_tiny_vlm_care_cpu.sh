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
need_choice METHOD method
FAMILY=${FAMILY:-qwen2_5_vl}
DATA_DIR=${DATA_DIR:-$ROOT/runs/tiny_data_$FAMILY}
MODEL=${MODEL:-$DATA_DIR/model}
RUN_DIR=${RUN_DIR:-$ROOT/runs/tiny_${FAMILY}_$METHOD}
VENV=${VENV:-$ROOT/.venv}
DRY_RUN=${DRY_RUN:-0}

PYTHON=$VENV/bin/python
prepare_environment
source "$ROOT/examples/lib/cpu_stack.sh"

CHOSEN=(+cpu=alone +tiny=demo +method="$METHOD")
# More than one node: a Ray cluster that is there already (docs/scaling.md). One: the run starts its own.
((${NNODES:-1} == 1)) || CHOSEN[0]=+cpu=cluster
[[ $METHOD != care* ]] || CHOSEN[1]=+tiny=[demo,regions]

from_variable NNODES trainer.nnodes
from_variable RANKS trainer.n_gpus_per_node
from_variable STEPS trainer.total_training_steps
from_variable SEED data.seed actor_rollout_ref.rollout.seed
from_variable MODEL actor_rollout_ref.model.path
SETTINGS+=(
    data.train_files="$(hydra_value "$DATA_DIR/data/train.parquet")"
    data.val_files="$(hydra_value "$DATA_DIR/data/val.parquet")"
    trainer.experiment_name="$(hydra_value "$(basename "$RUN_DIR")")"
    trainer.default_local_dir="$(hydra_value "$RUN_DIR/checkpoints")"
    algorithm.care.records.folder="$(hydra_value "$RUN_DIR/records")"
    trainer.validation_data_dir="$(hydra_value "$RUN_DIR/validation")"
    # Keeps the resolved configuration with the run.
    hydra.run.dir="$(hydra_value "$RUN_DIR/hydra")"
)
ARGUMENTS=("${CHOSEN[@]}" "${SETTINGS[@]}" "$@")

if [[ $DRY_RUN == 1 ]]; then
    exec "$PYTHON" -m verl_ext.checks.dry_run "${ARGUMENTS[@]}"
fi
if [[ $MODEL == "$DATA_DIR/model" ]]; then
    read -ra PREPARATION <<<"${PREPARATION:-}"
    "$PYTHON" -m recipe.tiny.prepare --out "$DATA_DIR" --family "$FAMILY" "${PREPARATION[@]}"
fi
"$PYTHON" -m verl_ext.checks.record "$RUN_DIR"
exec "$PYTHON" -m recipe.tiny.run --run-dir "$RUN_DIR" --label "$METHOD" -- "${ARGUMENTS[@]}"
