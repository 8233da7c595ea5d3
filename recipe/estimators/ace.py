# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""ACE, the asymmetric confidence-aware error penalty (Xu et al., arXiv 2602.21420).

GRPO pushes all wrong rows of a group down alike. ACE pushes harder where training has made the wrong answer likelier
than it was under the reference:

    c_i  = log( pi(y_i|x) / pi_ref(y_i|x) )                 confidence shift of a response
    A'_i = A_i * (1 + alpha * softplus(c_i))                for wrong rows with A_i < 0,
    A'_i = A_i                                              for all others,

where ``A`` is GRPO's advantage and ``softplus(c) = log(1 + e^c)``. For c far below 0, an answer that the policy has
come to avoid, the factor is 1.

What could be checked and what could not: ``c_i`` is the abstract's formula. That it modulates negative advantages only,
by a softplus, and leaves other errors about as they were is from summaries of the paper; its equations themselves could
not be read here, and no code of the authors was found. So these are choices, made where the sources are silent: the
form ``1 + alpha * softplus(c)``, alpha = 1, and c as the sum over the whole response, as the formula is written, not
the mean over its tokens. A sum grows with the length; alpha is the setting to lower for long responses.

The reference's log-probabilities come from verl's own pass for them, which a KL loss switches on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from recipe.estimators.baseline import standardized
from recipe.estimators.group import Need, RolloutGroup
from recipe.estimators.registry import group_estimator


@dataclass(frozen=True)
class Ace:
    """Settings."""

    alpha: float = 1.0
    """How much an error's confidence adds to its penalty; 0 is GRPO."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.alpha) and self.alpha >= 0):
            raise ValueError(f"alpha={self.alpha}: must be a number of 0 or more.")


@group_estimator("ace", settings=Ace, needs=[Need.LOGP, Need.REF_LOGP])
def ace(group: RolloutGroup, settings: Ace) -> np.ndarray:
    """GRPO, with overconfident errors pushed down harder."""
    advantage_G = standardized(group.reward_G)
    shift_G = group.logp_G - group.ref_logp_G
    softplus_G = np.logaddexp(0.0, shift_G)
    penalised_G = ~group.right_G & (advantage_G < 0)
    return np.where(penalised_G, advantage_G * (1 + settings.alpha * softplus_G), advantage_G)
