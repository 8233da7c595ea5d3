#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
# Check that CARE works on this machine, and what it costs: a quarter of an hour on one GPU of 80 GB, no download.
#
#   bash examples/check_gpu.sh                 # a Qwen2.5-VL of 3B with random weights, invented questions
#   SIZE=0.3b bash examples/check_gpu.sh       # smaller, for smaller GPUs; or 7b
#   SIZE=tiny bash examples/check_gpu.sh       # without a GPU, on the CPU stack
#   bash examples/check_gpu.sh --rounds 5      # more measured steps of each method; --help has the options
#
# Leaves report.md, report.json and report.html in OUT, made to be attached to an issue. What fails, or is not done when
# MINUTES are over, does not lose what was found before. Variables: SIZE (3b), OUT (gpu_check, empty or not there),
# MINUTES (15), PYTHON (python3). docs/scaling.md says what is checked and measured.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
[[ ${1:-} =~ ^(-h|--help)$ ]] && { sed -n '/^# Check/,/^set /p' "${BASH_SOURCE[0]}" | sed '$d; s/^# \{0,1\}//'; exit 0; }
source "$ROOT/examples/lib/common.sh"

SIZE=${SIZE:-3b}
OUT=${OUT:-$PWD/gpu_check}
MINUTES=${MINUTES:-15}
PYTHON=${PYTHON:-python3}

need_active_environment torch verl verl_ext
exec "$PYTHON" -W ignore -m verl_ext.check_gpu --size "$SIZE" --out "$OUT" --minutes "$MINUTES" "$@"
