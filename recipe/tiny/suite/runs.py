# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Run the methods of a table, several seeds each, and keep what came out.

    care tiny-suite --table main --seeds 0 1 2 3 4 --out runs/suite

All methods start from the same warm-started model and see the same prompts in the same order. Results go to one file,
``<out>/results.jsonl``, a line per run; what is there already is not run again, whichever table asked for it, so an
interrupted table goes on where it was, and with more ``--steps`` a finished run goes on from its last checkpoint. The
table is printed after every run.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from omegaconf import OmegaConf

from recipe.care.config import CareConfig
from recipe.tiny.metrics import metrics_files, read_attempts
from recipe.tiny.overrides import hydra_value
from recipe.tiny.suite.results import Result, add_result, markdown, read_results, summarise
from recipe.tiny.suite.signal import ROLLOUTS, raw_advantages, read_rows, signal_of
from recipe.tiny.suite.tables import TABLES, Method, Table
from recipe.tiny.tasks import TASKS

ROOT = Path(__file__).parents[3]
PROMPTS, GROUP = 16, 8
"""Prompts of a step in the demo, and rollouts of each."""
LATEST = "latest_checkpointed_iteration.txt"
"""Beside a run's checkpoints: the step of the last one, as verl writes it."""
LOOK_EVERY = 10
"""Steps between two looks at the held-out questions."""
TRIES = 2
"""Starts of a run, which resumes where it stopped. verl finds a free port seconds before it listens on it, and now and
then another run beside has taken it by then."""
WARM_START = {"mixed": ("--steps", "2400", "--learning-rate", "5e-4", "--careful-share", "0.7")}
"""Where the warm start needs more than the demo's."""
LEARNING_RATE = {"mixed": 5e-5}
"""Where the updates, of all methods alike, need less than the demo's; see docs/comparing.md."""


@dataclass(frozen=True)
class Settings:
    """What is the same for all runs of a table."""

    out: Path
    task: str
    steps: int
    jobs: int = 1

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"--steps {self.steps}: must be at least 1")
        if self.jobs < 1:
            raise ValueError(f"--jobs {self.jobs}: must be at least 1")

    @property
    def results(self) -> Path:
        """The file of results."""
        return self.out / "results.jsonl"

    @property
    def data(self) -> Path:
        """Questions and the warm-started model."""
        return self.out / f"data_{self.task}"

    @property
    def start(self) -> Path:
        """Held-out accuracy of that model: greedy, so the same for all runs, and one of them looks.

        In the model's folder, because it goes with the model when another one is made.
        """
        return self.data / "model" / "start_accuracy.json"

    @property
    def preparation(self) -> tuple[str, ...]:
        """Arguments for ``recipe.tiny.prepare``."""
        return ("--task", self.task, "--test", "480", *WARM_START.get(self.task, ()))


def prepare(settings: Settings) -> str:
    """Make the questions and the model, unless they are there; returns what identifies them."""
    command = [sys.executable, "-m", "recipe.tiny.prepare", "--out", str(settings.data), *settings.preparation]
    subprocess.run(command, cwd=ROOT, check=True)
    return json.loads((settings.data / "model" / "made_with.json").read_text())["hash"][:12]


def run_table(table: Table, seeds: Sequence[int], settings: Settings) -> None:
    """Run what is missing, seed by seed, so that methods can be compared early."""
    settings.out.mkdir(parents=True, exist_ok=True)
    data = prepare(settings)
    pairs = [(method, seed) for seed in seeds for method in table.methods]
    there = known(settings, data)
    missing = [
        (method, seed) for method, seed in pairs if not any(one.seed == seed and one.is_of(method) for one in there)
    ]
    print(f"{table.name}: {len(pairs) - len(missing)} of {len(pairs)} runs are there", flush=True)
    progress = Progress(table, settings, data, len(missing))
    with ThreadPoolExecutor(settings.jobs) as pool:
        running = [pool.submit(progress.run, method, seed) for method, seed in missing]
        for future in running:
            future.result()


class Progress:
    """Runs of a table, several at a time: keeps each result as soon as it is there, starts none after a failure."""

    def __init__(self, table: Table, settings: Settings, data: str, runs: int) -> None:
        self._table, self._settings, self._data, self._runs = table, settings, data, runs
        self._began, self._done = time.monotonic(), 0
        self._failed, self._lock = threading.Event(), threading.Lock()

    def run(self, method: Method, seed: int) -> None:
        """Run one, unless another has failed meanwhile."""
        if self._failed.is_set():
            return
        try:
            result = _run(method, seed, self._settings, self._data)
        except BaseException:
            self._failed.set()
            raise
        with self._lock:
            add_result(self._settings.results, result)
            self._done += 1
            print(f"\n{markdown(self._table, known(self._settings, self._data))}", flush=True)
            left = self._runs - self._done
            minutes = (time.monotonic() - self._began) / self._done * left / 60
            print(f"{method.name}, seed {seed}: done; {left} runs left, about {minutes:.0f} minutes", flush=True)


def known(settings: Settings, data: str) -> list[Result]:
    """The results of runs of this length from this start."""
    return [one for one in read_results(settings.results) if (one.data, one.steps) == (data, settings.steps)]


def _run(method: Method, seed: int, settings: Settings, data: str) -> Result:
    folder = folder_of(method, seed, settings, data)
    start = json.loads(settings.start.read_text()) if settings.start.exists() else None
    if _trained(folder) < settings.steps:
        train(method, seed, settings, folder, look_first=start is None)
    rows = [read_rows(folder, step) for step in range(1, settings.steps + 1)]
    care = care_settings(method)
    k = care.k if care.equalize else None
    raw = raw_advantages(itertools.chain.from_iterable(rows), k=k, neg_scale=care.neg_scale)
    signals, steps = [signal_of(one) for one in rows], read_attempts(metrics_files(folder))
    shape = {"prompts": PROMPTS, "group": GROUP}
    result = summarise(method, seed, data, steps, signals, raw, **shape, commit=_commit(), start=start)
    if start is None:
        settings.start.write_text(json.dumps(result.looks[0].accuracy))
    return result


def folder_of(method: Method, seed: int, settings: Settings, data: str) -> Path:
    """Where a run is: a longer one goes on from a shorter one's checkpoint, a shorter one leaves a longer one alone.

    Runs stay, so one from another start, or of a method that meant something else under the same name, is not this one.
    """
    name = f"{settings.task}-{_file_name(method.name)}-{seed}"
    identity = hashlib.sha256(json.dumps([data, method.algorithm, method.overrides]).encode()).hexdigest()[:8]
    folder = settings.out / "runs" / identity / name
    return folder if _trained(folder) <= settings.steps else folder.with_name(f"{name}-{settings.steps}")


def _trained(folder: Path) -> int:
    """The last step of a run that has a checkpoint."""
    latest = folder / "checkpoints" / LATEST
    return int(latest.read_text()) if latest.exists() else 0


def train(method: Method, seed: int, settings: Settings, folder: Path, *, look_first: bool) -> None:
    """Train with one method from one seed, or go on with it."""
    held_out = settings.data / "data" / "test.parquet"
    protocol = [f"trainer.test_freq={LOOK_EVERY}", f"trainer.save_freq={LOOK_EVERY}"]
    protocol.append(f"data.val_files={hydra_value(held_out)}")
    protocol.append(f"trainer.rollout_data_dir={hydra_value(folder / ROLLOUTS)}")
    if settings.task in LEARNING_RATE:
        protocol.append(f"actor_rollout_ref.actor.optim.lr={LEARNING_RATE[settings.task]}")
    protocol.append(f"trainer.val_before_train={look_first}")
    command = ["bash", str(ROOT / "examples" / "run_tiny_vlm_care_cpu.sh"), *protocol, *method.overrides]
    variables = {"METHOD": method.algorithm, "SEED": str(seed), "STEPS": str(settings.steps)}
    paths = {"RUN_DIR": str(folder), "DATA_DIR": str(settings.data), "SKIP_SETUP": "1", "VENV": sys.prefix}
    preparation = {"PREPARATION": " ".join(settings.preparation)}
    environment = {**os.environ, **variables, **paths, **preparation}
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.with_name(f"{folder.name}.log"), "a") as log:
        # In one piece, because another run may print at the same time.
        print(f"{method.name}, seed {seed}: started; its progress is in {log.name}\n", end="", flush=True)
        for _ in range(TRIES):
            run = subprocess.run(command, env=environment, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
            if run.returncode == 0:
                return
    raise SystemExit(
        f"{folder.name} stopped with status {run.returncode}, see {log.name}; start the same command again to go on "
        "from here."
    )


def care_settings(method: Method) -> CareConfig:
    """The settings that shape a subgroup's advantages, as the method sets them or by default."""
    prefix, shaping = "++algorithm.care.", ("k", "neg_scale", "equalize")
    given = [one.removeprefix(prefix) for one in method.overrides if one.startswith(prefix)]
    return CareConfig.from_omegaconf(OmegaConf.from_dotlist([one for one in given if one.split("=")[0] in shaping]))


def _file_name(name: str) -> str:
    """A method's name as part of a path that may stand in a Hydra override, in which "=" may not."""
    return name.replace(", ", "-").replace(" ", "_").replace("=", "_")


def _commit() -> str:
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return described.stdout.strip() or "unknown"


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line; see ``--help``."""
    parser = argparse.ArgumentParser(
        prog="care tiny-suite",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--table", choices=sorted(TABLES), required=True, help="what to compare")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4], help="seeds (default: 0 1 2 3 4)")
    parser.add_argument("--steps", type=int, default=30, help="updates of a run (default: %(default)s)")
    parser.add_argument("--methods", nargs="+", help="run these lines of the table only (default: all)")
    parser.add_argument("--task", choices=sorted(TASKS), default="mixed", help="questions (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=1, help="runs side by side (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "suite", help="where runs and results go")
    options = parser.parse_args(argv)
    settings = Settings(options.out.resolve(), options.task, options.steps, options.jobs)
    table = TABLES[options.table]
    run_table(table if options.methods is None else table.only(options.methods), options.seeds, settings)


if __name__ == "__main__":
    main()
