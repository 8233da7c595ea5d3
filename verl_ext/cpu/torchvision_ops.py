# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Let the CUDA build of torchvision be imported next to a CPU build of torch.

The main package index offers torchvision as a CUDA build only. Beside a CPU torch its compiled operators do not load,
and ``import torchvision`` then fails where it attaches fake kernels to two operators nobody has declared. Qwen-VL's
image processors import torchvision but use only its resizing and normalising, which are plain torch, so declaring the
two is enough. This can go once the CPU build of torchvision is on the main index.
"""

from __future__ import annotations

import functools
import importlib.util
import sys
from importlib.machinery import PathFinder

import torch

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


@functools.cache
def ensure_torchvision_ops() -> torch.library.Library | None:
    """Declare ``torchvision::nms`` and ``torchvision::qnms``, unless torchvision brings working ones.

    Call it before the first import of torchvision, once in every process. Further calls do nothing.

    Returns:
        The library holding the declarations, which live as long as it does (the cache keeps it), or None when there
        was nothing to do.
    """
    if "torchvision" in sys.modules or _compiled_ops_load():
        return None
    library = torch.library.Library("torchvision", "FRAGMENT")
    for schema in _SCHEMAS:
        library.define(schema)
    return library


def _compiled_ops_load() -> bool:
    """Whether torchvision, found but not yet imported, is absent or has operators that load beside this torch."""
    package = importlib.util.find_spec("torchvision")
    if package is None:
        return True
    extension = PathFinder.find_spec("_C", package.submodule_search_locations)
    if extension is None or extension.origin is None:
        return False
    try:
        torch.ops.load_library(extension.origin)
    except OSError:
        return False
    return True
