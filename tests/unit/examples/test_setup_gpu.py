# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""``examples/setup.sh gpu`` with stand-ins for the interpreters: what is installed in which order, what may fail."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PIP = """#!/bin/bash
# Stands in for the interpreter of the new environment: notes what pip is asked for, and fails where told to.
[[ "$2" == pip ]] && printf '%s\\n' "${*:4}" >>"$NOTES"
[[ "$2" == verl_ext.checks.doctor ]] && printf 'doctor %s\\n' "${*:3}" >>"$NOTES"
[[ -z $FAIL || "$*" != *"$FAIL"* ]]
"""
BASE = """#!/bin/sh
# Stands in for the interpreter that makes it, which is asked for its version.
[ "$1" != -c ] || echo 3.12
"""


@pytest.fixture
def set_up_gpus(tmp_path):
    """``setup.sh gpu`` with stand-ins for the interpreters; returns what it said and what was asked for, in order."""

    def start(*, fail: str = "", nvcc: bool = True, **variables: str) -> tuple[subprocess.CompletedProcess, list[str]]:
        venv, base, notes, tools = (tmp_path / name for name in ("venv", "base", "notes", "tools"))
        (venv / "bin").mkdir(parents=True, exist_ok=True)
        tools.mkdir(exist_ok=True)
        for file, text in ((venv / "bin" / "python", PIP), (base, BASE), (tools / "nvcc", "#!/bin/sh\n")):
            file.write_text(text)
            file.chmod(0o755)
        if not nvcc:
            (tools / "nvcc").unlink()
        notes.write_text("")
        (venv / ".care-setup").unlink(missing_ok=True)
        # Without a compiler that this machine may have.
        path = f"{tools}:/usr/bin:/bin"
        clean = {name: value for name, value in os.environ.items() if name not in ("EXTRAS", "FLASH_ATTN_WHEEL")}
        ours = {"PYTHON": str(base), "VENV": str(venv), "NOTES": str(notes), "FAIL": fail, "PATH": path}
        command = ["bash", str(ROOT / "examples" / "setup.sh"), "gpu"]
        environment = {**clean, **ours, **variables}
        result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
        return result, notes.read_text().splitlines()

    return start


def _place(asked: list[str], part: str) -> int:
    (place,) = [number for number, one in enumerate(asked) if part in one]
    return place


def test_a_gpu_environment_gets_build_tools_first_and_flash_attn_by_itself(set_up_gpus):
    """In an environment of Python 3.10 or 3.11 neither this package nor flash-attn could be built without isolation."""
    result, asked = set_up_gpus()
    assert result.returncode == 0 and "done: " in result.stdout, result.stderr
    tools, stack, flash = (_place(asked, part) for part in (" wheel ", "[gpu]", "flash-attn=="))
    assert tools < stack < flash < _place(asked, "doctor --quiet --installation")
    assert "--no-build-isolation" in asked[flash] and "-e " not in asked[flash]
    # With the locked tools, which are there by then.
    assert "--no-build-isolation" in asked[stack]


@pytest.mark.parametrize(
    ("circumstances", "said"),
    [
        ({"fail": "flash-attn=="}, "no flash-attn: the build failed"),
        ({"nvcc": False}, "no flash-attn: a build needs nvcc"),
        ({"FLASH_ATTN_WHEEL": "none"}, "no flash-attn: FLASH_ATTN_WHEEL=none"),
        ({"fail": "/no/such.whl", "FLASH_ATTN_WHEEL": "/no/such.whl"}, "/no/such.whl could not be installed"),
    ],
)
def test_without_flash_attn_the_doctor_has_its_say_all_the_same(circumstances, said, set_up_gpus):
    result, asked = set_up_gpus(**circumstances)
    assert result.returncode == 0 and said in result.stdout and "ATTENTION=sdpa" in result.stdout, result.stderr
    assert "doctor --quiet --installation" in asked[-1]


def test_a_wheel_of_flash_attn_is_taken(set_up_gpus):
    result, asked = set_up_gpus(nvcc=False, FLASH_ATTN_WHEEL="/wheels/flash.whl")
    assert result.returncode == 0 and "/wheels/flash.whl" in asked[_place(asked, "flash")]


@pytest.mark.parametrize("script", ["examples/check_gpu.sh", "tests/run_gpu_pins.sh"])
def test_help_of_the_gpu_scripts(script):
    done = subprocess.run(["bash", str(ROOT / script), "--help"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0 and f"bash {script}" in done.stdout and "set -euo" not in done.stdout


def test_the_pins_run_refuses_what_it_does_not_know():
    command = ["bash", str(ROOT / "tests" / "run_gpu_pins.sh"), "--fsat"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert done.returncode == 2 and "no such option" in done.stderr and "--fast" in done.stderr
