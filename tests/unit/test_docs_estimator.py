# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The page on new estimators, tried as it is written. Its run is tests/e2e/test_new_estimator.py."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from recipe.care.errors import CareConfigError
from recipe.estimators import RolloutGroup, registry
from recipe.estimators.group import Need
from recipe.estimators.registry import estimators, find, load
from recipe.replay.command import main
from tests.unit.replay.dumps import group as dumped
from tests.unit.replay.dumps import write

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "new-estimator.md").read_text()
WRITTEN, TRIED = re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S)


@pytest.fixture
def mine(monkeypatch, tmp_path):
    """The page's file, loaded as a run loads it."""
    monkeypatch.setattr(registry, "_ESTIMATORS", dict(estimators()))
    file = tmp_path / "mine.py"
    file.write_text(WRITTEN)
    load(str(file))
    return file


def test_it_has_about_twenty_lines():
    assert len([line for line in WRITTEN.splitlines() if line.strip()]) <= 20


def test_the_group_by_hand_gives_what_the_page_says(mine):
    paths = os.pathsep.join([str(mine.parent), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-c", TRIED], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": paths}
    )
    assert f"It prints `{done.stdout.strip()}`" in PAGE, done.stderr


def test_what_it_makes_of_groups(mine):
    """0.5 less the mean of 1 and 0; the failure's tokens have probability 0.5 each. A failed group has no signal."""
    chosen = find("sure_failures").configured({"scale": 2})
    group = RolloutGroup.of([1, 0], tokens=[1, 1], logp=[-1, -0.6931472])
    assert chosen.advantages(group).ravel().tolist() == pytest.approx([0.5, -0.5])
    assert not chosen.advantages(RolloutGroup.of([0, 0], logp=[-1, -2])).any()


def test_the_error_is_the_one_on_the_page(mine):
    with pytest.raises(CareConfigError) as error:
        find("sure_failures").configured({"scale": -1})
    assert f"`{error.value}`" in PAGE


def test_the_replay_command_reads_records_with_log_probabilities(mine, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    lines = [
        {**row, "care_record": 1, "step": 1, "group": "p", "row": place, "acc": row["score"], "role": "weighed"}
        | {"advantage": 0.0, "tokens": 8, "logp": -2.0 - place}
        for place, row in enumerate(dumped("p", [1.0, 0.0, 0.0]))
    ]
    write(tmp_path / "outputs" / "rollouts" / "1.jsonl", lines)
    (command,) = re.findall(r"^care replay (.*)$", PAGE, re.M)
    assert main(shlex.split(command)) == 0
    assert "sure_failures" in capsys.readouterr().out


def test_the_table_names_what_there_is():
    named = re.findall(r"^\| `(\w+)` \| .* \| arXiv", PAGE, re.M)
    ours = {name for name, one in estimators().items() if one.function.__module__.startswith("recipe.")}
    assert set(named) == ours
    cells = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", PAGE.split("## What it returns")[0], re.M)
    shown = set(re.findall(r"\w+", " ".join(cells)))
    assert {"logp_G", "distance_GG", "think_len_G"} <= shown <= set(dir(RolloutGroup.of([1])))
    assert {f"Need.{need.name}" for need in Need} <= set(re.findall(r"Need\.\w+", PAGE))
