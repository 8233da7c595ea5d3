# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Real runs of the tiny demo: one prepared model for all tests, and a way to start a run and read what it left.

Most of a short run is processes that start one after another, so two runs side by side take little longer than one:
``pytest -n 2 --dist loadfile --no-loadscope-reorder``, which takes the files in the order given below. What several
tests need is made by the first that asks. A run takes 7 GiB of memory and one on two ranks 10, so two at a time fit in
24 GiB.
"""

import functools
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from filelock import FileLock

from recipe.alarms.table import NAMES
from recipe.replay.records import RolloutRecord, read_record

ROOT = Path(__file__).parents[2]
LONGEST_FIRST = (
    "training",
    "check_gpu",
    "recipe",
    "swap",
    "methods",
    "new_estimator",
    "against_grpo",
    "data_prep",
    "two_nodes",
    "evaluate",
)
"""Files by how long they take, so that no process is left with a long one at the end while the other has none."""
RUN_TIMEOUT_S = 900
REFERENCE_STEPS = 10
QUIET = ("trainer.val_before_train=False", "trainer.test_freq=-1", "trainer.save_freq=-1")
ALARMS_ONLY = {"care/timing_s/alarms", *(f"care/alarm/{name}" for name in NAMES)}
"""What a run of another estimator logs of ours."""
REPAIRS = "+algorithm.care.rgr.fill_to=null"
"""A repair in every mixed group, easy ones too: enough of them for tests to look at."""
KEEPS_EVERYTHING = ("trainer.val_before_train=False", "trainer.test_freq=-1", "trainer.save_freq=1")


def pytest_collection_modifyitems(items):
    """Sort the files; the tests of a file keep their order."""
    names = [f"test_{name}" for name in LONGEST_FIRST]
    items.sort(key=lambda item: names.index(item.path.stem) if item.path.stem in names else -1)


@dataclass(frozen=True)
class Run:
    """A finished or running demo."""

    folder: Path

    @property
    def log(self) -> str:
        return (self.folder / "train.log").read_text(errors="replace")

    def steps(self, attempt: int = 1) -> dict[int, dict[str, float]]:
        """Metrics by step."""
        lines = (self.folder / f"metrics-{attempt}.jsonl").read_text().splitlines()
        return {record["step"]: record["data"] for record in map(json.loads, lines)}

    def rollouts(self, step: int) -> list[dict]:
        """Verl's rollout dump of a step."""
        return [json.loads(line) for line in (self.folder / "rollouts" / f"{step}.jsonl").read_text().splitlines()]

    def prompts(self, step: int) -> Counter:
        """The prompts a step rolled out, with their answers."""
        return Counter((row["input"], row["gts"]) for row in self.rollouts(step))

    def wait_for(self, process: subprocess.Popen, step: int, attempt: int = 1) -> None:
        """Wait until a step has been logged."""
        deadline = time.monotonic() + RUN_TIMEOUT_S
        while time.monotonic() < deadline:
            assert process.poll() is None, self.log[-4000:]
            if (self.folder / f"metrics-{attempt}.jsonl").exists() and step in self.steps(attempt):
                return
            time.sleep(0.5)
        raise AssertionError(f"step {step} was not reached:\n{self.log[-4000:]}")

    def records(self, step: int) -> list[RolloutRecord]:
        """CARE's records of a step."""
        path = self.folder / "records" / f"{step}.jsonl"
        return [read_record(json.loads(line)) for line in path.read_text().splitlines()]


def kill_nine(process: subprocess.Popen) -> None:
    """Kill a run's trainer and its supervisor, which leaves neither a chance to clean up."""
    mine = psutil.Process(process.pid).children(recursive=True)
    # The names first: once their parents are dead, processes vanish while one looks at them.
    names = {one: command_line(one) for one in [psutil.Process(process.pid), *mine]}
    for victim, name in names.items():
        if "main_ppo" in name or "recipe.tiny.run" in name:
            os.kill(victim.pid, signal.SIGKILL)
    # Ray ends its workers itself, but its two agents stay.
    _, alive = psutil.wait_procs(mine, timeout=90)
    assert all("Agent" in names[one] for one in alive), [names[one] for one in alive]
    for one in alive:
        one.kill()


def command_line(process: psutil.Process) -> str:
    """What a process runs, also if it ends meanwhile."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return "ended"


@pytest.fixture(scope="session")
def common(tmp_path_factory) -> Path:
    """A folder for all of pytest's processes."""
    mine = tmp_path_factory.getbasetemp()
    return mine.parent if "PYTEST_XDIST_WORKER" in os.environ else mine


@pytest.fixture(scope="session")
def tiny_data() -> Path:
    """Data and a warm-started model, made as the demo makes them and kept for the next time."""
    out = ROOT / "runs" / "tests" / "tiny_data"
    command = [sys.executable, "-m", "recipe.tiny.prepare", "--out", str(out)]
    out.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(out.with_suffix(".lock")):
        subprocess.run(command, check=True, timeout=900, cwd=ROOT)
    return out


@pytest.fixture(scope="session")
def start_demo(tiny_data):
    """Start the demo script; returns the process and where it writes."""

    def start(folder: Path, *overrides: str, **variables: str) -> tuple[subprocess.Popen, Run]:
        environment = {
            **os.environ,
            "SKIP_SETUP": "1",
            "VENV": sys.prefix,
            "DATA_DIR": str(tiny_data),
            "RUN_DIR": str(folder),
            **variables,
        }
        command = ["bash", str(ROOT / "examples" / "run_tiny_vlm_care_cpu.sh"), *overrides]
        dump = f"trainer.rollout_data_dir={folder / 'rollouts'}"
        process = subprocess.Popen(
            [*command, dump],
            env=environment,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # A shell that starts the tests in the background makes them, and all they start, deaf to Ctrl-C.
            preexec_fn=functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        )
        return process, Run(folder)

    return start


@pytest.fixture(scope="session")
def run_demo(start_demo):
    """Run the demo script to its end; fails with the end of the log if it does not succeed."""

    def run(folder: Path, *overrides: str, **variables: str) -> Run:
        process, result = start_demo(folder, *overrides, **variables)
        output, _ = process.communicate(timeout=RUN_TIMEOUT_S)
        assert process.returncode == 0, f"{output}\n{result.log[-6000:]}"
        print(output)
        return result

    return run


@pytest.fixture(scope="session")
def cached_rollouts(common) -> list[str]:
    """Overrides that cache a run's rollouts of step 1, or replay them in a later run."""
    return [
        f"skip.rollout_tq.dump_dir={common / 'rollout_cache'}",
        # verl files the cache under the experiment's name, so all runs need the same one.
        "trainer.experiment_name=replayed",
        "skip.rollout_tq.enable=True",
        "skip.rollout_tq.steps=[1]",
        "skip.rollout_tq.action=cache",
    ]


@pytest.fixture(scope="session")
def reference(run_demo, cached_rollouts, common) -> Run:
    """An uninterrupted CARE run."""
    folder = common / "reference"
    with FileLock(common / "reference.lock"):
        # The report is the last that a run writes.
        if (folder / "report.json").exists():
            return Run(folder)
        return run_demo(folder, *cached_rollouts, REPAIRS, STEPS=str(REFERENCE_STEPS))


@pytest.fixture(scope="session")
def killed(start_demo, cached_rollouts, reference, common) -> Run:
    """A run that replays the reference's rollouts of step 1, killed with signal 9 after step 2 and not resumed yet."""
    folder = common / "killed"
    with FileLock(common / "killed.lock"):
        if not (folder / "killed").exists():
            process, run = start_demo(folder, *cached_rollouts, REPAIRS, *KEEPS_EVERYTHING, STEPS="50")
            run.wait_for(process, step=2)
            kill_nine(process)
            (folder / "killed").touch()
    return Run(folder)
