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
"""Fit CARE's token advantages to the way verl sums a loss over tokens and rows."""

from __future__ import annotations

import torch

from recipe.care.errors import CareConfigError

# verl 0.9.1, agg_loss. In each of them a row adds the sum of its token losses over a denominator that the advantages do
# not touch: the batch's tokens or rows, the longest response, or (seq-mean-token-mean) the row's own length.
LOSS_AGG_MODES = (
    "token-mean",
    "token-sum",
    "seq-mean-token-sum",
    "seq-mean-token-sum-norm",
    "seq-mean-token-mean",
)


def check_loss_agg_mode(loss_agg_mode: str) -> None:
    """Refuse a mode for which CARE does not know the scale.

    Args:
        loss_agg_mode: verl's ``actor_rollout_ref.actor.loss_agg_mode``.

    Raises:
        CareConfigError: verl has no such mode, or it came after 0.9.1 and has not been checked.
    """
    if loss_agg_mode not in LOSS_AGG_MODES:
        raise CareConfigError(
            f"actor_rollout_ref.actor.loss_agg_mode={loss_agg_mode!r}: CARE does not know how this mode weighs a row; "
            f"set it to one of {', '.join(LOSS_AGG_MODES)}."
        )


def scale_for_loss_agg(token_advantages: torch.Tensor, response_mask: torch.Tensor, loss_agg_mode: str) -> torch.Tensor:
    """Give every row the total policy-gradient weight that GRPO would give a row of the same advantage.

    GRPO writes A on each of a row's n tokens, n * A in all; ``token_advantages`` of CARE sum to A. The factor between
    the two is n, in every mode, because verl applies a mode's denominator to both alike. Without it the policy gradient
    would shrink by the response length while the KL and entropy terms stay.

    Args:
        token_advantages: (B, T) from ``regions.token_advantages``.
        response_mask: (B, T), non-zero on the policy's own tokens.
        loss_agg_mode: verl's ``actor_rollout_ref.actor.loss_agg_mode``.

    Returns:
        (B, T) scaled token advantages.

    Raises:
        CareConfigError: See ``check_loss_agg_mode``.
    """
    check_loss_agg_mode(loss_agg_mode)
    return token_advantages * (response_mask != 0).sum(dim=1, keepdim=True)
