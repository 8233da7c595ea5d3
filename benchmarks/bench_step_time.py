# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Step time and memory of GRPO and CARE, with and without their dead rows, in alternating runs of the CPU demo.

    python benchmarks/bench_step_time.py --rounds 3 --steps 10
    python benchmarks/bench_step_time.py --rollouts 16 --methods grpo "care without repairs" care

Each round runs every method once, so a machine that slows down slows all of them. Prints the median step of each method
(the first two steps of a run warm up), its ratio to GRPO's, the parts of a step, the share of generation that was spent
waiting only for repairs, and the peak memory of all processes of a run together (proportional set size).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
METHODS: dict[str, tuple[str, ...]] = {
    "grpo": ("grpo",),
    "grpo, live rows only": ("grpo", "+algorithm.skip_dead_rows=true"),
    "care without repairs": ("care_no_rgr",),
    "care without repairs, all rows": ("care_no_rgr", "+algorithm.care.skip_dead_rows=false"),
    "care": ("care",),
}
"""Name -> ``METHOD`` of the demo script, and further overrides. The first is what the others are compared with."""
PARTS = ("gen", "old_log_prob", "adv", "update_actor")
PROMPTS = 16
"""Of a step of the demo."""
WARM_UP = 2
MEMORY_EVERY_S = 3.0
WAIT = "care/rgr/wait_only_s"


@dataclass(frozen=True)
class Measured:
    """One run: the metrics of its steps after the warm-up, and its memory."""

    steps: list[dict[str, float]]
    peak_gib: float


def measure(method: str, steps: int, rollouts: int, data: Path) -> Measured:
    """Run the demo once.

    Args:
        method: A key of ``METHODS``.
        steps: Steps to measure, after the warm-up.
        rollouts: Rollouts of a prompt.
        data: Where the demo's data and model are or go.
    """
    folder = Path(tempfile.mkdtemp(prefix="care_step_time_"))
    quiet = ["trainer.val_before_train=False", "trainer.test_freq=-1", "trainer.save_freq=-1"]
    name, *overrides = METHODS[method]
    overrides.append(f"actor_rollout_ref.rollout.n={rollouts}")
    variables = {
        "METHOD": name,
        "STEPS": str(WARM_UP + steps),
        "RUN_DIR": str(folder),
        "DATA_DIR": str(data),
    }
    process = subprocess.Popen(
        ["bash", str(ROOT / "examples" / "run_tiny_vlm_care_cpu.sh"), *quiet, *overrides],
        env={**os.environ, "SKIP_SETUP": "1", "VENV": sys.prefix, **variables},
        stdout=subprocess.DEVNULL,
    )
    peak = 0
    while process.poll() is None:
        peak = max(peak, _memory(psutil.Process(process.pid)))
        time.sleep(MEMORY_EVERY_S)
    if process.returncode:
        raise SystemExit(f"{method}: the run failed; see {folder / 'train.log'}")
    records = [json.loads(line) for line in (folder / "metrics-1.jsonl").read_text().splitlines()]
    shutil.rmtree(folder)
    return Measured([record["data"] for record in records if record["step"] > WARM_UP], peak / 2**30)


def _memory(process: psutil.Process) -> int:
    """Proportional set size of a process and everything below it, in bytes."""
    total = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        for one in [process, *process.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):  # it may end meanwhile
                total += one.memory_full_info().pss
    return total


def report(results: Mapping[str, Sequence[Measured]]) -> str:
    """The table."""
    first = next(iter(results))
    lines = [f"{'':32}{'step':>8}{'ratio':>8}" + "".join(f"{part:>14}" for part in PARTS) + f"{'peak GiB':>10}"]
    baseline = _median(results[first], "timing_s/step")
    for method, runs in results.items():
        step = _median(runs, "timing_s/step")
        parts = "".join(f"{_median(runs, f'timing_s/{part}'):13.2f}s" for part in PARTS)
        peak = max(run.peak_gib for run in runs)
        lines.append(f"{method:32}{step:7.2f}s{step / baseline:8.3f}{parts}{peak:10.1f}")
        rounds = [_median([run], "timing_s/step") for run in runs]
        lines.append(f"{'':32}by round: " + ", ".join(f"{seconds:.2f} s" for seconds in rounds))
    if repaired := results.get("care"):
        waited = _total(repaired, WAIT) / _total(repaired, "timing_s/gen")
        lines.append(f"generation spent waiting only for repairs: {waited:.1%}")
    return "\n".join(lines)


def _values(runs: Sequence[Measured], name: str) -> list[float]:
    return [step[name] for run in runs for step in run.steps]


def _median(runs: Sequence[Measured], name: str) -> float:
    return statistics.median(_values(runs, name))


def _total(runs: Sequence[Measured], name: str) -> float:
    return sum(_values(runs, name))


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line; see ``--help``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2, help="runs of each method (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=10, help="measured steps of a run (default: %(default)s)")
    parser.add_argument("--data", type=Path, default=ROOT / "runs" / "tiny_data_qwen2_5_vl", help="the demo's data")
    parser.add_argument("--rollouts", type=int, default=8, help="rollouts of a prompt, G (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="add a line for each run to this file, for simulate_step.py")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS), help="(default: all)")
    options = parser.parse_args(argv)
    results: dict[str, list[Measured]] = {method: [] for method in options.methods}
    for number in range(options.rounds):
        for method, runs in results.items():
            runs.append(measure(method, options.steps, options.rollouts, options.data))
            seconds = _median(runs[-1:], "timing_s/step")
            if options.json is not None:
                record = {"method": method, "rollouts": options.rollouts, "prompts": PROMPTS, "steps": runs[-1].steps}
                with open(options.json, "a") as file:
                    file.write(json.dumps(record) + "\n")
            print(f"round {number + 1} of {options.rounds}: {method:32}{seconds:6.2f} s a step", flush=True)
    print(report(results))


if __name__ == "__main__":
    main()
