# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""verl's log-prob pass over some rows of a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, cast

from verl_ext.step.live_rows import even_micro_batches
from verl_ext.step.rollouts import Batch, Tag

if TYPE_CHECKING:
    from verl.single_controller.ray import RayWorkerGroup


def data_parallel_ranks(workers: RayWorkerGroup) -> int:
    """How many ranks share a batch; verl has asked the workers for this mapping when it balanced the batch."""
    return max(workers._dispatch_info["actor"]) + 1


class PassPlan(NamedTuple):
    """The rows of a log-prob pass over some rows of a batch, filled up to what verl's workers can share out."""

    rows: list[int]
    micro_batch: int


def plan_pass(rows: Sequence[int], tags: Sequence[Tag], ranks: int, largest_micro_batch: int | None) -> PassPlan:
    """Fill ``rows`` up so that every rank gets equally many, in equal micro-batches.

    Args:
        rows: The rows that need the pass, at least one.
        tags: The tags of all rows of the batch; the shortest of the others, real ones first, fill up.
        ranks: Data-parallel ranks.
        largest_micro_batch: Rows of a micro-batch on one rank; None if verl sizes them by tokens.
    """
    per_rank, micro_batch = even_micro_batches(-(-len(rows) // ranks), largest_micro_batch)
    wanted = set(rows)
    others = [row for row in range(len(tags)) if row not in wanted]
    others.sort(key=lambda row: (bool(tags[row].get("is_padding", False)), cast(int, tags[row]["seq_len"])))
    return PassPlan([*rows, *others[: per_rank * ranks - len(rows)]], micro_batch)


def run_pass(batch: Batch, plan: PassPlan, compute: Callable[[Batch], object]) -> Batch:
    """Have ``compute``, verl's own pass, look at the rows of a plan; it writes what it finds. Returns those rows."""
    part = batch.select_keys([batch.keys[row] for row in plan.rows])
    part.extra_info["micro_batch_size_per_gpu"] = plan.micro_batch
    compute(part)
    return part
