# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""W-REINFORCE, and negative sample reinforcement with ``positive_weight=0`` (Zhu et al., arXiv 2506.01347).

With rewards +1 and -1 the objective of REINFORCE falls into two parts, of the right and of the wrong responses, and the
paper weighs the first down:

    L(theta) = lambda * L_PSR(theta) + L_NSR(theta)
    L_PSR = -E[ sum of pi(y|x) over right y ],    L_NSR = +E[ sum of pi(y|x) over wrong y ]

The gradient of ``pi(y|x)`` in expectation over samples is that of ``log pi``, so a row's advantage is

    A_i = lambda   if y_i is right,
    A_i = -1       if it is wrong.

There is no baseline: other rows of the group do not matter. lambda = 0.1 is the paper's. lambda = 0 is NSR, which it
finds nearly as good; lambda = 1 is REINFORCE.

Checked against the authors' code (github.com/TianHongZXY/RLVR-Decomposed, verl/trainer/ppo/core_algos.py). They tell
right from wrong by a reward of 1 or 0. Ours may pay for the format too, so the verdict decides here, and the reward is
not looked at.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recipe.estimators.group import RolloutGroup
from recipe.estimators.registry import group_estimator


@dataclass(frozen=True)
class WeightedReinforce:
    """Settings."""

    positive_weight: float = 0.1
    """lambda, the weight of right rows."""

    def __post_init__(self) -> None:
        if not 0 <= self.positive_weight <= 1:
            raise ValueError(f"positive_weight={self.positive_weight}: must be a number between 0 and 1.")


@group_estimator("weighted_reinforce", settings=WeightedReinforce)
def weighted_reinforce(group: RolloutGroup, settings: WeightedReinforce) -> np.ndarray:
    """``lambda`` for a right row, -1 for a wrong one."""
    return np.where(group.right_G, settings.positive_weight, -1.0)
