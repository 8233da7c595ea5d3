# Copyright 2026 The CARE-verl authors
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
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
