# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""CARE on torch and numpy alone: which equation of the paper is where.

====================================  ===================================================================
``recipe.care.method``                the paper, one group of rollouts at a time
``recipe.care.method.selection``      anchors and hard negatives (section 2, steps 1 to 3)
``recipe.care.method.rescue``         groups in which everything failed (section 3)
``recipe.care.method.advantage``      the numbers and the roles (section 2, steps 4 to 6)
``recipe.care.method.credit``         a row's advantage over its tokens (section 5)
``recipe.care.repair``                Reflection-Guided Resampling on token ids (section 4)
``recipe.care.text``                  tags and tokens: where rationale and answer lie
``recipe.care.verifier``              right or wrong
``recipe.care.config``                every setting of ``algorithm.care``
====================================  ===================================================================

The names below are the public surface; each is imported when it is first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recipe.care.advantage import CareResult, Role, care_advantages
    from recipe.care.config import CareConfig
    from recipe.care.regions import Regions, find_regions, token_advantages
    from recipe.care.reward import compute_score

_HOME = {
    "CareConfig": "recipe.care.config",
    "CareResult": "recipe.care.advantage",
    "Regions": "recipe.care.regions",
    "Role": "recipe.care.advantage",
    "care_advantages": "recipe.care.advantage",
    "compute_score": "recipe.care.reward",
    "find_regions": "recipe.care.regions",
    "token_advantages": "recipe.care.regions",
}

__all__ = [
    "CareConfig",
    "CareResult",
    "Regions",
    "Role",
    "care_advantages",
    "compute_score",
    "find_regions",
    "token_advantages",
]


def __getattr__(name: str) -> object:
    """Import a public name where it lives: the verifier needs no torch, and the method no verifier."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)
