# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""NGRPO, negative-enhanced GRPO (Nan et al., arXiv 2509.18851): its advantage calibration.

A group in which everything failed has equal rewards, so GRPO learns nothing from it. NGRPO counts a row that nobody
sampled, with the best reward there is:

    R'  = { r_1, ..., r_G, r_max }
    A_i = ( r_i - mean(R') ) / ( std(R') + 1e-6 )

All rows of a failed group are pushed down; in a mixed group right rows are pushed up less and wrong ones down more. In
a group where every reward is ``r_max`` nothing moves.

Checked against the authors' code (github.com/nangongrui-ngr/NGRPO, verl/trainer/ppo/core_algos.py): the deviation is of
a sample (it divides by the number of rewards less one), and a group of one row keeps its reward as in GRPO.

The paper's other half, a narrower clip range for negative advantages, is no advantage and is set in verl:
``actor_rollout_ref.actor.clip_ratio_low=0.16 actor_rollout_ref.actor.clip_ratio_high=0.24``. Their script also drops
groups in which all rows are right, which have advantage 0 here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from recipe.estimators.baseline import EPS, standardized
from recipe.estimators.group import RolloutGroup
from recipe.estimators.registry import group_estimator


@dataclass(frozen=True)
class Ngrpo:
    """Settings."""

    max_reward: float = 1.0
    """r_max, the reward of a right answer in the right format."""
    virtual_rows: int = 1
    """How many such rows are counted."""

    def __post_init__(self) -> None:
        if not math.isfinite(self.max_reward):
            raise ValueError(f"max_reward={self.max_reward}: must be a finite number.")
        if self.virtual_rows < 1:
            raise ValueError(f"virtual_rows={self.virtual_rows}: must be at least 1; 0 would be verl's grpo.")


@group_estimator("ngrpo", settings=Ngrpo)
def ngrpo(group: RolloutGroup, settings: Ngrpo) -> np.ndarray:
    """GRPO in a group that has the best reward among its rewards."""
    if group.size == 1:
        return standardized(group.reward_G)
    counted = np.append(group.reward_G, [settings.max_reward] * settings.virtual_rows)
    return (group.reward_G - counted.mean()) / (counted.std(ddof=1) + EPS)
