# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What selection knows of a rollout's content: how far apart rows are, and a pseudo-random number each row carries.

Both are exact in a strict sense: a row's values have the same bits whatever else is in the batch and in whatever order
the rows come, so a rerun on a reshuffled batch selects the same rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch

from recipe.care.errors import CareDataError

# Unit vectors are rounded to multiples of 2**-26 (1.5e-8, finer than float32 near 1). Products are then multiples of
# 2**-52 and, by Cauchy-Schwarz, every partial sum stays below 2: float64 holds each of them exactly. Exact sums do not
# depend on the order a kernel adds in, which a plain matrix product's last bits do.
_GRID = 2.0**26
_CHUNK_BYTES = 2**22
"""Scratch per step of the fingerprint: stays in cache, and bounds memory at any batch size."""


def cosine_distances(embeddings_BH: torch.Tensor, rows: Sequence[int]) -> torch.Tensor:
    """Cosine distance between all rows of a group.

    Args:
        embeddings_BH: (B, H) floating point, normalised here. A zero vector has distance 1 to everything.
        rows: The group's rows, G of them.

    Returns:
        (G, G) float64.

    Raises:
        CareDataError: A row is not finite.
    """
    unit_GH = embeddings_BH[list(rows)].double()
    norm_G1 = torch.linalg.vector_norm(unit_GH, dim=-1, keepdim=True)
    if not norm_G1.isfinite().all():
        bad = [row for row, norm in zip(rows, norm_G1[:, 0].tolist(), strict=True) if not math.isfinite(norm)]
        raise CareDataError(f"embeddings is not finite in valid rows {bad[:8]}; pass valid=False for broken rows.")
    # On this grid products of entries and their sums are whole numbers below 2^53: exact, in whatever order.
    unit_GH.mul_(_GRID / norm_G1.clamp(min=1e-300)).round_()
    return 1.0 - unit_GH @ unit_GH.T / _GRID**2


def content_priority(
    think_len_B: torch.Tensor,
    answer_len_B: torch.Tensor,
    logp_B: torch.Tensor | None,
    embeddings_BH: torch.Tensor | None,
) -> torch.Tensor:
    """A pseudo-random number per row, drawn from the row's own content.

    Row order, group names, other rows and padding therefore do not matter, and no random state is kept. The more
    content is passed, the rarer are ties; rows of equal content tie.

    Returns:
        (B,) float64 in [0, 1).
    """
    parts = [think_len_B.numpy().astype(np.uint64), answer_len_B.numpy().astype(np.uint64)]
    if logp_B is not None:
        parts.append(logp_B.double().numpy().view(np.uint64))
    if embeddings_BH is not None:
        parts.append(_fingerprint(embeddings_BH))
    hash_B = np.zeros(len(parts[0]), dtype=np.uint64)
    for part_B in parts:
        hash_B = _mix(hash_B + part_B)
    return torch.from_numpy((hash_B >> np.uint64(11)).astype(np.float64) * 2.0**-53)


def _fingerprint(embeddings_BH: torch.Tensor) -> np.ndarray:
    """(B,) uint64 weighted sum of each row's float32 bits; integers wrap around, so any order gives the same bits."""
    bits_BH = embeddings_BH.float().contiguous().numpy().view(np.uint32)
    weights_H = _mix(np.arange(bits_BH.shape[1], dtype=np.uint64)) | np.uint64(1)
    chunk = max(1, _CHUNK_BYTES // max(1, 8 * bits_BH.shape[1]))
    fingerprint_B = np.empty(len(bits_BH), dtype=np.uint64)
    for start in range(0, len(bits_BH), chunk):
        fingerprint_B[start : start + chunk] = bits_BH[start : start + chunk].astype(np.uint64) @ weights_H
    return fingerprint_B


def _mix(values: np.ndarray) -> np.ndarray:
    """Spread every bit over all 64 (the finaliser of the SplitMix64 generator)."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
