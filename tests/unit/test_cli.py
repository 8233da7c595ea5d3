# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The command ``care``: its table leads to what it says, and costs nothing before a command is called."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from recipe.cli import COMMANDS, main

ROOT = Path(__file__).parents[2]


def care(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "COLUMNS": "200"}
    command = [sys.executable, "-W", "ignore", "-m", "recipe.cli", *arguments]
    return subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, timeout=120)


def test_every_command_is_a_module_that_can_be_run():
    for command in COMMANDS.values():
        spec = importlib.util.find_spec(command.module)
        assert spec is not None, command.name
        if spec.submodule_search_locations is not None:
            assert importlib.util.find_spec(f"{command.module}.__main__") is not None, command.name


def test_help_lists_every_command(capsys):
    assert main(["--help"]) == 0
    listed = capsys.readouterr().out
    for command in COMMANDS.values():
        assert f"  {command.name} " in listed and command.purpose in listed


def test_help_imports_none_of_the_tools():
    program = (
        "import sys, recipe.cli; recipe.cli.main(['--help']); "
        "heavy = {'torch', 'verl', 'ray', 'numpy', 'pandas', 'transformers', 'omegaconf'} & set(sys.modules); "
        "sys.exit(repr(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


# The others open their help from a script that documents them, or import verl, which takes seconds.
@pytest.mark.parametrize(
    "name", ["lock", "memory", "record", "mix", "view", "data-own", "verify", "card", "tiny-suite"]
)
def test_a_command_speaks_under_its_own_name(name):
    done = care(name, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: care {name} ")


def test_options_and_exit_status_are_the_commands_own(tmp_path):
    done = care("verify", str(tmp_path / "nothing.jsonl"))
    assert done.returncode == 2 and "nothing.jsonl" in done.stderr


def test_a_misspelt_command_gets_one_line():
    done = care("docter")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "care docter: there is no such command; did you mean `care doctor`?\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_every_command(shell, capsys):
    assert main(["completion", shell]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in COMMANDS)
    assert main(["completion", "csh"]) == 2


def test_bash_completes():
    program = f'eval "$({sys.executable} -m recipe.cli completion bash)"; complete -p care'
    done = subprocess.run(["bash", "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "tiny-suite" in done.stdout
