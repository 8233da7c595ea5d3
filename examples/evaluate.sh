#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
# Evaluate a model on MathVista, MathVerse, MATH-Vision, MMMU and MMMU-Pro: greedy, no LLM judge; compare two models.
#
#   bash examples/evaluate.sh Qwen/Qwen2.5-VL-7B-Instruct --out runs/evaluation/base
#   bash examples/evaluate.sh runs/my_run/model --out runs/evaluation/care --against runs/evaluation/base
#   bash examples/evaluate.sh MODEL --out OUT --datasets snapshots     # no hub: <owner>/<name> in it for each set
#   bash examples/evaluate.sh MODEL --out OUT --vllm-args --data-parallel-size 8    # several GPUs; comes last
#
# An interrupted evaluation goes on with the same command. Everything else: --help; docs/evaluation.md.
# Variables: VENV (.venv, made by examples/setup.sh), LMMS_VENV (.venv-lmms, made here), DRY_RUN (0: with 1 it says what
# would be asked, and needs neither GPU nor model).
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$ROOT/examples/lib/common.sh"
export VENV=${VENV:-$ROOT/.venv}
export LMMS_VENV=${LMMS_VENV:-$ROOT/.venv-lmms}
export PYTHONPATH=$ROOT${PYTHONPATH:+:$PYTHONPATH}
# Only what evaluates needs lmms-eval, wherever --help or --dry-run stands; what follows --vllm-args is the server's.
asks=0
plans=${DRY_RUN:-0}
for argument; do
  case $argument in
  --vllm-args) break ;;
  -h | --help) asks=1 ;;
  --dry-run) plans=1 ;;
  esac
done
if [[ ! -x $VENV/bin/python ]]; then
  ((asks)) && { sed -n '/^# Evaluate/,/^set /p' "${BASH_SOURCE[0]}" | sed '$d; s/^# \{0,1\}//'; exit 0; }
  die "no environment in $VENV; run examples/setup.sh first, or set VENV=..."
fi
if ((plans)); then
  set -- --dry-run "$@"
elif (($# && !asks)); then
  bash "$ROOT/examples/setup_lmms.sh"
fi
exec "$VENV/bin/python" -m recipe.evaluation.run --lmms-python "$LMMS_VENV/bin/python" "$@"
