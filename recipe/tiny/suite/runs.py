# Copyright 2026 The CARE-verl authors
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""Run the methods of a table on the tiny task, each with several seeds, through the demo's own script.

    python -m recipe.tiny.suite.runs --table rgr --seeds 0 1 2 --out runs/suite

All methods start from the same warm-started model and see the same prompts in the same order. Results go to one file,
``<out>/results.jsonl``, a line per run; what is there already is not run again, so an interrupted table goes on where
it was. The table is printed after every run.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recipe.tiny.metrics import read_attempts
from recipe.tiny.suite.results import Result, add_result, markdown, read_results, summarise
from recipe.tiny.suite.tables import TABLES, Method, Table

ROOT = Path(__file__).parents[3]
ROLLOUTS = 16 * 8
"""Rows of a step in the demo: prompts x rollouts."""


@dataclass(frozen=True)
class Settings:
    """What is the same for all runs of a table."""

    out: Path
    data: Path
    steps: int
    overrides: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"--steps {self.steps}: must be at least 1")

    @property
    def results(self) -> Path:
        """The file of results."""
        return self.out / "results.jsonl"


def run_table(table: Table, seeds: Sequence[int], settings: Settings) -> None:
    """Run what is missing, seed by seed, so that methods can be compared early."""
    settings.out.mkdir(parents=True, exist_ok=True)
    pairs = [(method, seed) for seed in seeds for method in table.methods]
    missing = [pair for pair in pairs if not _is_done(table, *pair, settings)]
    print(f"{table.name}: {len(pairs) - len(missing)} of {len(pairs)} runs are there", flush=True)
    began = time.monotonic()
    for number, (method, seed) in enumerate(missing, start=1):
        add_result(settings.results, _run(table, method, seed, settings))
        left = (time.monotonic() - began) / number * (len(missing) - number)
        print(f"\n{markdown(table, _of(table, settings))}\n{method.name}, seed {seed}: done", flush=True)
        print(f"{len(missing) - number} runs left, about {left / 60:.0f} minutes", flush=True)


def _is_done(table: Table, method: Method, seed: int, settings: Settings) -> bool:
    wanted = (method.name, seed, settings.steps, _overrides(method, settings))
    return any((one.method, one.seed, one.steps, one.overrides) == wanted for one in _of(table, settings))


def _of(table: Table, settings: Settings) -> list[Result]:
    return [one for one in read_results(settings.results) if one.table == table.name and one.steps == settings.steps]


def _overrides(method: Method, settings: Settings) -> tuple[str, ...]:
    return (*method.overrides, *settings.overrides)


def _run(table: Table, method: Method, seed: int, settings: Settings) -> Result:
    name = f"{table.name}-{method.name.replace(', ', '-').replace(' ', '_')}-{seed}"
    folder = settings.out / name
    held_out = settings.data / "data" / "test.parquet"
    protocol = [f"data.val_files={held_out}", f"trainer.test_freq={settings.steps}", "trainer.save_freq=20"]
    command = ["bash", str(ROOT / "examples" / "run_tiny_vlm_care_cpu.sh"), *protocol, *_overrides(method, settings)]
    variables = {"ALGO": method.algorithm, "SEED": str(seed), "STEPS": str(settings.steps)}
    paths = {"RUN_DIR": str(folder), "DATA_DIR": str(settings.data), "SKIP_SETUP": "1", "VENV": sys.prefix}
    status = subprocess.run(command, env={**os.environ, **variables, **paths}, cwd=ROOT).returncode
    if status:
        raise SystemExit(f"{name} stopped with status {status}; start the same command again to go on from here.")
    files = sorted(folder.glob("metrics-*.jsonl"), key=lambda path: int(path.stem.split("-")[1]))
    steps = read_attempts(files)
    shutil.rmtree(folder / "checkpoints")
    return summarise(table.name, method.name, seed, steps, ROLLOUTS, _overrides(method, settings), _commit())


def _commit() -> str:
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return described.stdout.strip() or "unknown"


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line; see ``--help``."""
    parser = argparse.ArgumentParser(
        prog="python -m recipe.tiny.suite.runs",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--table", choices=sorted(TABLES), required=True, help="what to compare")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="seeds (default: 0 1 2)")
    parser.add_argument("--steps", type=int, default=40, help="updates of a run (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "suite", help="where runs and results go")
    parser.add_argument(
        "--data", type=Path, default=ROOT / "runs" / "tiny_data_qwen2_5_vl", help="the demo's data and model"
    )
    parser.add_argument("--override", action="append", default=[], help="verl override for every run; repeatable")
    options = parser.parse_args(argv)
    settings = Settings(options.out.resolve(), options.data.resolve(), options.steps, tuple(options.override))
    run_table(TABLES[options.table], options.seeds, settings)
    print(markdown(TABLES[options.table], _of(TABLES[options.table], settings)))


if __name__ == "__main__":
    main()
