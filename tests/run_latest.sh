#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
# Look out for drift: the tests with the newest versions that setup.py allows, in place of the locked ones.
#
#   bash tests/run_latest.sh    # 15 to 30 minutes on 2 cores
#
# Makes .venv-latest and .venv-latest-lmms anew, runs lint, types, the fast tests, and of the end-to-end tests the tiny
# training run and the evaluation. Ends with what moved against the lock and what broke. Not part of .ci/run: what it finds
# is on the package index, not in a change; mend it, or bound it in setup.py, and run examples/lock.sh.
# Variables: PYTHON (python3).
set -uo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"
case "$#${1:-}" in
0) ;;
1-h | 1--help) sed -n '/^# Look out/,/^set /p' "$ROOT/tests/run_latest.sh" | sed '$d; s/^# \{0,1\}//'; exit 0 ;;
*) printf '%s: no such option; bash tests/run_latest.sh --help\n' "$*" >&2; exit 2 ;;
esac
export VENV=$ROOT/.venv-latest LMMS_VENV=$ROOT/.venv-latest-lmms LOCKED=0 GOMP_SPINCOUNT=1000
export XDG_CACHE_HOME=$ROOT/runs/latest/cache
rm -rf "$VENV" "$LMMS_VENV" "$ROOT/runs/latest"
mkdir -p "$XDG_CACHE_HOME"

broken=()
# Each is tried whatever the others did.
attempt() {
    local what=$1
    shift
    printf '\n=== [%4ds] %s\n' "$SECONDS" "$what"
    "$@" || broken+=("$what")
}

attempt "set-up" env EXTRAS=dev bash examples/setup.sh cpu
[[ -x $VENV/bin/pytest ]] || { echo "nothing can be run without the environment" >&2; exit 1; }
attempt "lint" "$VENV/bin/ruff" check .
attempt "format" "$VENV/bin/ruff" format --check .
attempt "types" "$VENV/bin/mypy"
attempt "unit, property and contract tests" \
    env -u LOCKED OMP_NUM_THREADS=1 "$VENV/bin/python" -m pytest -m "not e2e" -n 2 --dist loadfile
attempt "a tiny training run" "$VENV/bin/python" -m pytest -m e2e -k "not survives" tests/e2e/test_training.py
attempt "an evaluation" "$VENV/bin/python" -m pytest -m e2e tests/e2e/test_evaluate.py

printf '\n=== [%4ds] what moved\n' "$SECONDS"
"$VENV/bin/python" -m verl_ext.checks.lock
printf '\n=== what broke\n'
if ((${#broken[@]})); then
    printf '%s\n' "${broken[@]}"
    exit 1
fi
echo "nothing"
