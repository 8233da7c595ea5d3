# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Estimators of one group: a pure function from the rollouts of a prompt to advantages, trained by its name.

=======================  ======================================================================
``group``                what an estimator sees
``registry``             ``@group_estimator``: a name, settings, what is to be computed
``baseline``             GRPO's advantages, on which others build
``weighted_reinforce``   W-REINFORCE: right rows count a tenth of wrong ones
``ace``                  ACE: wrong rows count more the more the policy has come to like them
``ngrpo``                NGRPO: a row that nobody sampled, with the best reward
``lens``                 LENS: wrong rows get a reward below 0, by the policy's confidence
``noisy_verifier``       two corrections for a verifier whose error rates are known
``care``                 CARE, without its repairs
=======================  ======================================================================

docs/new-estimator.md is the way from here to a trained model. Nothing here imports verl, Ray or vLLM.
"""

from recipe.estimators.group import Need, RolloutGroup
from recipe.estimators.registry import group_estimator

__all__ = ["Need", "RolloutGroup", "group_estimator"]
