# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Run stock ``python -m verl.trainer.main_ppo`` for the tiny demo: progress, a clean stop, a report and a picture.

    care tiny-run --run-dir runs/tiny_care --label care -- OVERRIDES...

leaves in the run folder: ``train.log`` (everything the processes printed), ``metrics-<attempt>.jsonl`` (verl's file
logger, one file per attempt, a resumed run being a new attempt), ``cpu-<attempt>.jsonl`` (CPU seconds by kind of
process after each step), ``curves.png``, ``report.json``, ``checkpoints/``, and where rollouts were recorded
``report.html`` (``care report``).
Ctrl-C stops the trainer and every process it started; running the same command again resumes.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from recipe.tiny.cpu_seconds import Sample
from recipe.tiny.metrics import Step, metrics_files, read_attempts
from recipe.tiny.overrides import hydra_value

PR_SET_CHILD_SUBREAPER = 36
POLL_S = 0.5
STOP_PATIENCE_S = 20.0


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the trainer's exit status."""
    parser = argparse.ArgumentParser(
        prog="care tiny-run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run-dir", type=Path, required=True, help="where everything of this run goes")
    parser.add_argument("--label", required=True, help="name of the method, for the report and the picture")
    parser.add_argument("overrides", nargs="+", help="verl overrides, after --")
    options = parser.parse_args(argv)
    run_dir: Path = options.run_dir.resolve()
    run_dir.mkdir(parents=True, exist_ok=True)
    status = train(run_dir, options.overrides)
    if status != 0:
        print(
            f"{options.label}: stopped with status {status}; the log is {run_dir / 'train.log'}, which ends with",
            file=sys.stderr,
        )
        print(_tail(run_dir / "train.log"), file=sys.stderr)
        print("Running the same command again resumes from the last checkpoint.", file=sys.stderr)
        return status
    report_run(run_dir, options.label)
    return 0


def train(run_dir: Path, overrides: Sequence[str]) -> int:
    """Train once, showing how it goes; returns the trainer's exit status."""
    attempt = len(metrics_files(run_dir)) + 1
    metrics_file, cpu_file = (run_dir / f"{name}-{attempt}.jsonl" for name in ("metrics", "cpu"))
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    # Not in the environment: a cluster that is there already would not pass it on.
    logged = f"+ray_kwargs.ray_init.runtime_env.env_vars.VERL_FILE_LOGGER_PATH={hydra_value(metrics_file)}"
    command = [sys.executable, "-m", "verl.trainer.main_ppo", *overrides, logged]
    adopt_orphans()
    print(f"training; the full log is {run_dir / 'train.log'}", flush=True)
    with open(run_dir / "train.log", "ab") as log:
        # A session of its own: Ctrl-C in the terminal then reaches only this process, which stops the rest in order.
        trainer = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, env=environment, start_new_session=True
        )
    stops = [signal.signal(number, _raise_interrupt) for number in (signal.SIGTERM, signal.SIGHUP)]
    try:
        follow(trainer, metrics_file, cpu_file)
    except KeyboardInterrupt:
        print("\nstopping", flush=True)
        trainer.send_signal(signal.SIGINT)
    finally:
        stop_everything(trainer)
        for number, handler in zip((signal.SIGTERM, signal.SIGHUP), stops, strict=True):
            signal.signal(number, handler)
    return trainer.returncode


def _tail(log: Path, lines: int = 8) -> str:
    """The last lines of a log, indented."""
    with open(log, "rb") as file:
        file.seek(max(0, log.stat().st_size - 16_384))
        text = file.read().decode(errors="replace")
    return "\n".join(f"  {line}" for line in text.splitlines()[-lines:])


def _raise_interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def adopt_orphans() -> None:
    """Become the parent of every process whose own parent dies, so that none of Ray's or vLLM's is lost sight of."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def follow(trainer: subprocess.Popen[bytes], metrics_file: Path, cpu_file: Path) -> None:
    """Print a line per step until the trainer ends, and keep what its processes cost."""
    printed = 0
    began = time.monotonic()
    while True:
        ended = trainer.poll() is not None
        steps = read_attempts([metrics_file])
        for step in steps[printed:]:
            print(f"[{time.monotonic() - began:5.0f} s] {step.describe()}", flush=True)
        if len(steps) > printed and not ended:
            with open(cpu_file, "a") as file:
                file.write(Sample.take(psutil.Process(), steps[-1].number).line())
        printed = len(steps)
        if ended:
            return
        time.sleep(POLL_S)


def stop_everything(trainer: subprocess.Popen[bytes]) -> None:
    """Give the trainer time to end, then end whatever is left of it."""
    try:
        trainer.wait(timeout=STOP_PATIENCE_S)
    except subprocess.TimeoutExpired:
        trainer.kill()
        trainer.wait()
    for kill in (psutil.Process.terminate, psutil.Process.kill):
        left = psutil.Process().children(recursive=True)
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):  # it may end by itself meanwhile
                kill(process)
        psutil.wait_procs(left, timeout=5)


def report_run(run_dir: Path, label: str) -> None:
    """Draw the curves of a finished run, write its ``report.json`` last, and say how it went."""
    files = metrics_files(run_dir)
    steps = read_attempts(files)
    validated = [step for step in steps if step.val_accuracy is not None]
    where = f"{_picture(run_dir, label, files)}   checkpoint: {run_dir / 'checkpoints'}"
    report = {
        "label": label,
        "steps": steps[-1].number,
        "val_accuracy_before": validated[0].val_accuracy if validated else None,
        "val_accuracy_after": validated[-1].val_accuracy if validated else None,
        "step_seconds_median": _median([step.seconds for step in steps[1:] if step.seconds is not None]),
    }
    (run_dir / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    pace = f"{report['step_seconds_median']:.2f} s a step (median)"
    print(f"{label}: {_change(validated)}; {pace}.\n{where}")
    if (page := _page(run_dir)) is not None:
        print(page)


def _picture(run_dir: Path, label: str, files: Sequence[Path]) -> str:
    """Draw the curves; says where they are, or why not: a run is not lost for want of a picture."""
    try:
        from recipe.tiny.plot import plot_runs
    except ImportError as error:
        return f"No picture ({error}; pip install matplotlib, then care tiny-plot)."
    plot_runs({label: files}, run_dir / "curves.png")
    return f"Picture: {run_dir / 'curves.png'}"


def _page(run_dir: Path) -> str | None:
    """Write the report of the rollouts; says where it is, or why not, for a run is not lost for want of a page.

    Returns:
        None where the run has recorded no rollouts.
    """
    try:
        # Not before the end: they load torch, and this process stays in memory while a run trains.
        from recipe.report.command import write_report
        from recipe.report.folder import find_run

        if find_run(run_dir).rollouts is None:
            return None
        return write_report([run_dir], run_dir / "report.html")
    except Exception as error:  # whatever it is: the training is done, and its results are to be told
        return f"No report ({' '.join(str(error).split())}); care report {run_dir} writes it."


def _change(validated: Sequence[Step]) -> str:
    """How validation accuracy went, in words."""
    accuracies = [step.val_accuracy for step in validated if step.val_accuracy is not None]
    if not accuracies:
        return "not validated"
    before, after = accuracies[0], accuracies[-1]
    return (
        f"validation accuracy {before:.3f} before (step {validated[0].number}), {after:.3f} after "
        f"(step {validated[-1].number}): {100 * (after - before):+.1f} points"
    )


def _median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    return ordered[len(ordered) // 2] if ordered else float("nan")


if __name__ == "__main__":
    sys.exit(main())
