# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Packing: rows in the caller's order become groups side by side, padded to the longest, and come back.

Shapes: B rows as the caller gave them, P groups (one per prompt), G slots of the largest group. Rows that are not valid
get no slot at all, so nothing they hold (NaN included) can reach another row. Within a group, slots follow row order.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch

from recipe.care.errors import CareDataError

Vector: TypeAlias = "torch.Tensor | np.ndarray | Sequence[float]"
"""One number per row."""
Matrix: TypeAlias = "torch.Tensor | np.ndarray | Sequence[Sequence[float]]"
"""One vector per row."""


@dataclass(frozen=True, eq=False)
class Groups:
    """Which row sits in which slot.

    Attributes:
        row_PG: (P, G) int64 row of each slot, -1 where the slot is empty.
        group_B: (B,) int64 group of each row, whether or not the row has a slot.
    """

    row_PG: torch.Tensor
    group_B: torch.Tensor

    @property
    def filled_PG(self) -> torch.Tensor:
        """(P, G) True where a slot holds a row."""
        return self.row_PG >= 0

    def pack(self, values_B: torch.Tensor) -> torch.Tensor:
        """Lay (B,) values out as (P, G); empty slots get 0 (or False)."""
        return values_B[self.row_PG.clamp(min=0)].masked_fill(~self.filled_PG, 0)

    def unpack(self, values_PG: torch.Tensor, elsewhere: float) -> torch.Tensor:
        """Bring (P, G) values back to (B,) in the caller's order; rows without a slot get ``elsewhere``."""
        values_B = torch.full(self.group_B.shape, elsewhere, dtype=values_PG.dtype)
        values_B[self.row_PG[self.filled_PG]] = values_PG[self.filled_PG]
        return values_B


@dataclass(frozen=True, eq=False)
class GroupedRows:
    """Everything selection looks at, packed. Rewards are not here: they never decide who is selected.

    Attributes:
        groups: The packing.
        correct_PG: (P, G) bool, verified correct.
        repaired_PG: (P, G) bool, an RGR repair sitting in the slot of a failure.
        think_len_PG: (P, G) int64 rationale tokens.
        answer_len_PG: (P, G) int64 answer tokens.
        logp_PG: (P, G) float64 log-probability of the row, or None.
        distance_PGG: (P, G, G) float64 cosine distances, or None without embeddings.
        priority_PG: (P, G) float64 content-hash priority in [0, 1), or None where nothing is chosen at random.
    """

    groups: Groups
    correct_PG: torch.Tensor
    repaired_PG: torch.Tensor
    think_len_PG: torch.Tensor
    answer_len_PG: torch.Tensor
    logp_PG: torch.Tensor | None = None
    distance_PGG: torch.Tensor | None = None
    priority_PG: torch.Tensor | None = None

    @property
    def repair_PG(self) -> torch.Tensor:
        """Repairs that fill a failure's slot; in a group without an original positive they are ordinary rows."""
        has_original_P1 = (self.correct_PG & ~self.repaired_PG).any(dim=1, keepdim=True)
        return self.repaired_PG & has_original_P1

    @property
    def positive_PG(self) -> torch.Tensor:
        """The set P of the paper: candidates for the anchor."""
        return self.correct_PG & ~self.repair_PG

    @property
    def failure_PG(self) -> torch.Tensor:
        """The set F of the paper: failures, and repairs in a failure's slot."""
        return self.groups.filled_PG & ~self.positive_PG


def group_index(group: Sequence[Hashable] | torch.Tensor | np.ndarray) -> torch.Tensor:
    """Number groups in order of appearance.

    Args:
        group: B hashable ids; two rows belong together when their ids are equal.

    Returns:
        (B,) int64.
    """
    # tolist() turns array elements into plain Python values; elements of a tensor would hash by identity.
    ids = group.tolist() if isinstance(group, torch.Tensor | np.ndarray) else group
    number: dict[Hashable, int] = {}
    return torch.tensor([number.setdefault(one, len(number)) for one in ids], dtype=torch.int64)


def place_rows(group_B: torch.Tensor, valid_B: torch.Tensor) -> Groups:
    """Give every valid row a slot.

    Args:
        group_B: (B,) int64 group numbers from 0.
        valid_B: (B,) bool.

    Returns:
        The packing; at least one slot wide, also when no row is valid.
    """
    row_N = valid_B.nonzero()[:, 0]
    row_N = row_N[group_B[row_N].argsort(stable=True)]
    group_N = group_B[row_N]
    groups = int(group_B.max()) + 1 if group_B.numel() else 0
    size_P = torch.bincount(group_N, minlength=groups)
    slot_N = torch.arange(row_N.numel()) - (size_P.cumsum(0) - size_P)[group_N]
    width = max(1, int(size_P.max())) if groups else 1
    row_PG = torch.full((groups, width), -1, dtype=torch.int64)
    row_PG[group_N, slot_N] = row_N
    return Groups(row_PG, group_B)


def as_vector(name: str, values: Vector, rows: int, dtype: torch.dtype) -> torch.Tensor:
    """Read one number per row; ``name`` is what the caller knows the values as."""
    vector_B = _as_tensor(values)
    if vector_B.shape != (rows,):
        raise CareDataError(
            f"{name} has shape {tuple(vector_B.shape)}, but there are {rows} rows; pass one value a row."
        )
    return vector_B.to(dtype)


def as_matrix(name: str, values: Matrix, rows: int) -> torch.Tensor:
    """Read one floating-point vector per row, in the precision it came in."""
    matrix_BH = _as_tensor(values)
    if matrix_BH.dim() != 2 or matrix_BH.shape[0] != rows:
        raise CareDataError(
            f"{name} has shape {tuple(matrix_BH.shape)}, but must be ({rows}, H); pass one vector a row."
        )
    return matrix_BH if matrix_BH.is_floating_point() else matrix_BH.float()


def check_finite(name: str, values_B: torch.Tensor, valid_B: torch.Tensor) -> None:
    """Refuse NaN and infinity in rows that count."""
    bad = (valid_B & ~values_B.isfinite()).nonzero()[:, 0].tolist()
    if bad:
        raise CareDataError(
            f"{name} is not finite in valid rows {bad[:8]}; pass valid=False for rows without a verdict."
        )


def _as_tensor(values: Vector | Matrix) -> torch.Tensor:
    if isinstance(values, np.ndarray):
        # torch accepts neither negative strides nor, without a warning, read-only memory.
        values = np.require(values, requirements=["C", "W"])
    return torch.as_tensor(values).detach().cpu()
