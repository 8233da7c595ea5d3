# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What the doctor looks at where torch is built for NVIDIA GPUs: them, their driver, and what a run takes of a node."""

from __future__ import annotations

import csv
import importlib.util
import resource
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from verl_ext.checks.versions import FLASH_ATTN, installed

OLDEST_DRIVER = {13: 580, 12: 525, 11: 450}
"""Major version of CUDA -> the oldest major version of the driver that runs it."""
SHM_GIB = 10
"""Ray keeps objects there and TransferQueue rows, images among them; with less they go to disk, slowly."""
OPEN_FILES = 65_536
"""Ray and vLLM open a socket and more per process and peer."""
DISK_GIB = 250
"""Two checkpoints of a 7B model with all its weights trained."""
SDPA = "ATTENTION=sdpa with the scripts, or docs/install.md for a wheel"


@dataclass(frozen=True)
class Gpu:
    """A GPU as the driver describes it."""

    name: str
    gib: float
    driver: str


@dataclass(frozen=True)
class Machine:
    """What matters of a node.

    Attributes:
        cuda: Version of CUDA that torch is built for.
        gpus: The GPUs of the node, whatever ``CUDA_VISIBLE_DEVICES`` says: Ray hides them from tasks that ask for none.
        flash_attn: Its version, if it is installed.
        sglang: Its version, if it is installed.
        has_cupy: Whether cupy is installed.
        nvcc: Path of the CUDA compiler, if there is one.
        shm_gib: Size of the shared memory.
        open_files: Most files a process may have open.
        disk_gib: Free in the current folder, where checkpoints go by default.
    """

    cuda: str
    gpus: tuple[Gpu, ...]
    flash_attn: str | None
    sglang: str | None
    has_cupy: bool
    nvcc: str | None
    shm_gib: float
    open_files: int
    disk_gib: float

    @classmethod
    def look(cls, cuda: str) -> Machine:
        """This one."""
        most_files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        shm = Path("/dev/shm")
        return cls(
            cuda=cuda,
            gpus=gpus(),
            flash_attn=installed("flash-attn"),
            sglang=installed("sglang"),
            has_cupy=importlib.util.find_spec("cupy") is not None,
            nvcc=shutil.which("nvcc"),
            shm_gib=shutil.disk_usage(shm).total / 2**30 if shm.is_dir() else 0.0,
            open_files=most_files,
            disk_gib=shutil.disk_usage(".").free / 2**30,
        )


@dataclass(frozen=True)
class Findings:
    """What there is, what may get in the way, and what stops CARE."""

    lines: list[str]
    warnings: list[str]
    problems: list[str]


def software(machine: Machine) -> Findings:
    """What the environment lacks, on whichever node it will be used."""
    lines = [f"flash-attn {machine.flash_attn or 'is not installed'}", f"cupy {_is_there(machine.has_cupy)}"]
    warnings = []
    if machine.sglang is not None:
        lines.append(f"sglang {machine.sglang}   (CARE has not run with it; docs/scaling.md says what is tested)")
    if machine.flash_attn is None:
        warnings.append(f"flash-attn is not installed, which verl's default attention and packed rows need: {SDPA}")
    elif machine.flash_attn.split("+")[0] != FLASH_ATTN:
        warnings.append(f"flash-attn {machine.flash_attn} is installed; verl 0.9.1 names {FLASH_ATTN}")
    return Findings(lines, warnings, [])


def hardware(machine: Machine) -> Findings:
    """What the node lacks."""
    lines = [f"GPU {number}: {gpu.name}, {gpu.gib:.0f} GiB" for number, gpu in enumerate(machine.gpus)]
    lines.append(f"nvcc {machine.nvcc or 'is not there'}   (only a build of flash-attn needs it)")
    lines.append(f"shared memory {machine.shm_gib:.0f} GiB, free disk {machine.disk_gib:.0f} GiB")
    lines.append(f"a process may open {machine.open_files} files")
    problems = []
    if not machine.gpus:
        problems.append(f"torch is built for CUDA {machine.cuda} and no GPU is visible here (nvidia-smi lists none)")
    problems += _driver_problems(machine)
    warnings = []
    if machine.shm_gib < SHM_GIB:
        warnings.append(
            f"/dev/shm has {machine.shm_gib:.1f} GiB, less than {SHM_GIB}: docker run --shm-size={SHM_GIB}g"
        )
    if machine.open_files < OPEN_FILES:
        warnings.append(
            f"a process may open {machine.open_files} files, less than {OPEN_FILES}: ulimit -n {OPEN_FILES}"
        )
    if machine.disk_gib < DISK_GIB:
        warnings.append(
            f"{machine.disk_gib:.0f} GiB are free in the current folder, and two checkpoints of a 7B model take about "
            f"{DISK_GIB}: set OUT_DIR elsewhere"
        )
    return Findings(lines, warnings, problems)


def _driver_problems(machine: Machine) -> list[str]:
    needed = OLDEST_DRIVER.get(int(machine.cuda.split(".")[0]), 0)
    drivers = sorted({gpu.driver for gpu in machine.gpus if int(gpu.driver.split(".")[0]) < needed})
    return [
        f"the driver is {driver}, and torch's CUDA {machine.cuda} needs {needed} or newer: update the driver"
        for driver in drivers
    ]


def _is_there(found: bool) -> str:
    return (
        "is there" if found else "is not installed   (only separate_async with checkpoint_engine.backend=nccl needs it)"
    )


def gpus() -> tuple[Gpu, ...]:
    """The GPUs of the node by the driver's own tool; none where that is missing or fails."""
    if shutil.which("nvidia-smi") is None:
        return ()
    command = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader,nounits"]
    # It fails where there is a driver's package and no device, as on a login node; that is an answer, too.
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    rows = csv.reader(done.stdout.splitlines() if done.returncode == 0 else [], skipinitialspace=True)
    return tuple(Gpu(name, float(mib) / 1024, driver) for name, mib, driver in rows)
