#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
# Compare methods on the tiny tasks, several seeds each, and print the table with 95% intervals.
#
#   bash examples/run_tiny_suite.sh                                      # GRPO, DAPO, GSPO, the paper's CARE and `best`
#   bash examples/run_tiny_suite.sh --table rgr --seeds 0 1 2            # what a repaired row trains
#   bash examples/run_tiny_suite.sh --table long --steps 120 --seeds 0 1 2    # what lasts; to rerun when the method changes
#   bash examples/run_tiny_suite.sh --task count_add --steps 20 --seeds 0    # a quick look
#
# Tables (--table): main, long, sampling, parts, fill, rgr, selector, anchor, subgroup, rescue, regions. Further options: --seeds,
# --steps, --methods, --task, --jobs, --out; once the environment is there, --help describes them.
# Variables: VENV (.venv), SKIP_SETUP (0). Start it again to go on where it was; results are in runs/suite/results.jsonl.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$ROOT/examples/lib/common.sh"
VENV=$(absolute "${VENV:-$ROOT/.venv}")
PYTHON=$VENV/bin/python
if [[ " $* " =~ " "(-h|--help)" " ]]; then
    sed -n '/^# Compare/,/^set /p' "${BASH_SOURCE[0]}" | sed '$d; s/^# \{0,1\}//'
    [[ ! -x $PYTHON ]] || { echo && cd "$ROOT" && "$PYTHON" -m recipe.tiny.suite.runs --help; }
    exit 0
fi
[[ ${DRY_RUN:-0} == 0 ]] || die "DRY_RUN=1: the suite reads what its runs leave; examples/run_tiny_vlm_care_cpu.sh has dry runs"
prepare_environment
[[ " $* " == *" --table"[\ =]* ]] || set -- --table main "$@"
# It goes on in the project's directory.
for ((i = 1; i <= $#; i++)); do
    case ${!i} in
    --out) (($# > i)) && set -- "${@:1:i}" "$(absolute "${@:i+1:1}")" "${@:i+2}" ;;
    --out=*) argument=${!i} && set -- "${@:1:i-1}" "--out=$(absolute "${argument#*=}")" "${@:i+1}" ;;
    esac
done
cd "$ROOT"
exec "$VENV/bin/python" -m recipe.tiny.suite.runs "$@"
