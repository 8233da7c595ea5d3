#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
# Make the project's own virtual environment and install everything into it.
#
#   bash examples/setup.sh            # CPU stack (no accelerator needed), what the tiny examples use
#   bash examples/setup.sh gpu        # verl 0.9.1's own GPU pins, for the 3B-8B examples
#   EXTRAS=dev bash examples/setup.sh # with the test and lint tools
#
# Every version is the one in verl_ext/locks (made by examples/lock.sh); where packages come from is pip's configuration.
#
# Variables: VENV (.venv), PYTHON (python3; for gpu 3.12, for which there are most wheels), EXTRAS (none), LOCKED (1; with 0
# the newest versions that setup.py allows), FLASH_ATTN_WHEEL (for gpu: a file or address of a flash-attn wheel, or `none`;
# docs/install.md). Safe to run again: it does nothing when nothing changed.
set -euo pipefail

STACK=${1:-cpu}
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
VENV=${VENV:-$ROOT/.venv}
PYTHON=${PYTHON:-python3}
EXTRAS=${EXTRAS:-}
# Where PyTorch keeps CPU builds; asked only when the configured index does not have one.
TORCH_CPU_INDEX=${TORCH_CPU_INDEX:-https://download.pytorch.org/whl/cpu}
FLASH_ATTN=2.8.3

say() { printf '[setup %4ds] %s\n' "$SECONDS" "$*"; }
die() { printf '[setup] %s\n' "$*" >&2; exit 1; }

case "$STACK" in
cpu | gpu) ;;
-h | --help) sed -n '/^# Make/,/^set /p' "${BASH_SOURCE[0]}" | sed '$d; s/^# \{0,1\}//'; exit 0 ;;
*) die "unknown stack '$STACK': use cpu or gpu" ;;
esac

command -v "$PYTHON" >/dev/null || die "no '$PYTHON' here; install Python 3.10-3.12 or set PYTHON=/path/to/python"
VERSION=$("$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
LOCK=$ROOT/verl_ext/locks/$STACK-$VERSION.txt
[[ -f $LOCK ]] ||
  die "$("$PYTHON" --version) is not supported; Python 3.10-3.12 is needed (3.11 is what the tests run on). Set PYTHON=..."
case ${LOCKED:-1} in
0) CONSTRAINTS=/dev/null ;;
1) CONSTRAINTS=$LOCK ;;
*) die "LOCKED=$LOCKED: set it to 1 (the locked versions) or 0 (the newest)" ;;
esac
"$PYTHON" -c 'import ensurepip' 2>/dev/null ||
  die "$PYTHON cannot make virtual environments; install its venv package (on Debian: apt install python3-venv)"

stamp="$VENV/.care-setup"
wanted="$STACK $EXTRAS ${FLASH_ATTN_WHEEL:-} $(cat "$ROOT/setup.py" "$CONSTRAINTS" | cksum) $("$PYTHON" --version) $ROOT"
if [[ -f $stamp && $(<"$stamp") == "$wanted" ]]; then
  say "$VENV is up to date"
  exit 0
fi

need_gb=$([[ $STACK == cpu ]] && echo 6 || echo 20)
mkdir -p "$VENV"
free_gb=$(df -Pk "$VENV" | awk 'NR==2 {print int($4 / 1048576)}')
((free_gb >= need_gb)) || die "the $STACK stack needs about $need_gb GB in $VENV, $free_gb GB are free; set VENV=... elsewhere"

say "making $VENV with $("$PYTHON" --version)"
pip() { "$VENV/bin/python" -m pip --disable-pip-version-check "$@"; }
# An interrupted one has an interpreter but no pip; made again, it gets what is missing and keeps the rest.
[[ -x $VENV/bin/python ]] && pip --version >/dev/null 2>&1 || "$PYTHON" -m venv "$VENV"
pip --version >/dev/null || die "$VENV has no pip that runs; remove the folder and start again, or set VENV=... elsewhere"

# Any failed pip call lands here with a sentence about what the step needed.
install() {
  local what=$1
  shift
  say "installing $what"
  pip install --quiet --no-compile --constraint "$CONSTRAINTS" "$@" || die "could not install $what. It needs a reachable \
Python package index and $need_gb GB; the command was: pip install --constraint $CONSTRAINTS $*"
}

# uv needs a quarter of pip's time, but does not read pip's configuration: where that says what uv cannot be told, pip does
# the work. The cache is linked into the environment, so it takes no room of its own. It goes afterwards: if environments
# shared it, a file of a package changed in one would be changed in all.
install_with_uv() {
  local what=$1 settings
  shift
  settings=$("$VENV/bin/python" "$ROOT/examples/lib/uv_settings.py" "$CONSTRAINTS") || return 1
  mapfile -t settings <<<"$settings"
  say "installing $what"
  local cache=$VENV/.uv-cache status=0
  env "${settings[@]}" UV_CACHE_DIR="$cache" "$VENV/bin/uv" pip install --quiet --python "$VENV/bin/python" "$@" || status=$?
  rm -rf "$cache"
  ((status == 0)) || say "uv could not do it; pip's turn"
  return "$status"
}

# Installed first and then used for every build: pip's isolated builds would take the newest, whatever the lock says.
install "the build tools" setuptools wheel uv
if [[ $STACK == cpu && $(uname -s) == Linux ]]; then
  TORCH_CPU=$(sed -n 's/^torch==//p' "$LOCK")
  if pip install --quiet --no-compile --no-deps "torch==$TORCH_CPU+cpu" 2>/dev/null; then
    say "torch $TORCH_CPU (CPU build) installed from the configured index"
  else
    install "torch $TORCH_CPU (CPU build) from PyTorch's own index" --no-deps --retries 1 --timeout 15 \
      --extra-index-url "$TORCH_CPU_INDEX" "torch==$TORCH_CPU+cpu"
  fi
fi
# flash-attn is not published as a wheel. What goes wrong with it is said, and the rest goes on: CARE runs without it.
without_flash_attn() {
  say "no flash-attn: $1. Train with ATTENTION=sdpa, or set FLASH_ATTN_WHEEL and start again (docs/install.md)"
}

install_flash_attn() {
  local wheel=${FLASH_ATTN_WHEEL:-}
  if [[ $wheel == none ]]; then
    without_flash_attn "FLASH_ATTN_WHEEL=none"
  elif [[ -n $wheel ]]; then
    say "installing flash-attn from $wheel"
    pip install --quiet --no-compile --no-deps "$wheel" || without_flash_attn "$wheel could not be installed"
  elif ! command -v nvcc >/dev/null; then
    without_flash_attn "a build needs nvcc, CUDA's compiler, which is not on the PATH"
  else
    say "building flash-attn against the torch just installed (20 to 30 minutes on 32 cores; MAX_JOBS bounds the memory)"
    # Not together with this package, which would be built without isolation too.
    pip install --quiet --no-compile --no-deps --no-build-isolation "flash-attn==$FLASH_ATTN" ||
      without_flash_attn "the build failed"
  fi
}

if [[ $STACK == gpu ]]; then
  [[ $("$VENV/bin/python" --version) == "Python 3.12."* ]] ||
    say "this is not Python 3.12, the one that verl names a flash-attn wheel for (docs/install.md)"
  # Its build takes these from the environment.
  install "what a build of flash-attn needs" packaging ninja psutil
fi
everything=("the $STACK stack and this package (the long step: verl, vLLM, transformers, Ray)"
  --no-build-isolation -e "$ROOT[$STACK${EXTRAS:+,$EXTRAS}]")
install_with_uv "${everything[@]}" || install "${everything[@]}"
if [[ $STACK == gpu ]]; then
  install_flash_attn
fi

# pip would do this file by file, on one core. Some packages carry files that are not meant to compile. What is seldom
# imported, a quarter of it all, is compiled when it is.
say "compiling to bytecode"
"$VENV/bin/python" -m compileall -q -j 0 -x '/(tests?|testing|benchmarks?)/|/(transformers|model_executor)/models/' \
  "$VENV/lib" >/dev/null 2>&1 || true

say "checking that verl, the plugin and the platform work together"
# Optional engines of verl that are not installed would fill the screen with warnings.
# The GPUs may be on another machine.
PYTHONWARNINGS=ignore VLLM_LOGGING_LEVEL=ERROR HF_HUB_OFFLINE=1 "$VENV/bin/python" -m verl_ext.checks.doctor --quiet --installation ||
  die "the environment is installed but CARE cannot run in it; see above, or: $VENV/bin/care doctor"
printf '%s' "$wanted" >"$stamp"
say "done: $VENV"
