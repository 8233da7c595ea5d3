# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""verl names the process-group backend ``cpu:gloo,<device>:<backend>``, which for a CPU device is listed twice.

torch refuses ``cpu:gloo,cpu:gloo``. Both of verl's initialisers are given the single entry. This can go when verl
builds the string from a set.
"""

from __future__ import annotations

import functools
import os
from datetime import timedelta
from types import ModuleType

import torch.distributed

_BACKEND = "cpu:gloo"


def share_cores() -> None:
    """Give each rank its part of the cores: they all work at the same time, and nobody else does while they do.

    ``OMP_NUM_THREADS=1`` is for the run's other processes, which outnumber the cores.
    """
    ranks = torch.distributed.get_world_size()
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // ranks))


def install(distributed: ModuleType) -> None:
    """Wrap the initialisers of ``verl.utils.distributed`` before anyone imports them by name."""
    original = distributed.initialize_global_process_group_ray

    @functools.wraps(original)
    def initialize_global_process_group_ray(timeout_second: int | None = None, backend: str | None = None) -> None:
        under_torchrun = torch.distributed.is_initialized()
        original(timeout_second=timeout_second, backend=backend or _BACKEND)
        # The SFT trainer, which torchrun starts, has a process beside it that prepares rows.
        if not under_torchrun:
            share_cores()

    @functools.wraps(distributed.initialize_global_process_group)
    def initialize_global_process_group(timeout_second: int = 36000) -> tuple[int, int, int]:
        torch.distributed.init_process_group(
            backend=_BACKEND,
            timeout=timedelta(seconds=timeout_second),
            init_method=os.environ.get("DIST_INIT_METHOD"),
        )
        return int(os.environ["LOCAL_RANK"]), int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])

    distributed.initialize_global_process_group_ray = initialize_global_process_group_ray  # type: ignore[attr-defined]
    distributed.initialize_global_process_group = initialize_global_process_group  # type: ignore[attr-defined]
