# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
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
