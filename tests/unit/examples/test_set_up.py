# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The set-up scripts install what is locked; interpreter, pip and uv are stand-ins that take notes.

``test_scripts.py`` has the rest on scripts.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LOCKS = ROOT / "verl_ext" / "locks"
NOTE = """{ printf '%s\\n' "$(basename "$0")" "$@" "UV_CONSTRAINT=$UV_CONSTRAINT"; echo; } >>"$NOTES\""""


def _program(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/bash", *lines]))
    path.chmod(0o755)


@pytest.fixture
def start(tmp_path):
    """Run a script where Python has a version, and uv a status; what it says, and the installations it asked for."""

    def run(script: str, *arguments: str, python: str = "3.11", uv: int = 1, **variables: str):
        _program(tmp_path / "base", f'[[ "$1" == -c ]] && echo {python} || echo Python {python}.1')
        # What says where uv takes packages from is run by a real interpreter.
        real = f'[[ "$1" != */uv_settings.py ]] || exec "{sys.executable}" "$@"'
        _program(tmp_path / "env" / "bin" / "python", real, NOTE, f'[[ "$1" != -c ]] || echo {python}')
        _program(tmp_path / "env" / "bin" / "uv", NOTE, f"exit {uv}")
        notes = tmp_path / "notes"
        notes.write_text("")
        own = {"PYTHON": tmp_path / "base", "VENV": tmp_path / "env", "LMMS_VENV": tmp_path / "lmms", "NOTES": notes}
        environment = {**os.environ, **{name: str(path) for name, path in own.items()}, **variables}
        command = ["bash", str(ROOT / "examples" / script), *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        calls = [call.splitlines() for call in notes.read_text().split("\n\n")]
        return done, [call for call in calls if "install" in call]

    return run


@pytest.mark.parametrize("python", ["3.10", "3.12"])
@pytest.mark.parametrize("stack", ["cpu", "gpu"])
def test_every_package_is_held_to_the_lock_of_stack_and_python(stack, python, start):
    done, installs = start("setup.sh", stack, python=python)
    assert done.returncode == 0 and len(installs) > 1, done.stderr
    for call in installs:
        # One package without what it needs has its version in its name.
        named = "--no-deps" in call and any("==" in word for word in call)
        assert named or str(LOCKS / f"{stack}-{python}.txt") in " ".join(call), call


def test_nothing_is_done_again_until_the_versions_are_others(start):
    assert start("setup.sh")[1]
    done, installs = start("setup.sh")
    assert "is up to date" in done.stdout and not installs
    done, installs = start("setup.sh", LOCKED="0")
    assert done.returncode == 0 and installs
    assert not [call for call in installs if str(LOCKS) in " ".join(call)]
    assert start("setup.sh")[1]


@pytest.mark.parametrize("uv", [0, 1])
def test_uv_takes_the_long_step_and_pip_where_uv_fails(uv, start):
    done, installs = start("setup.sh", uv=uv)
    assert done.returncode == 0, done.stderr
    long_step = [call for call in installs if f"{ROOT}[cpu]" in call]
    assert [call[0] for call in long_step] == (["uv", "python"] if uv else ["uv"])
    assert long_step[0][-1].split()[0] == f"UV_CONSTRAINT={LOCKS / 'cpu-3.11.txt'}"
    assert ("pip's turn" in done.stdout) == bool(uv)


def test_pip_takes_the_long_step_where_uv_cannot_be_told(start):
    done, installs = start("setup.sh", uv=0, PIP_ONLY_BINARY=":none:")
    assert done.returncode == 0, done.stderr
    assert [call[0] for call in installs if f"{ROOT}[cpu]" in call] == ["python"]


@pytest.mark.parametrize("script", ["setup.sh", "setup_lmms.sh"])
def test_locked_is_0_or_1(script, start):
    done, installs = start(script, LOCKED="no")
    assert done.returncode == 1 and not installs
    assert "LOCKED=no: set it to 1 (the locked versions) or 0 (the newest)" in done.stderr


def test_a_python_without_a_lock_is_refused(start):
    done, installs = start("setup.sh", python="3.13")
    assert done.returncode == 1 and not installs
    assert "Python 3.13.1 is not supported; Python 3.10-3.12 is needed" in done.stderr


def test_run_latest_refuses_what_it_does_not_know(tmp_path):
    """Before it makes its environment anew."""
    command = ["bash", str(ROOT / "tests" / "run_latest.sh")]
    result = subprocess.run([*command, "--fast"], cwd=tmp_path, capture_output=True, text=True, timeout=20)
    assert result.returncode == 2 and "--fast: no such option" in result.stderr
    result = subprocess.run([*command, "--help"], cwd=tmp_path, capture_output=True, text=True, timeout=20)
    assert result.returncode == 0 and "bash tests/run_latest.sh" in result.stdout
