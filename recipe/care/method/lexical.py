# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Embeddings without hidden states: hashed counts of the words and word pairs of a rationale.

They serve ``distance=lexical``: two rationales are near when they share tokens and adjacent token pairs.
"""

from __future__ import annotations

import torch

_SCRAMBLE = 0x5851F42D4C957F2D
"""Odd multiplier that spreads token ids over 64 bits (Knuth's MMIX generator)."""


def lexical_embeddings(response_ids: torch.Tensor, mask: torch.Tensor, dim: int = 4096) -> torch.Tensor:
    """Embed each row by log(1 + count) of its hashed unigrams and bigrams.

    The logarithm keeps a token repeated a hundred times from drowning the rest. Features that hash alike share an
    entry: at the default width about one in ten does for a rationale of 200 tokens.

    Args:
        response_ids: (B, T) token ids.
        mask: (B, T) nonzero on rationale tokens; a bigram counts when both of its adjacent tokens are inside.
        dim: Entries of an embedding.

    Returns:
        (B, dim) float32, not normalised; a row with an empty mask is zero.
    """
    ids_BT, inside_BT = response_ids.long(), mask.bool()
    unigram_BT = _scramble(ids_BT)
    # The scrambled first token makes a bigram differ from its reverse.
    bigram_BT = _scramble(unigram_BT[:, :-1] + ids_BT[:, 1:] + 1)
    feature_BN = torch.cat([unigram_BT, bigram_BT], dim=1).remainder(dim)
    counted_BN = torch.cat([inside_BT, inside_BT[:, :-1] & inside_BT[:, 1:]], dim=1)
    # Counts are whole numbers, so their float32 sums are exact in any order.
    counts_BD = torch.zeros((ids_BT.shape[0], dim), dtype=torch.float32, device=ids_BT.device)
    return counts_BD.scatter_add_(1, feature_BN, counted_BN.float()).log1p_()


def _scramble(ids: torch.Tensor) -> torch.Tensor:
    """Hash int64 values; the high bits, which depend on every input bit, are moved down."""
    mixed = ids * _SCRAMBLE
    return (mixed ^ (mixed >> 32)) * _SCRAMBLE >> 20
