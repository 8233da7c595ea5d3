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
"""vLLM's CPU build packs linear weights after loading and drops the originals, so weights can be loaded only once.

Training loads new weights at every step (the second load fails with "'Parameter' object has no attribute
'weight_loader'"). Plain ``linear`` on the unpacked weight keeps the parameter. This can go when vLLM's CPU build
re-packs on reload.
"""

from __future__ import annotations

from types import ModuleType

import torch


def install(layers_utils: ModuleType) -> None:
    """Replace the dispatcher that packs, which vLLM imports at each use."""
    layers_utils.dispatch_cpu_unquantized_gemm = keep_weight_unpacked  # type: ignore[attr-defined]


def keep_weight_unpacked(layer: torch.nn.Module, remove_weight: bool) -> None:
    """Let ``layer`` multiply by its parameter as it is; ``remove_weight`` is ignored on purpose."""
    layer.cpu_linear = torch.nn.functional.linear
