#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
# Turn a checkpoint of verl's FSDP trainers, RL or SFT, into an ordinary Hugging Face folder, and check it.
#
#   bash examples/merge_checkpoint.sh runs/my_run runs/my_run/model                          # the latest checkpoint
#   bash examples/merge_checkpoint.sh runs/my_run/global_step_40 merged
#   bash examples/merge_checkpoint.sh runs/my_run merged --prompts data/geometry3k_validation.parquet    # greedy outputs too
#
# verl's own model merger does the work, for any number of ranks; a LoRA adapter is folded into the weights. What follows
# the two folders goes to `python -m recipe.release.check` (--help). OUT appears when it is complete and checked; one made
# here before is replaced. Variables: PYTHON (python3), DTYPE (bfloat16, what verl's rollouts use on GPUs; float32 for
# runs of the CPU stack, whose rollouts use that), DRY_RUN (0: with 1 it says what would be merged).
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
usage() { sed -n '/^# Turn/,/^set /p' "${BASH_SOURCE[0]}" | sed '$d; s/^# \{0,1\}//'; }
[[ ${1:-} =~ ^(-h|--help)$ ]] && { usage; exit 0; }
(($# >= 2)) || { usage >&2; exit 2; }
source "$ROOT/examples/lib/common.sh"
PYTHON=${PYTHON:-python3}
DTYPE=${DTYPE:-bfloat16}
FROM=$1
OUT=${2%/}
shift 2
if [[ -e $OUT && ! -f $OUT/merge_check.json ]]; then
    die "$OUT was not made by this script; move it away or choose another OUT"
fi
DRAFT=$OUT.unfinished
export PYTHONPATH=$ROOT${PYTHONPATH:+:$PYTHONPATH}
need_active_environment torch verl transformers

SHARDS=$("$PYTHON" -m recipe.release.checkpoint "$FROM")
if [[ ${DRY_RUN:-0} == 1 ]]; then
    echo "would merge $SHARDS into $OUT in $DTYPE, and check it"
    exit 0
fi
rm -rf "$DRAFT"
"$PYTHON" -m verl.model_merger merge --backend fsdp --local_dir "$SHARDS" --target_dir "$DRAFT"
if [[ -d $DRAFT/lora_adapter || $DTYPE != bfloat16 ]]; then
    "$PYTHON" -m recipe.release.rewrite "$SHARDS" "$DRAFT" --dtype "$DTYPE"
fi
"$PYTHON" -m recipe.release.check --checkpoint "$FROM" --model "$DRAFT" "$@"
rm -rf "$OUT"
mv "$DRAFT" "$OUT"
echo "$OUT: the model of $SHARDS"
