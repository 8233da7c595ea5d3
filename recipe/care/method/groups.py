# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The rollouts of one prompt: who is a positive, who a failure, and what selection may look at.

The method handles one group at a time, so no group can change another's result. Rows that are not valid belong to no
group, so nothing they hold (NaN included) reaches another row.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import torch

from recipe.care.errors import CareDataError

Vector: TypeAlias = "torch.Tensor | np.ndarray | Sequence[float]"
"""One number per row."""
Matrix: TypeAlias = "torch.Tensor | np.ndarray | Sequence[Sequence[float]]"
"""One vector per row."""
Ids: TypeAlias = "Sequence[Hashable] | torch.Tensor | np.ndarray"
"""One hashable id per row; rows of a prompt share it."""


@dataclass(frozen=True, eq=False)
class Group:
    """The valid rollouts of one prompt, G of them, each field in the caller's row order.

    Rewards are not here: they never decide who is selected. A "member" below is a place in these lists.

    Attributes:
        rows: The members' rows in the batch.
        correct: Verified correct.
        repaired: An RGR repair sitting in the slot of a failure.
        think_len: Rationale tokens.
        answer_len: Answer tokens.
        logp: Log-probabilities, or None.
        distance: G x G cosine distances, or None where nothing is near or far.
        priority: A pseudo-random number each, or None where nothing is chosen at random.
    """

    rows: list[int]
    correct: list[bool]
    repaired: list[bool]
    think_len: list[int]
    answer_len: list[int]
    logp: list[float] | None = None
    distance: list[list[float]] | None = None
    priority: list[float] | None = None

    @cached_property
    def repairs(self) -> list[int]:
        """Repairs that fill a failure's slot; in a group without an original positive they are ordinary rows."""
        if not any(right and not mended for right, mended in zip(self.correct, self.repaired, strict=True)):
            return []
        return [member for member, mended in enumerate(self.repaired) if mended]

    @cached_property
    def positives(self) -> list[int]:
        """The set P of the paper: candidates for the anchor."""
        return [member for member, right in enumerate(self.correct) if right and member not in self.repairs]

    @cached_property
    def failures(self) -> list[int]:
        """The set F of the paper: failures, and repairs in a failure's slot."""
        return [member for member in range(len(self.rows)) if member not in self.positives]


def group_index(group: Ids) -> torch.Tensor:
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


def members_of(group_B: torch.Tensor, valid_B: torch.Tensor) -> list[list[int]]:
    """The valid rows of each group, in the order of the rows; a group without any has an empty list.

    Args:
        group_B: (B,) int64 group numbers from 0.
        valid_B: (B,) bool.
    """
    members: list[list[int]] = [[] for _ in range(int(group_B.max()) + 1 if group_B.numel() else 0)]
    for row, (number, valid) in enumerate(zip(group_B.tolist(), valid_B.tolist(), strict=True)):
        if valid:
            members[number].append(row)
    return members


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
