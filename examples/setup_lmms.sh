#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
# Make the environment that lmms-eval runs in, beside the project's own.
#
#   bash examples/setup_lmms.sh
#
# lmms-eval 0.7.3 cannot share the project's environment: it pins av and wandb to other versions. This one holds lmms-eval
# and what its six tasks import, under 100 MB, and sees the packages of the project's environment (torch, datasets, math-verify)
# behind its own. Every version is the one in verl_ext/locks.
#
# Variables: VENV (.venv, made by examples/setup.sh), LMMS_VENV (.venv-lmms), LOCKED (1; with 0 the newest versions that
# recipe/evaluation/lmms_requirements.txt allows). Safe to run again.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
VENV=${VENV:-$ROOT/.venv}
LMMS_VENV=${LMMS_VENV:-$ROOT/.venv-lmms}
REQUIREMENTS=$ROOT/recipe/evaluation/lmms_requirements.txt

say() { printf '[setup %4ds] %s\n' "$SECONDS" "$*"; }
die() { printf '[setup] %s\n' "$*" >&2; exit 1; }
[[ ${1:-} =~ ^(-h|--help)$ ]] && { sed -n '/^# Make/,/^set /p' "${BASH_SOURCE[0]}" | sed '$d; s/^# \{0,1\}//'; exit 0; }
[[ -x $VENV/bin/python ]] || die "no environment in $VENV; run examples/setup.sh first, or set VENV=..."

packages=$("$VENV/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
VERSION=$("$VENV/bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
case ${LOCKED:-1} in
0) CONSTRAINTS=/dev/null ;;
1) CONSTRAINTS=$ROOT/verl_ext/locks/lmms-$VERSION.txt ;;
*) die "LOCKED=$LOCKED: set it to 1 (the locked versions) or 0 (the newest)" ;;
esac
stamp="$LMMS_VENV/.care-setup"
wanted="$(cat "$REQUIREMENTS" "$CONSTRAINTS" | cksum) $("$VENV/bin/python" --version) $packages"
if [[ -f $stamp && $(<"$stamp") == "$wanted" ]]; then
  say "$LMMS_VENV is up to date"
  exit 0
fi

say "making $LMMS_VENV"
"$VENV/bin/python" -m venv --clear "$LMMS_VENV"
"$LMMS_VENV/bin/python" -m pip --disable-pip-version-check install --quiet --no-deps --constraint "$CONSTRAINTS" \
  -r "$REQUIREMENTS" ||
  die "could not install lmms-eval; it needs a reachable Python package index"
own=$("$LMMS_VENV/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
# After its own packages, so that these come first; with the .pth files in it, so that editable installs work too.
printf 'import site; site.addsitedir(%s)\n' "'$packages'" >"$own/care_environment.pth"
printf '%s' "$wanted" >"$stamp"
say "done: $LMMS_VENV"
