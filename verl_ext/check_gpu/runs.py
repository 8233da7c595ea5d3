# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Starts verl, follows it, and leaves no process behind, however it ends."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
CPU_STACK = ROOT / "examples" / "lib" / "cpu_stack.sh"
PR_SET_CHILD_SUBREAPER = 36
POLL_S = 0.5


class RunError(RuntimeError):
    """A run that ended before it had done what was wanted of it; the text ends with its log."""


class OutOfTimeError(RuntimeError):
    """The time that was given is over."""


def adopt_orphans() -> None:
    """Become the parent of every process whose own parent dies, so that none of Ray's or vLLM's is lost sight of."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def kill_everything() -> None:
    """Kill all processes below this one, without giving them a chance to clean up."""
    for _ in range(3):
        left = psutil.Process().children(recursive=True)
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        psutil.wait_procs(left, timeout=10)


@dataclass(frozen=True)
class Run:
    """A started run of verl.

    Attributes:
        process: The trainer.
        log: What it and its workers print.
        metrics: verl's metrics, a line a step.
        deadline: When it is to have ended, on the monotonic clock.
    """

    process: subprocess.Popen[bytes]
    log: Path
    metrics: Path
    deadline: float

    def steps(self) -> dict[int, dict[str, float]]:
        """The metrics so far, by step; a line that is still being written is left for later."""
        if not self.metrics.exists():
            return {}
        lines = [line for line in self.metrics.read_text().splitlines(keepends=True) if line.endswith("\n")]
        return {record["step"]: record["data"] for record in map(json.loads, lines)}

    def wait_for(self, step: int) -> None:
        """Wait until a step has been logged."""
        while step not in self.steps():
            if self.process.poll() is not None:
                raise RunError(f"it ended with status {self.process.returncode} before step {step}:\n{self._tail()}")
            self._sleep()

    def finish(self) -> None:
        """Wait for the end."""
        while self.process.poll() is None:
            self._sleep()
        if self.process.returncode:
            raise RunError(f"it ended with status {self.process.returncode}:\n{self._tail()}")

    def _sleep(self) -> None:
        if time.monotonic() > self.deadline:
            raise OutOfTimeError(f"it was at step {max(self.steps(), default=0)}")
        time.sleep(POLL_S)

    def _tail(self, lines: int = 25) -> str:
        with open(self.log, "rb") as file:
            file.seek(max(0, self.log.stat().st_size - 32_768))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])


def start(
    settings: Sequence[str], folder: Path, name: str, variables: Mapping[str, str], *, on_gpu: bool, deadline: float
) -> Run:
    """Start stock verl.

    Args:
        settings: Overrides of ``main_ppo``.
        folder: For its log and metrics.
        name: Of both files.
        variables: More environment.
        on_gpu: Whether it runs as on any GPU machine; else the CPU stack's settings go first.
        deadline: On the monotonic clock.
    """
    folder.mkdir(parents=True, exist_ok=True)
    metrics, log = folder / f"{name}.jsonl", folder / f"{name}.log"
    command = [sys.executable, "-m", "verl.trainer.main_ppo"]
    if on_gpu:
        command += settings
    else:
        command = ["bash", "-c", 'source "$0" && exec "$@"', str(CPU_STACK), *command, "+cpu=alone", *settings]
    environment = {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "PYTHONUNBUFFERED": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
        "VERL_FILE_LOGGER_PATH": str(metrics),
        **variables,
    }
    with open(log, "wb") as file:
        process = subprocess.Popen(
            command, stdout=file, stderr=subprocess.STDOUT, env=environment, start_new_session=True
        )
    return Run(process, log, metrics, deadline)
