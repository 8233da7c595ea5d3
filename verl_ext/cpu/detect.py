# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Whether this environment can only run on the CPU."""

from __future__ import annotations

import os


def runs_without_accelerator() -> bool:
    """True for a CPU build of torch, or when ``VERL_PLATFORM=cpu`` asks for it.

    The build decides, not the presence of a device: a driver on a GPU-less head node of a GPU cluster has a CUDA build
    and must stay what it is.
    """
    import torch

    if os.environ.get("VERL_PLATFORM", "").strip().lower() == "cpu":
        return True
    return torch.version.cuda is None and torch.version.hip is None and not hasattr(torch, "npu")
