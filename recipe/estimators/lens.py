# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""LENS, likelihood estimation with negative samples (Feng et al., arXiv 2510.08696, section 5).

A wrong row gets a reward below 0, the lower the more confident the policy was, so that a group in which everything
failed has something to tell its rows apart. With ``r`` 1 for a right row and 0 for a wrong one:

    p_i  = pi(y_i|x)^(1/|y_i|)                              probability of a response, per token
    r'_i = r_i - (1 - r_i) * (1/G) * p_i / (D - p_i)

    D    = max( D_imp, 2 * max_j p_j )                      in a group with a right row,
    D    = 2 * max_j p_j                                    in one without.
    1 / D_imp = (1/G) * sum_j r_j / p_j                     (14) of the paper

``D`` normalises the policy into the chance of being right. Twice the largest ``p`` keeps the fraction within (0, 1],
and the factor 1/G keeps every wrong row below the mean of a mixed group. Then

    A_i = ( r'_i - mean(r') ) / ( std(r') + 1e-6 )          in a group with a right row, as in GRPO,
    A_i = alpha * ( r'_i - mean(r') )                       in one without, where alpha = 0.25.

In a failed group the sum is 0: the rows that the policy was surest of are pushed down, the others up.

Checked against the text of the paper's first version; no code of the authors was found. Equation (14) is printed with
the probability of the whole response, the rest of the section with that per token. Per token it is in both places here,
since the maximum compares the two. The paper's reward has no format part, so the verdict is taken for ``r``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recipe.estimators.baseline import standardized
from recipe.estimators.group import Need, RolloutGroup
from recipe.estimators.registry import group_estimator


@dataclass(frozen=True)
class Lens:
    """Settings."""

    alpha: float = 0.25
    """Weight of groups in which everything failed."""

    def __post_init__(self) -> None:
        if not 0 <= self.alpha <= 1:
            raise ValueError(f"alpha={self.alpha}: must be a number between 0 and 1.")


@group_estimator("lens", settings=Lens, needs=[Need.LOGP])
def lens(group: RolloutGroup, settings: Lens) -> np.ndarray:
    """GRPO over rewards that also say how confident a failure was."""
    p_G = np.exp(group.mean_logp_G)
    right_G = group.right_G
    d = 2 * p_G.max()
    if right_G.any():
        d = max(d, group.size / (1 / p_G[right_G]).sum())
    calibrated_G = np.where(right_G, 1.0, -p_G / (d - p_G) / group.size)
    if right_G.any():
        return standardized(calibrated_G)
    return settings.alpha * (calibrated_G - calibrated_G.mean())
