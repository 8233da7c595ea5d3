# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
# Sourced by every script: refuses a switch that is neither on nor off, and has what several scripts need.

die() {
    printf '%s\n' "$*" >&2
    exit 2
}

# Scripts ask whether a switch is 1, so that DRY_RUN=true would start the real thing.
for name in DRY_RUN SKIP_SETUP; do
    [[ ${!name:-0} == [01] ]] || die "$name=${!name}: set it to 1 (on) or 0 (off)"
done
unset name

# The path as it is from any directory.
absolute() { if [[ $1 == /* ]]; then printf '%s' "$1"; else printf '%s' "$PWD/$1"; fi; }

# A value as Hydra's grammar reads it whole: a path may hold `=`, `,`, brackets or blanks. A list, [a,b], stays a list.
hydra_value() {
    if [[ $1 =~ ^[A-Za-z0-9_./:@%+-]*$ || $1 == \[*\] ]]; then
        printf '%s' "$1"
    else
        # A backslash escapes only where a quote follows, which those at the end would do too.
        printf "'%s'" "$(sed -E "s/(\\\\*)'/\1\1\\\\'/g; s/(\\\\+)\$/\1\1/" <<<"$1")"
    fi
}

# The groups of settings that stock verl finds (docs/configuration.md).
CONF=$ROOT/recipe/care/conf

# Refuse a value that names no file of a group, before anything slow starts.
#   need_choice VARIABLE GROUP
need_choice() {
    [[ -f $CONF/$2/${!1}.yaml ]] || die "$1=${!1}: set it to one of: $(cd "$CONF/$2" && basename -a -s .yaml -- *.yaml | xargs)"
}

# The settings that a script's variables make: a variable that is not set leaves what its groups say.
#   from_variable VARIABLE KEY...
SETTINGS=()
from_variable() {
    local key
    [[ -n ${!1:-} ]] || return 0
    for key in "${@:2}"; do SETTINGS+=("$key=$(hydra_value "${!1}")"); done
}

# Refuse an environment that is not there or lacks something; else its traceback would be the message.
#   need_environment VARIABLE REMEDY MODULE...: VARIABLE chooses it, PYTHON is its interpreter.
need_environment() {
    local variable=$1 remedy=$2 absent
    command -v "$PYTHON" >/dev/null || die "$variable=${!variable}: there is no Python at $PYTHON. $remedy"
    # Without the current directory, from which the modules of a checkout could be read but not by Ray's workers.
    absent=$("$PYTHON" -c 'import sys
sys.path[:] = filter(None, sys.path)
from importlib.util import find_spec
absent = [name for name in sys.argv[1:] if find_spec(name) is None]
sys.exit(print(*absent, sep=", ") or bool(absent))' "${@:3}") && return
    [[ -z $absent ]] || die "$variable=${!variable}: this Python has no $absent. $remedy"
    die "$variable=${!variable}: $PYTHON does not run. $remedy"
}

# The GPU scripts run in whatever environment is active.
need_active_environment() {
    need_environment PYTHON "Make an environment and activate it: bash examples/setup.sh gpu && source .venv/bin/activate \
(without 'gpu' where only the configuration is to be resolved), or set PYTHON to the interpreter of one." "$@"
}

# The CPU scripts bring theirs: made first, unless told not to or where nothing may be made.
prepare_environment() {
    if [[ ${SKIP_SETUP:-0} == 0 && ${DRY_RUN:-0} == 0 ]]; then
        VENV=$VENV bash "$ROOT/examples/setup.sh" cpu
    fi
    need_environment VENV "DRY_RUN=1 and SKIP_SETUP=1 make no environment. Make it: VENV=$VENV bash examples/setup.sh" \
        torch omegaconf verl hydra_plugins
}
