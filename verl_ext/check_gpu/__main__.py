# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Command line of the check; see ``--help`` and the package's docstring."""

from __future__ import annotations

import argparse
import importlib.util
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from verl_ext.check_gpu.report import Report, Stage, State
from verl_ext.check_gpu.runs import OutOfTimeError, adopt_orphans, kill_everything
from verl_ext.check_gpu.settings import SIZES, Plan
from verl_ext.check_gpu.stages import Found, NotPossibleError, Stages, device_name
from verl_ext.checks.record import attempt
from verl_ext.cpu.detect import runs_without_accelerator

LEAST_S = 20.0
"""A stage is not begun with less time than this."""

Work = Callable[[Found, float], None]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stages; returns 1 if one failed."""
    options = _parser().parse_args(argv)
    plan = make_plan(options.size, options.out.resolve(), options.rounds)
    if plan.out.exists() and any(plan.out.iterdir()):
        print(f"--out {plan.out}: is not empty; move it away or name another folder (OUT)", file=sys.stderr)
        return 2
    plan.out.mkdir(parents=True, exist_ok=True)
    adopt_orphans()
    # Also where a batch system ends it, no process of verl's is to stay.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return check(plan, options.minutes, options.ranks)
    finally:
        kill_everything()


def check(plan: Plan, minutes: float, ranks: int) -> int:
    """Do the stages and write the report after each."""
    began = time.monotonic()
    deadline = began + 60 * minutes
    stages = Stages(plan, deadline)
    start = attempt()
    report = Report(plan.size, device_name(plan), start.versions, start.commit + (" +" if start.changed else ""), 0.0)
    work: list[tuple[str, Work | str]] = [
        ("doctor", stages.doctor),
        ("model and questions", stages.model),
        ("methods in turn, and a kill", stages.measure),
        ("the same computed again", stages.reference),
        ("resume", stages.resume),
        ("GRPO without the plugin", stages.stock),
        ("more ranks", partial(stages.ranks, ranks=ranks) if ranks > 1 else "there is one GPU"),
    ]
    for name, do in work:
        stage = Stage(name, State.SKIPPED, 0.0, note=do) if isinstance(do, str) else run_stage(name, do, deadline)
        report.stages.append(stage)
        report.methods, report.minutes = stages.methods, (time.monotonic() - began) / 60
        report.write(plan.out)
        print(f"[{time.monotonic() - began:4.0f} s] {name}: {stage.state.value}", flush=True)
        for check in stage.checks:
            print(f"         {'ok    ' if check.passed else 'FAILED'} {check.name}: {check.figure}", flush=True)
    print(f"{report.verdict()} {plan.out / 'report.md'}")
    return 1 if report.failed else 0


def run_stage(name: str, do: Work, deadline: float) -> Stage:
    """Do one stage in the time that is left; what goes wrong is part of what was found."""
    began = time.monotonic()
    found, state, note = Found([], []), State.PASSED, ""
    if deadline - began < LEAST_S:
        return Stage(name, State.OUT_OF_TIME, 0.0, note="not begun")
    try:
        do(found, deadline - began)
    except (OutOfTimeError, subprocess.TimeoutExpired) as error:
        state, note = State.OUT_OF_TIME, str(error)
    except NotPossibleError as error:
        return Stage(name, State.SKIPPED, 0.0, note=str(error))
    except Exception:
        state, note = State.FAILED, traceback.format_exc()[-4000:]
    if not all(check.passed for check in found.checks):
        state = State.FAILED
    return Stage(name, state, time.monotonic() - began, tuple(found.checks), tuple(found.figures), note)


def make_plan(size: str, out: Path, rounds: int) -> Plan:
    """The plan for this machine."""
    import torch

    on_gpu = torch.cuda.is_available() and not runs_without_accelerator()
    packed = on_gpu and importlib.util.find_spec("flash_attn") is not None
    return Plan(size, out, rounds, on_gpu, packed)


def _gpus_for_ranks() -> int:
    import torch

    return min(2, torch.cuda.device_count()) if not runs_without_accelerator() else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="care check-gpu",
        description="Does CARE work on this machine, and what does it cost? Needs no download.",
    )
    add = parser.add_argument
    add("--size", choices=SIZES, required=True, help="of the model: tiny is for machines without a GPU")
    add("--out", type=Path, required=True, help="empty or new folder for the report and all else")
    add("--minutes", type=float, default=15.0, help="what is not done then is left out (default: %(default)s)")
    add("--rounds", type=int, default=2, help="measured steps of each method (default: %(default)s)")
    add("--ranks", type=int, default=_gpus_for_ranks(), help="of the last stage (default: 2, or 1 and no such stage)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
