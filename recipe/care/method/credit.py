# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""How a row's advantage is spread over its tokens, and fitted to the way verl sums a loss over tokens and rows."""

from __future__ import annotations

import numpy as np
import torch

from recipe.care.config import CareConfig, RegionsConfig
from recipe.care.errors import CareConfigError
from recipe.care.text.regions import Regions

# Keeps rows without any weight at 0. Other rows' weights sum to about 1 or more, so their advantage is kept to 1e-12.
_EPS = 1e-12

LOSS_AGG_MODES = (
    "token-mean",
    "token-sum",
    "seq-mean-token-sum",
    "seq-mean-token-sum-norm",
    "seq-mean-token-mean",
)


def token_advantages(
    advantages: torch.Tensor | np.ndarray,
    response_mask: torch.Tensor | np.ndarray,
    regions: Regions,
    acc: torch.Tensor | np.ndarray,
    config: CareConfig,
) -> torch.Tensor:
    """Spread each row's advantage A over its tokens: ``a_t = A * w_t / sum_u w_u``, so that a row sums to A.

    Answer tokens weigh 1, rationale tokens of correct rows ``gamma_pos``, everything else 0. With ``rationale_share``
    set, a correct row's rationale gets that share of A instead, whatever the lengths. With ``blame=response`` all
    tokens of a wrong row weigh the same, with regions off those of every row. ``scale_for_loss_agg`` then
    fits the result to verl's loss aggregation.

    Args:
        advantages: (B,) one advantage per row.
        response_mask: (B, T), non-zero on the policy's own tokens.
        regions: What ``find_regions`` found in these rows.
        acc: (B,) verdicts; a row is correct above 0.5.
        config: Only ``config.regions`` is read.

    Returns:
        (B, T) token advantages, float32 or wider. Rows without response tokens are 0.
    """
    rows_B = torch.as_tensor(advantages)
    rows_B = rows_B.to(torch.promote_types(rows_B.dtype, torch.float32))
    advantages_B = rows_B.detach().cpu().numpy()
    mask_BT = _numpy(response_mask) != 0
    if config.regions.enable:
        correct_B = _numpy(acc) > 0.5
        weights_BT = _region_weights(mask_BT, regions, correct_B, config.regions, advantages_B.dtype)
    else:
        weights_BT = mask_BT.astype(advantages_B.dtype)
    weights_BT *= (advantages_B / (weights_BT.sum(axis=1) + _EPS))[:, None]
    return torch.from_numpy(weights_BT).to(rows_B.device)


def _region_weights(
    mask_BT: np.ndarray, regions: Regions, correct_B: np.ndarray, config: RegionsConfig, dtype: np.dtype
) -> np.ndarray:
    answer_BT = _numpy(regions.answer_mask) & mask_BT
    rationale_BT = _numpy(regions.think_mask) & mask_BT & ~answer_BT
    if config.rationale_share is None:
        answer_B = np.ones(len(mask_BT), dtype)
        rationale_B = correct_B.astype(dtype) * config.gamma_pos
    else:
        tokens_B = np.count_nonzero(rationale_BT, axis=1)
        share_B = (correct_B & (tokens_B > 0)).astype(dtype) * config.rationale_share
        answer_B = (1 - share_B) / np.count_nonzero(answer_BT, axis=1).clip(min=1)
        rationale_B = share_B / tokens_B.clip(min=1)
    weights_BT = np.multiply(answer_BT, answer_B[:, None], dtype=dtype)
    np.copyto(weights_BT, rationale_B[:, None], where=rationale_BT)
    if config.blame == "response":
        weights_BT[~correct_B] = mask_BT[~correct_B]
    return weights_BT


def _numpy(values: torch.Tensor | np.ndarray) -> np.ndarray:
    return torch.as_tensor(values).detach().cpu().numpy()


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
        token_advantages: (B, T) from ``token_advantages``.
        response_mask: (B, T), non-zero on the policy's own tokens.
        loss_agg_mode: verl's ``actor_rollout_ref.actor.loss_agg_mode``.

    Returns:
        (B, T) scaled token advantages.

    Raises:
        CareConfigError: See ``check_loss_agg_mode``.
    """
    check_loss_agg_mode(loss_agg_mode)
    return token_advantages * (response_mask != 0).sum(dim=1, keepdim=True)
