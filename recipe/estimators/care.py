# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""CARE as an estimator of one group: what ``recipe.care.method`` computes, from selection to tokens.

A training run goes another way to the same numbers (``verl_ext.step.compute``), because repairs replace rows after they
were selected and the run logs each row's role. ``repaired_G`` says which rows hold a repair; that a failed repair is
weighed by its importance (``rgr.importance``) is not part of this function.
"""

from __future__ import annotations

import numpy as np
import torch

from recipe.care.config import CareConfig
from recipe.care.method.advantage import care_advantages
from recipe.care.method.credit import token_advantages
from recipe.care.text.regions import Regions
from recipe.estimators.group import Need, RolloutGroup
from recipe.estimators.registry import group_estimator

_DISTANCES = {"hidden": [Need.EMBEDDINGS], "lexical": [Need.LEXICAL], None: []}


def _needs(config: CareConfig) -> list[Need]:
    return [Need.REGIONS, Need.LOGP, *_DISTANCES[config.measured_by]]


@group_estimator("care", settings=CareConfig, needs=_needs)
def care(group: RolloutGroup, config: CareConfig) -> np.ndarray:
    """An anchor against its nearest failures, spread over answer and rationale."""
    result = care_advantages(
        acc=group.right_G,
        rewards=group.reward_G,
        group=[0] * group.size,
        think_len=group.think_len_G,
        answer_len=group.answer_len_G,
        embeddings=None if config.measured_by is None else group.embeddings_GH,
        seq_logp=group.logp_G if config.rescue.logp == "sum" else group.mean_logp_G,
        config=config,
        repaired=group.repaired_G,
    )
    found = (group.rationale_GT, group.answer_GT, group.think_len_G, group.answer_len_G)
    regions = Regions(*map(torch.as_tensor, found))
    own_GT = torch.as_tensor(group.own_GT)
    spread_GT = token_advantages(result.advantages.double(), own_GT, regions, torch.as_tensor(group.right_G), config)
    # A row's tokens share its advantage; GRPO would write it on each of them.
    return spread_GT.numpy() * group.tokens_G[:, None]
