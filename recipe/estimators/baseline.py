# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""GRPO's advantages, which several estimators start from."""

from __future__ import annotations

import numpy as np

EPS = 1e-6
"""verl's, added to the deviation."""


def standardized(reward_G: np.ndarray) -> np.ndarray:
    """``(r - mean) / (std + 1e-6)``, std of a sample; a single row keeps its reward. verl's own GRPO."""
    if len(reward_G) == 1:
        return reward_G / (1 + EPS)
    return (reward_G - reward_G.mean()) / (reward_G.std(ddof=1) + EPS)
