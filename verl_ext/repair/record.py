# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What a rollout worker hands to the trainer about a repaired failure, inside the failed row's own ``extra_fields``.

No key and no field of TransferQueue is added: the trainer takes these entries out again, whether or not it uses them.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import torch

from recipe.care.errors import CareDataError
from recipe.care.repair.choose import Outcome, RepairReport
from recipe.care.repair.plan import RepairedRow

REPAIR = "care_repair"
"""Entry with the packed ``Repair`` of a failure that was picked for repair."""
SCORED = "care_scored"
"""Entry with what the reward function returned for a failure whose ``reward_extra_info`` shows its repair's instead."""
DECODED_AT = "care_decoded_at"
"""Entry with the time a training rollout was decoded, in seconds since the epoch."""


def with_repairs(
    extras: Sequence[Mapping[str, object]], repairs: Sequence[Repair], *, shown: int
) -> list[dict[str, object]]:
    """The ``extra_fields`` of a group's picked failures with their repairs.

    Some of these the trainer will use, which may make a failed group mixed, or a mixed one all correct. Dynamic
    sampling (``algorithm.filter_groups``) judges groups by ``reward_extra_info`` before the trainer sees them, so the
    first repairs that passed show their own.

    Args:
        extras: What the rollouts of the failures left.
        repairs: Of the same failures.
        shown: How many repairs may show theirs; none without dynamic sampling.
    """
    packed = [{**extra, REPAIR: repair.packed()} for extra, repair in zip(extras, repairs, strict=True)]
    passed = [number for number, one in enumerate(repairs) if one.report.outcome is Outcome.PASSED]
    for number in sorted(passed, key=lambda one: repairs[one].report.rank)[:shown]:
        row = repairs[number].row
        assert row is not None  # it has passed
        own = extras[number]["reward_extra_info"]
        packed[number] |= {SCORED: own, "reward_extra_info": dict(row.reward_extra_info)}
    return packed


def without_repair(extra: Mapping[str, object]) -> dict[str, object]:
    """The ``extra_fields`` of a row as its own rollout left them."""
    own = {name: value for name, value in extra.items() if name not in (REPAIR, SCORED)}
    return own if SCORED not in extra else {**own, "reward_extra_info": extra[SCORED]}


@dataclass(frozen=True, eq=False)
class ReplacementRow:
    """A verified repair as a row of the batch. L is the length of prompt and response together.

    Attributes:
        text: The response.
        reward: The reward function's score.
        reward_extra_info: What else the reward function returned, the verdict among it.
        input_ids: (L,) prompt and response.
        position_ids: (L,), or (4, L) for models with M-RoPE.
        min_global_steps: Version of the weights that decoded the first token, if the server told.
        max_global_steps: Version of the weights that decoded the last one.
    """

    text: RepairedRow
    reward: float
    reward_extra_info: Mapping[str, object]
    input_ids: torch.Tensor
    position_ids: torch.Tensor
    min_global_steps: int | None
    max_global_steps: int | None

    def __post_init__(self) -> None:
        length = len(self.input_ids)
        if self.position_ids.shape[-1] != length or length <= len(self.text.response_ids):
            raise CareDataError(
                f"a repaired row of {length} tokens cannot have positions {tuple(self.position_ids.shape)} and "
                f"{len(self.text.response_ids)} response tokens."
            )


@dataclass(frozen=True, eq=False)
class Repair:
    """How the repair of one failure went, with the row if there is a verdict on it."""

    report: RepairReport
    row: ReplacementRow | None

    def __post_init__(self) -> None:
        if self.report.outcome.usable != (self.row is not None):
            raise CareDataError(f"a repair that is {self.report.outcome.value} must not have row={self.row}.")

    def packed(self) -> bytes:
        """This repair for ``extra_fields``. TransferQueue would turn the dataclasses into plain dictionaries."""
        return pickle.dumps(self)

    @classmethod
    def unpacked(cls, content: object) -> Repair:
        """The repair that ``packed`` made ``content`` of."""
        return cast(Repair, pickle.loads(cast(bytes, content)))
