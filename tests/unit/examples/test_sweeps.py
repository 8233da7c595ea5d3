# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Sweep files: every line is valid, a name is one run in all files; and what the launcher runs, skips and refuses."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from recipe.care.config import CareConfig

ROOT = Path(__file__).parents[3]
SWEEPS = sorted((ROOT / "examples" / "sweeps").glob("*.txt"))
TABLES_OF_THE_PAPER = {"main", "selector", "rgr", "subgroup", "anchor", "rescue", "regions"}

# Prints what it was started with; fails where the file `fail` in the working directory names its method.
SCRIPT = """
echo "ran METHOD=$METHOD SEED=$SEED EXPERIMENT=$EXPERIMENT DRY_RUN=$DRY_RUN $*"
[[ $RUN_DIR == "$OUT_DIR" ]]
[[ ! -f fail || $(<fail) != "$METHOD" ]]
"""
SWEEP = """# a comment
one     METHOD=grpo
two     METHOD=dapo  a.b=1   # and why

three   +algorithm.care.k=2"""


@pytest.fixture
def sweep(tmp_path):
    """Run the launcher on a sweep with a script of a few lines in the place of the training script."""
    (tmp_path / "run_some_model_care.sh").write_text(SCRIPT)

    def run(text: str = SWEEP, *arguments: str, **variables: str) -> subprocess.CompletedProcess:
        (tmp_path / "sweep.txt").write_text(text)
        clean = {name: value for name, value in os.environ.items() if name not in ("METHOD", "LORA", "SEEDS")}
        paths = {"SCRIPT": str(tmp_path / "run_some_model_care.sh"), "SWEEP_DIR": str(tmp_path / "out")}
        return subprocess.run(
            ["bash", str(ROOT / "examples" / "run_sweep.sh"), str(tmp_path / "sweep.txt"), *arguments],
            env={**clean, **paths, **variables},
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )

    return run


def _ran(result: subprocess.CompletedProcess) -> list[str]:
    return re.findall(r"^ran (.*?) ?$", result.stdout, re.M)


def _line(name: str, method: str, rest: str = "", *, seed: int = 0, dry_run: int = 0) -> str:
    experiment = f"some_model-{name}-seed{seed}"
    return f"METHOD={method} SEED={seed} EXPERIMENT={experiment} DRY_RUN={dry_run} {rest}".strip()


def test_lines_are_run_in_order_seed_by_seed(sweep, tmp_path):
    result = sweep(SWEEP, "c.d=2", SEEDS="0 3", METHOD="gspo")
    assert result.returncode == 0, result.stderr
    assert _ran(result) == [
        _line(name, method, rest, seed=seed)
        for seed in (0, 3)
        for name, method, rest in (
            ("one", "grpo", "c.d=2"),
            ("two", "dapo", "a.b=1 c.d=2"),
            ("three", "care", "+algorithm.care.k=2 c.d=2"),
        )
    ]
    folders = {path.name for path in (tmp_path / "out" / "some_model").iterdir()}
    assert folders == {f"{name}-seed{seed}" for name in ("one", "two", "three") for seed in (0, 3)}


def test_it_goes_on_where_it_was(sweep, tmp_path):
    (tmp_path / "fail").write_text("dapo")
    result = sweep()
    assert result.returncode == 2 and "two, seed 0 stopped; start the same command again" in result.stderr
    assert len(_ran(result)) == 2
    (tmp_path / "fail").unlink()
    result = sweep()
    assert result.returncode == 0
    assert _ran(result) == [_line("two", "dapo", "a.b=1"), _line("three", "care", "+algorithm.care.k=2")]
    assert "one, seed 0: finished before" in result.stdout
    assert _ran(sweep()) == []
    # Adapters are runs of their own.
    assert len(_ran(sweep(LORA="1"))) == 3


def test_other_settings_under_the_same_name_are_refused(sweep):
    sweep("one METHOD=grpo")
    for result in (sweep("one METHOD=dapo"), sweep("one METHOD=grpo", "a.b=1")):
        assert result.returncode == 2 and _ran(result) == []
        assert "was started with other settings (METHOD=grpo)" in result.stderr


def test_variables_from_outside_are_settings_too(sweep, tmp_path):
    script = tmp_path / "run_some_model_care.sh"
    knobs = ["LR", "MODEL_PATH", "METHOD", "OUT_DIR", "NNODES", "MICRO_TOKENS"]
    script.write_text(SCRIPT + "".join(f"{name}=${{{name}:-x}}\n" for name in knobs))
    first = {"MODEL_PATH": "/a b", "LR": "1e-6"}
    assert len(_ran(sweep("one METHOD=grpo", **first))) == 1
    assert _ran(sweep("one METHOD=grpo", **first)) == []
    for changed in ({"MODEL_PATH": "/c"}, {"LR": "1e-5"}, {}):
        kept = {**first, **changed} if changed else {}
        result = sweep("one METHOD=grpo", **kept)
        assert result.returncode == 2 and _ran(result) == []
        assert r"was started with other settings (METHOD=grpo LR=1e-6 MODEL_PATH=/a\ b)" in result.stderr
    # Where it runs may change, and what the line sets itself does not depend on the outside.
    assert sweep("one METHOD=grpo", **first, NNODES="2", MICRO_TOKENS="8", METHOD="dapo").returncode == 0
    assert len(_ran(sweep("two LR=3"))) == 1
    assert "finished before" in sweep("two LR=3", LR="4").stdout


def test_a_run_that_left_nothing_may_be_corrected(sweep, tmp_path):
    (tmp_path / "fail").write_text("grpo")
    assert sweep("one METHOD=grpo").returncode == 2
    assert len(_ran(sweep("one METHOD=dapo"))) == 1


def test_dry_run_looks_at_every_line_and_leaves_nothing(sweep, tmp_path):
    (tmp_path / "fail").write_text("dapo")
    result = sweep(DRY_RUN="1")
    assert len(_ran(result)) == 3
    assert result.returncode == 2 and "not valid: two, seed 0" in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("one METHOD=grpo\none METHOD=dapo", "one stands there twice"),
        ("one two", "one: 'two' is no setting"),
        ("METHOD=grpo", "'METHOD=grpo' is no name for a run"),
        ("# nothing", "has no line with a run"),
    ],
)
def test_bad_lines_are_named(sweep, text, complaint):
    result = sweep(text)
    assert result.returncode == 2 and complaint in result.stderr
    assert _ran(result) == []


def test_missing_files_are_named_with_what_there_is(sweep, tmp_path):
    command = ["bash", str(ROOT / "examples" / "run_sweep.sh"), "no_such.txt"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 2 and "no_such.txt is not a file" in result.stderr
    assert "examples/sweeps/main.txt" in result.stderr
    result = sweep(SCRIPT="no_such.sh")
    assert result.returncode == 2 and "run_qwen3_vl_8b_care.sh" in result.stderr


def _settings(file: Path) -> dict[str, list[str]]:
    lines = [line.split("#")[0].split() for line in file.read_text().splitlines()]
    return {words[0]: words[1:] for words in lines if words}


def test_every_table_of_the_paper_has_a_sweep():
    assert {file.stem for file in SWEEPS} == TABLES_OF_THE_PAPER


@pytest.mark.parametrize("file", SWEEPS, ids=lambda file: file.stem)
def test_lines_are_valid(file, sweep):
    result = sweep(file.read_text(), DRY_RUN="1")
    assert result.returncode == 0, result.stderr
    settings = _settings(file)
    assert len(_ran(result)) == len(settings) == len({tuple(words) for words in settings.values()})
    for method, *overrides in settings.values():
        assert method in {f"METHOD={name}" for name in ("grpo", "dapo", "gspo", "care_no_rgr", "care")}
        # test_methods.py covers what METHOD sets; here a line adds to algorithm.care only.
        keys = [override.removeprefix("+algorithm.care.") for override in overrides]
        assert all(key != override for key, override in zip(keys, overrides, strict=True))
        changed = CareConfig.from_omegaconf(OmegaConf.from_dotlist(keys))
        assert (changed == CareConfig()) == (not overrides), overrides


def test_a_name_is_the_same_run_in_every_file():
    seen: dict[str, list[str]] = {}
    for file in SWEEPS:
        for name, words in _settings(file).items():
            assert seen.setdefault(name, words) == words, f"{name} in {file.name}"
    assert len(seen) == len({tuple(words) for words in seen.values()})
