# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""How far a failed repair may be pushed down.

A repair is sampled after the failed rationale and the cue, by mu, and trained at the plain prompt, where the policy pi
may hardly ever write it. A rollout's token is pushed down as often as pi writes it, so the push ends with the token.
Nothing ends that of a token which mu goes on writing and pi does not: its logit falls without bound, by weights that it
shares with everything else. Weighed by ``pi / mu`` a token of mu counts as often as pi writes it again.

Rows that are pushed up need no such weight: the push ends where the policy writes the token, and to write what it did
not is what a repair is for.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch


def importance_weights(old_logp: torch.Tensor, sampled_logp: torch.Tensor) -> torch.Tensor:
    """How often the policy writes a token at the plain prompt, for each time that it was sampled; at most 1.

    Args:
        old_logp: log pi of the tokens, any shape.
        sampled_logp: log mu of the same tokens: when they were sampled, after failed rationale and cue.

    Returns:
        ``min(1, pi / mu)``, of the same shape.
    """
    return (old_logp - sampled_logp).clamp(max=0.0).exp()


def weigh_failed_repairs(token_advantages: torch.Tensor, importance: Mapping[int, torch.Tensor]) -> torch.Tensor:
    """Weigh the negative token advantages of rows that hold a repair.

    Args:
        token_advantages: (B, T).
        importance: ``importance_weights`` of each row that holds a repair's text, of the row's own length.

    Returns:
        (B, T); rows without weights, and tokens that are pushed up, are as they were.
    """
    weighed_BT = token_advantages.clone()
    for row, weight_N in importance.items():
        own_N = weighed_BT[row, : len(weight_N)]
        weighed_BT[row, : len(weight_N)] = torch.where(own_N < 0, own_N * weight_N, own_N)
    return weighed_BT
