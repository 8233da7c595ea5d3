# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Short ways to call ``care_advantages`` on one group."""

from __future__ import annotations

import math

from recipe.care.config import CareConfig
from recipe.care.method.advantage import CareResult, care_advantages

RAW = CareConfig(equalize=False, neg_scale=1.0)
"""Leaves the raw advantages visible."""


def on_circle(count: int) -> list[list[float]]:
    """Rows 10 degrees apart, so that the first row is nearest to row 0, and so on."""
    return [[math.cos(math.radians(10 * row)), math.sin(math.radians(10 * row))] for row in range(count)]


def care(acc, config: CareConfig | None = None, **given) -> CareResult:
    """All rows in one group, reward = acc, unless given otherwise."""
    count = len(acc)
    defaults = {
        "acc": acc,
        "rewards": [float(a) for a in acc],
        "group": ["g"] * count,
        "think_len": [10 + row for row in range(count)],
        "answer_len": [3] * count,
        "embeddings": on_circle(count),
        "seq_logp": [-1.0 - row for row in range(count)],
        "config": config or CareConfig(),
    }
    return care_advantages(**(defaults | given))
