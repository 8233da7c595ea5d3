# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Corrections for a verifier with known error rates (Cai et al., arXiv 2510.00915).

``v`` is the verdict, 1 or 0. The verifier accepts a wrong answer with probability ``fp`` (rho_0 in the paper) and
rejects a right one with ``fn`` (rho_1), fp + fn < 1.

Backward, a reward without bias:         R_i = ( v_i - fp ) / ( 1 - fp - fn )
    E[R] = ((1 - fn) - fp) / (1 - fp - fn) = 1 for a right answer, (fp - fp) / (1 - fp - fn) = 0 for a wrong one.

Forward, weights of the score function:  w_i = fn      if accepted,
                                         w_i = fn - 1  if rejected.
    E[w] = (1 - fn) fn + fn (fn - 1) = 0 for a right answer, and fp fn + (1 - fp)(fn - 1) = -(1 - fp - fn) for a wrong
    one: in expectation the gradient of a perfect verifier with baseline 1, made smaller. ``fp`` is not needed.

The two formulas are from the paper's abstract page and a summary; the lines of arithmetic above check them. How the
authors join them to GRPO's group could not be read, so this is chosen: the backward reward less the group's mean, not
divided by the deviation, which would cancel a correction that is the same for all rows; the forward weights as they
are.

What that amounts to: ``w = v - (1 - fn)``, a constant baseline; up to the factor 1 - fn it is W-REINFORCE with
lambda = fn / (1 - fn). And the backward advantage is the verdict less its mean, made larger by 1 / (1 - fp - fn).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recipe.estimators.group import RolloutGroup
from recipe.estimators.registry import group_estimator


@dataclass(frozen=True)
class Forward:
    """Settings of ``noise_forward``."""

    false_negative: float
    """Share of right answers that the verifier rejects; measure it, there is no default."""

    def __post_init__(self) -> None:
        if not 0 <= self.false_negative < 1:
            raise ValueError(f"false_negative={self.false_negative}: must be a share of at least 0 and below 1.")


@dataclass(frozen=True)
class Backward:
    """Settings of ``noise_backward``."""

    false_negative: float
    """Share of right answers that the verifier rejects."""
    false_positive: float
    """Share of wrong answers that it accepts."""

    def __post_init__(self) -> None:
        if not 0 <= self.false_negative < 1:
            raise ValueError(f"false_negative={self.false_negative}: must be a share of at least 0 and below 1.")
        if not 0 <= self.false_positive < 1 - self.false_negative:
            raise ValueError(
                f"false_positive={self.false_positive}: must be at least 0, and below 1 together with "
                f"false_negative={self.false_negative}; such a verifier says nothing."
            )


@group_estimator("noise_forward", settings=Forward)
def noise_forward(group: RolloutGroup, settings: Forward) -> np.ndarray:
    """``fn`` for an accepted row, ``fn - 1`` for a rejected one."""
    return group.right_G - (1 - settings.false_negative)


@group_estimator("noise_backward", settings=Backward)
def noise_backward(group: RolloutGroup, settings: Backward) -> np.ndarray:
    """The unbiased reward, less its mean in the group."""
    spread = 1 - settings.false_positive - settings.false_negative
    unbiased_G = (group.right_G - settings.false_positive) / spread
    return unbiased_G - unbiased_G.mean()
