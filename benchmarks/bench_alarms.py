# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Make runs sick on purpose, ten ways, through the whole stack, and see which alarms they raise.

    python benchmarks/bench_alarms.py --list
    python benchmarks/bench_alarms.py --kinds learning_rate --seeds 0      # minutes a run, on the CPU
    python benchmarks/bench_alarms.py                                      # all kinds, two seeds each
    python benchmarks/bench_alarms.py --report                             # the alarms of the runs that are there
    python benchmarks/bench_alarms.py --cost runs/tiny_qwen2_5_vl_care       # what the watchers cost
    python benchmarks/bench_alarms.py --healthy runs/suite/runs/*/*        # those of runs that nothing is wrong with

A run is the tiny demo with one fault. It stays in ``--out`` and is not run again; ``care watch`` reads its metrics and
its dump, as it would those of any run.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recipe.alarms.groups import Row, group_facts
from recipe.alarms.log import RunLog, find_run
from recipe.alarms.step import Step
from recipe.alarms.watch import Alarm, Watch

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "results" / "results.jsonl"
REWARDS = ROOT / "benchmarks" / "sick_rewards.py"
WITHIN = 15
"""Steps of a run: the right alarm has to come by then."""


@dataclass(frozen=True)
class Sickness:
    """One fault.

    Attributes:
        name: What it is called.
        expects: The alarm that names it.
        overrides: What it changes in the demo.
        method: ``METHOD`` of the demo script.
        preparation: Arguments for ``recipe.tiny.prepare`` where the fault is in the data.
        train: The task whose questions are trained on, where it is not the one the policy knows.
    """

    name: str
    expects: str
    overrides: tuple[str, ...] = ()
    method: str = "grpo"
    preparation: tuple[str, ...] = ()
    train: str = "count_add"


def _reward(name: str) -> tuple[str, ...]:
    return (f"reward.custom_reward_function.path={REWARDS}", f"reward.custom_reward_function.name={name}")


SICKNESSES: tuple[Sickness, ...] = (
    Sickness("learning_rate", "policy_broken", ("actor_rollout_ref.actor.optim.lr=1e-2",)),
    Sickness("verifier_times_out", "verifier_fails", _reward("times_out"), method="care"),
    Sickness("format_only", "verifier_contradicts", _reward("format_only")),
    Sickness("false_positives", "verifier_contradicts", _reward("false_positives")),
    Sickness("images_dropped", "images_missing", ("data.image_key=no_such_column",)),
    Sickness(
        "gamma_at_short_lengths",
        "rationale_uncredited",
        ("algorithm.care.regions.gamma_pos=0.005", "algorithm.care.regions.rationale_share=null"),
        method="care_no_rgr",
    ),
    Sickness("two_rollouts_on_hard_data", "groups_all_wrong", ("actor_rollout_ref.rollout.n=2",), train="perimeter"),
    Sickness("easy_data", "groups_all_right", preparation=("--careful-share", "1.0", "--steps", "400")),
    Sickness("rollout_not_synced", "rollout_apart", ("actor_rollout_ref.rollout.load_format=dummy",)),
    Sickness("length_rewarded", "length_inflation", _reward("length")),
)


def folder_of(kind: Sickness, seed: int, out: Path) -> Path:
    """Where a run is."""
    return out / "sick" / f"{kind.name}-{seed}"


def train(kind: Sickness, seed: int, out: Path, steps: int) -> int:
    """Run one, unless it is there; returns the script's exit status."""
    folder = folder_of(kind, seed, out)
    if (folder / "rollouts" / f"{steps}.jsonl").exists():
        return 0
    folder.mkdir(parents=True, exist_ok=True)
    data = out / "_".join(["data", *(one.strip("-") for one in kind.preparation)])
    overrides = [f"trainer.rollout_data_dir={folder / 'rollouts'}", "trainer.val_before_train=False"]
    overrides += ["trainer.test_freq=5", "trainer.save_freq=-1", *kind.overrides]
    if kind.train != "count_add":
        other = out / f"questions_{kind.train}"
        _prepare_questions(kind.train, other)
        overrides += [f"data.train_files={other}/train.parquet", f"data.val_files={other}/val.parquet"]
    settings = {"METHOD": kind.method, "SEED": str(seed), "STEPS": str(steps), "RUN_DIR": str(folder)}
    places = {"DATA_DIR": str(data), "SKIP_SETUP": "1", "VENV": sys.prefix}
    environment = {**os.environ, **settings, **places, "PREPARATION": " ".join(kind.preparation)}
    command = ["bash", str(ROOT / "examples" / "run_tiny_vlm_care_cpu.sh"), *overrides]
    with open(folder / "progress.log", "a") as log:
        return subprocess.run(command, env=environment, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT).returncode


def _prepare_questions(task: str, folder: Path) -> None:
    """Questions that the warm-started policy has never seen the like of."""
    from recipe.tiny.dataset import DataSettings
    from recipe.tiny.prepare import prepare_data

    prepare_data(folder, DataSettings(task, train=512, val=64, test=64, seed=0))


def alarms_of(run: Path) -> tuple[int, list[Alarm]]:
    """Steps of a run, and its alarms by ``care watch``."""
    log, watch = RunLog(find_run(run)), Watch()
    for step in log.new_steps():
        watch.add(step)
    return log.steps, watch.alarms


def report(out: Path) -> None:
    """A table of the sick runs that are there."""
    print("| kind | seed | steps | alarms (step) | the right one |")
    print("|---|---|---|---|---|")
    for kind in SICKNESSES:
        for folder in sorted((out / "sick").glob(f"{kind.name}-*")):
            steps, alarms = alarms_of(folder)
            told = ", ".join(f"`{one.name}` ({one.raised})" for one in alarms) or "none"
            right = any(one.name == kind.expects and one.raised <= WITHIN for one in alarms)
            print(f"| {kind.name} | {folder.name.rpartition('-')[2]} | {steps} | {told} | {'yes' if right else 'no'} |")


def report_healthy(runs: Sequence[Path]) -> None:
    """The alarms of the committed series, which have a few metrics only, and of whole runs."""
    raised: Counter[str] = Counter()
    results = [json.loads(line) for line in RESULTS.read_text().splitlines()]
    for result in results:
        watch = Watch()
        for place in range(result["steps"]):
            metrics = {name: values[place] for name, values in result["series"].items() if values[place] is not None}
            watch.add(Step(place + 1, metrics))
        raised.update(one.name for one in watch.alarms)
    print(f"{len(results)} series of {RESULTS.relative_to(ROOT)}: {dict(raised) or 'no alarms'}")
    for run in runs:
        steps, alarms = alarms_of(run)
        print(f"{run}, {steps} steps: {', '.join(f'{one.name} ({one.raised})' for one in alarms) or 'no alarms'}")


def cost(run: Path, prompts: int = 512, rollouts: int = 8) -> None:
    """Seconds a step: the watchers over a run's metrics, and laying a large step's rollouts side by side."""
    steps, watch = list(RunLog(find_run(run)).new_steps()), Watch()
    began = time.process_time()
    for step in steps:
        watch.add(step)
    print(f"{run}: {(time.process_time() - began) / len(steps) * 1e6:.0f} microseconds a step of {len(steps)}")
    seconds = statistics.median(step.metrics["timing_s/step"] for step in steps)
    print(f"median step: {seconds:.1f} s")
    rows = [
        Row(
            str(prompt), reward=float(place % 2), acc=float(place % 2), verified=True, format=1.0, answer=str(place % 5)
        )
        for prompt in range(prompts)
        for place in range(rollouts)
    ]
    began = time.process_time()
    group_facts(rows)
    print(f"groups of {prompts} x {rollouts} rollouts: {(time.process_time() - began) * 1e3:.1f} milliseconds")


def main(argv: Sequence[str] | None = None) -> None:
    """Command line."""
    names = [kind.name for kind in SICKNESSES]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", nargs="+", choices=names, default=names, metavar="KIND", help="default: all")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1], help="default: 0 1")
    parser.add_argument("--steps", type=int, default=WITHIN, help="of a run (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "alarms", help="where runs and data go")
    parser.add_argument("--report", action="store_true", help="run nothing: the alarms of the sick runs in --out")
    parser.add_argument("--healthy", nargs="*", type=Path, metavar="RUN", help="run nothing: the alarms of these runs")
    parser.add_argument("--cost", type=Path, metavar="RUN", help="run nothing: what the watchers cost on this run")
    parser.add_argument("--list", action="store_true", help="say what there is, and run nothing")
    options = parser.parse_args(argv)
    if options.report:
        report(options.out.resolve())
        return
    if options.cost is not None:
        cost(options.cost)
        return
    if options.healthy is not None:
        report_healthy(options.healthy)
        return
    if options.list:
        for kind in SICKNESSES:
            print(f"{kind.name:28} {kind.expects:24} {kind.method:12} {' '.join((*kind.preparation, *kind.overrides))}")
        return
    for seed in options.seeds:
        for kind in SICKNESSES:
            if kind.name in options.kinds:
                status = train(kind, seed, options.out.resolve(), options.steps)
                print(f"{kind.name}, seed {seed}: status {status}", flush=True)


if __name__ == "__main__":
    main()
