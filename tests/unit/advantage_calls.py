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
"""Short ways to call ``care_advantages`` on one group."""

from __future__ import annotations

import math

from recipe.care.advantage import CareResult, care_advantages
from recipe.care.config import CareConfig

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
