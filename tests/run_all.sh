#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
# Set up the test environment and run everything: lint, types, unit, property and contract tests, and real training.
#
#   bash tests/run_all.sh            # all of it, from nothing; 20 to 35 minutes on 2 cores
#   bash tests/run_all.sh --fast     # without the end-to-end runs
#
# Variables: VENV (.venv), PYTHON (python3).
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"
export VENV=${VENV:-$ROOT/.venv}
# Several processes share the cores here; examples/lib/cpu_stack.sh says why.
export GOMP_SPINCOUNT=1000
usage() { sed -n '/^# Set up/,/^set /p' "$ROOT/tests/run_all.sh" | sed '$d; s/^# \{0,1\}//'; }
case "$#${1:-}" in
0 | 1--fast) ;;
1-h | 1--help) usage; exit 0 ;;
*) printf "%s: no such option\n\n" "$*" >&2; usage >&2; exit 2 ;;
esac

step() { printf '\n=== [%4ds] %s\n' "$SECONDS" "$*"; }

step "environment"
new=$([[ -e $VENV ]] || echo 1)
EXTRAS=dev bash examples/setup.sh cpu
# Tomorrow's would have the same versions. One that somebody works in may have more packages.
[[ -z $new ]] || "$VENV/bin/python" -m verl_ext.checks.lock
# What an earlier run left in ~/.cache (vLLM's looks at model classes, for one) must not hide a missing step.
export XDG_CACHE_HOME=$ROOT/runs/tests/cache
rm -rf "$XDG_CACHE_HOME"
step "lint"
"$VENV/bin/ruff" check .
"$VENV/bin/ruff" format --check .
step "types"
"$VENV/bin/mypy"
step "unit, property and contract tests"
if [[ ${1:-} != --fast ]]; then
    # The model that the end-to-end tests start from: made here on one core, it would keep the other one waiting there.
    trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
    mkdir -p runs/tests
    nice "$VENV/bin/python" -m recipe.tiny.prepare --out runs/tests/tiny_data >runs/tests/prepare.log 2>&1 &
    prepared=$!
fi
OMP_NUM_THREADS=1 "$VENV/bin/python" -m pytest -m "not e2e" -n 2 --dist loadfile --durations=10
if [[ ${1:-} != --fast ]]; then
    wait "$prepared" || { tail -20 runs/tests/prepare.log >&2; exit 1; }
    step "end-to-end training runs, two at a time"
    "$VENV/bin/python" -m pytest -m "e2e and not slow" -n 2 --dist loadfile --no-loadscope-reorder --durations=0 tests/e2e
fi
step "all passed"
