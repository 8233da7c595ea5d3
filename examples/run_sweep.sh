#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
# Run every line of a sweep file, one after another, through one of the training scripts.
#
#   bash examples/run_sweep.sh examples/sweeps/main.txt                 # on Qwen2.5-VL 7B
#   DRY_RUN=1 bash examples/run_sweep.sh examples/sweeps/main.txt       # resolve and validate every line, no GPU needed
#   SEEDS="0 1 2 3 4" SCRIPT=examples/run_qwen2_5_vl_3b_care.sh bash examples/run_sweep.sh examples/sweeps/selector.txt
#   bash examples/run_sweep.sh examples/sweeps/main.txt trainer.save_freq=50    # further verl overrides, for every line
#
# A line is the name of a run and its settings, without spaces inside a setting: NAME=value in capitals is a variable of
# the script, anything else a verl override. `#` starts a comment.
#
# Variables: SCRIPT (examples/run_qwen2_5_vl_7b_care.sh), SEEDS (0), SWEEP_DIR (runs/sweeps), DRY_RUN (0), and those of the
# script. Start it again to go on where it was: finished runs are skipped, the interrupted one resumes. A name stands for
# the same run in every file, so what several tables share is run once. Other settings under a name that was used are
# refused, be they the line's, further overrides or variables; variables that say where and on what a run goes (NNODES,
# MICRO_TOKENS, LOGGER, ...) may change.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
say() { printf '[sweep] %s\n' "$*"; }
[[ ${1:-} =~ ^(-h|--help)$ ]] && { sed -n '/^# Run/,/^set /p' "${BASH_SOURCE[0]}" | sed '$d; s/^# \{0,1\}//'; exit 0; }
source "$ROOT/examples/lib/common.sh"
die() { printf '[sweep] %s\n' "$*" >&2; exit 2; }

FILE=${1:-}
[[ -f $FILE ]] || die "${FILE:-no sweep file} is not a file; there are: $(cd "$ROOT" && echo examples/sweeps/*.txt)"
shift
SCRIPT=${SCRIPT:-$ROOT/examples/run_qwen2_5_vl_7b_care.sh}
[[ -f $SCRIPT ]] || die "SCRIPT=$SCRIPT is not a file; set it to one of: $(cd "$ROOT" && echo examples/run_*_care*.sh)"
SEEDS=${SEEDS:-0}
SWEEP_DIR=$(absolute "${SWEEP_DIR:-$ROOT/runs/sweeps}")
DRY_RUN=${DRY_RUN:-0}

model=$(basename "$SCRIPT" .sh)
model=${model#run_}
model=${model/_care/}
[[ ${LORA:-0} == 0 ]] || model+=_lora

NAMES=()
LINES=()
while read -ra words || ((${#words[@]})); do
    ((${#words[@]})) || continue
    name=${words[0]}
    [[ $name =~ ^[A-Za-z0-9][A-Za-z0-9_.-]*$ ]] ||
        die "$FILE: '$name' is no name for a run; a line starts with one, of letters, digits, '_', '.' and '-'"
    [[ " ${NAMES[*]} " != *" $name "* ]] || die "$FILE: $name stands there twice; give each line a name of its own"
    for word in "${words[@]:1}"; do
        [[ $word == *=* ]] || die "$FILE: $name: '$word' is no setting; write VARIABLE=value or key=value, without spaces"
    done
    NAMES+=("$name")
    LINES+=("${words[*]:1}")
done < <(sed 's/#.*//' "$FILE")
((${#NAMES[@]})) || die "$FILE has no line with a run"

# Variables that do not change what is learned, and those that are set here or part of the folder's name.
PLACE=" NNODES NGPUS_PER_NODE RANKS ROLLOUT_TP MICRO_TOKENS GPU_MEMORY_UTILIZATION PARAM_OFFLOAD SAVE_FREQ TEST_FREQ LOGGER ATTENTION "
PLACE+=" KEEP_CHECKPOINTS PYTHON VENV SKIP_SETUP DRY_RUN METHOD ALGO SEED EXPERIMENT OUT_DIR RUN_DIR LORA "
FILES=("$SCRIPT")
! grep -q lib/train_gpu.sh "$SCRIPT" || FILES+=("$ROOT/examples/lib/train_gpu.sh")
mapfile -t KNOBS < <(grep -ohE '\$\{[A-Z][A-Z0-9_]*:-|^ *from_variable [A-Z][A-Z0-9_]*' "${FILES[@]}" |
    sed -E 's/^.*[{ ]//; s/:-$//' | sort -u)

# The script's variables that are set and that the line, a list of settings, leaves alone.
variables_outside() {
    local name
    for name in "${KNOBS[@]}"; do
        [[ -z ${!name:-} || $PLACE == *" $name "* || " $1 " == *" $name="* ]] || printf ' %s=%q' "$name" "${!name}"
    done
}

# One run: its name, its seed, its settings, further overrides.
run_one() {
    local name=$1 seed=$2 settings="$3${4:+ ${*:4}}$(variables_outside "$3")" words=() variables=() overrides=() word
    local folder=$SWEEP_DIR/$model/$name-seed$seed
    read -ra words <<<"$3"
    for word in "${words[@]}"; do
        if [[ $word =~ ^[A-Z][A-Z0-9_]*= ]]; then variables+=("$word"); else overrides+=("$word"); fi
    done
    if [[ $DRY_RUN != 1 ]]; then
        # One that left nothing else, because it was refused a model or data, never started.
        [[ ! -f $folder/settings || $(<"$folder/settings") == "$settings" || $(ls -A "$folder") == settings ]] ||
            die "$folder was started with other settings ($(<"$folder/settings")), not $settings; rename the line or remove the \
folder"
        [[ ! -f $folder/finished ]] || { say "$name, seed $seed: finished before"; return; }
        mkdir -p "$folder" && printf '%s' "$settings" >"$folder/settings" || return
    fi
    say "$name, seed $seed: $settings"
    # A METHOD from outside would be the method of every line that names none.
    env METHOD=care "${variables[@]}" SEED="$seed" EXPERIMENT="$model-$name-seed$seed" OUT_DIR="$folder" \
        RUN_DIR="$folder" DRY_RUN="$DRY_RUN" bash "$SCRIPT" "${overrides[@]}" "${@:4}" || return
    [[ $DRY_RUN == 1 ]] || touch "$folder/finished"
}

failed=()
for seed in $SEEDS; do
    for i in "${!NAMES[@]}"; do
        run_one "${NAMES[$i]}" "$seed" "${LINES[$i]}" "$@" || failed+=("${NAMES[$i]}, seed $seed")
        ((${#failed[@]} == 0)) || [[ $DRY_RUN == 1 ]] ||
            die "${failed[0]} stopped; start the same command again to go on from here"
    done
done
((${#failed[@]} == 0)) || die "not valid: ${failed[*]}"
say "all of $FILE: done"
