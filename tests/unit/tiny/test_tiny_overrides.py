# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Paths in overrides: Hydra reads back what was meant, whether the shell or Python wrote it."""

import subprocess
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser

from recipe.tiny import run
from recipe.tiny.overrides import hydra_value
from recipe.tiny.suite import runs
from recipe.tiny.suite.tables import Method

COMMON = Path(__file__).parents[3] / "examples" / "lib" / "common.sh"
PLAIN = ["/data/train.parquet", "Qwen/Qwen2.5-VL-7B-Instruct", "a_b.c/d:e@f%g+h-i"]
ODD = [
    "/data/lr=1e-6/model",
    "a b,c/t.parquet",
    "sp dir (1)/x",
    "~/{a}",
    "/with [b]",
    "it's",
    "\\'",
    "end\\",
    "a\\b",
    'q"q',
]


def _shell(values):
    script = f'source "{COMMON}"; for value; do hydra_value "$value"; echo; done'
    done = subprocess.run(["bash", "-c", script, "_", *values], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_hydra_reads_back_what_was_written():
    parser = OverridesParser.create()
    written = [hydra_value(value) for value in (*PLAIN, *ODD)]
    assert [parser.parse_override(f"key={one}").value() for one in written] == [*PLAIN, *ODD]
    assert written[: len(PLAIN)] == PLAIN
    assert _shell([*PLAIN, *ODD]) == written


def test_a_list_of_the_user_stays_a_list():
    lists = ["[a.parquet,b.parquet]", '["console","tensorboard"]']
    assert _shell(lists) == lists


def _read(command):
    overrides = OverridesParser.create().parse_overrides([one for one in command if "=" in one])
    return {one.key_or_group: one.value() for one in overrides}


def test_a_run_of_the_suite_may_be_anywhere(tmp_path, monkeypatch):
    commands = []

    def note(command, **_):
        commands.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(runs.subprocess, "run", note)
    settings = runs.Settings(tmp_path / "a, b (1)", "count", 4)
    folder = settings.out / "run"
    runs.train(Method("base", "grpo"), 0, settings, folder, look_first=True)
    read = _read(commands[0])
    assert read["data.val_files"] == str(settings.data / "data" / "test.parquet")
    assert read["trainer.rollout_data_dir"] == str(folder / "rollouts")


def test_a_run_of_the_demo_may_be_anywhere(tmp_path, monkeypatch):
    commands = []

    class Trainer:
        returncode = 0

        def __init__(self, command, **_):
            commands.append(command)

    monkeypatch.setattr(run.subprocess, "Popen", Trainer)
    for name in ("adopt_orphans", "follow", "stop_everything"):
        monkeypatch.setattr(run, name, lambda *_: None)
    folder = tmp_path / "a=b (1)"
    folder.mkdir()
    assert run.train(folder, ["trainer.nnodes=1"]) == 0
    key = "ray_kwargs.ray_init.runtime_env.env_vars.VERL_FILE_LOGGER_PATH"
    assert _read(commands[0])[key] == str(folder / "metrics-1.jsonl")
