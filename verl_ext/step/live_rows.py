# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Rows that teach: which rows an update needs, and how they are handed to the ranks.

A row whose advantage is 0 on every token has no gradient, as long as nothing but the policy loss trains. Left out, with
the denominators of the whole mini-batch kept, the update is the same up to rounding.

verl hands each of R ranks an equal share of the rows, in order, and each rank cuts its share into M mini-batches. A
*cell* is what one rank has of one mini-batch. All cells have one size, so each mini-batch is filled up with dead rows
of its own, the shortest ones. A row stays in its mini-batch, and may change ranks inside it, so that ranks finish
together.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class UpdatePlan:
    """The rows of an update, as verl cuts them up.

    Attributes:
        rows: Rank by rank, and within a rank mini-batch by mini-batch; every cell has the same number of rows.
        mini_batches: M.
        micro_batch: Rows of a micro-batch, all of which are equally large; None where they are sized by tokens.
        mini_batch_of: The mini-batch of each row of the step, left out or not.
    """

    rows: list[int]
    mini_batches: int
    micro_batch: int | None
    mini_batch_of: list[int]

    def tokens_kept(self, trained_tokens: Sequence[int]) -> list[float]:
        """For each of ``rows``, the share of its mini-batch's trained tokens that is still there.

        Its advantage is multiplied by that where the loss is a mean over the tokens of a mini-batch.

        Args:
            trained_tokens: B, tokens of each row of the step that the loss counts.
        """
        whole, kept = [0] * self.mini_batches, [0] * self.mini_batches
        for row, tokens in enumerate(trained_tokens):
            whole[self.mini_batch_of[row]] += tokens
        for row in self.rows:
            kept[self.mini_batch_of[row]] += trained_tokens[row]
        return [kept[number] / max(1, whole[number]) for number in (self.mini_batch_of[row] for row in self.rows)]


def even_micro_batches(rows: int, largest: int | None) -> tuple[int, int]:
    """Rows of a rank, filled up as little as need be for equal micro-batches, and rows of one of these.

    Args:
        rows: At least one.
        largest: Rows of a micro-batch at most; None for all in one.
    """
    count = 1 if largest is None else -(-rows // largest)
    micro_batch = -(-rows // count)
    return micro_batch * count, micro_batch


def plan_update(
    live: Sequence[bool], tokens: Sequence[int], ranks: int, mini_batch: int, largest_micro_batch: int | None
) -> UpdatePlan:
    """Plan an update without the rows that teach nothing.

    Args:
        live: B, whether a row has a token with an advantage; the order is verl's, rank by rank.
        tokens: B, the length of each row, prompt included: its cost.
        ranks: R.
        mini_batch: Rows of a mini-batch, all ranks together; a multiple of R.
        largest_micro_batch: Rows of a micro-batch at most; None where verl sizes micro-batches by tokens.

    Returns:
        The plan. A mini-batch without any live row keeps one cell's worth of dead rows: the optimizer makes its step
        with gradients of 0, as it would have.
    """
    share, cell = len(live) // ranks, mini_batch // ranks
    if len(live) % ranks or mini_batch % ranks or share % cell or cell % (largest_micro_batch or 1):
        raise ValueError(
            f"{len(live)} rows cannot be cut for {ranks} ranks, mini-batches of {mini_batch}, micro-batches of "
            f"{largest_micro_batch}"
        )
    mini_batch_of = [row % share // cell for row in range(len(live))]
    members: list[list[int]] = [[] for _ in range(share // cell)]
    for row, number in enumerate(mini_batch_of):
        members[number].append(row)
    most = max(sum(live[row] for row in rows) for rows in members)
    size, micro_batch = even_micro_batches(max(1, -(-most // ranks)), largest_micro_batch)
    cells = [_fill(rows, live, tokens, ranks, size) for rows in members]
    rows = [row for rank in range(ranks) for of_ranks in cells for row in of_ranks[rank]]
    return UpdatePlan(rows, len(members), None if largest_micro_batch is None else micro_batch, mini_batch_of)


def _fill(rows: list[int], live: Sequence[bool], tokens: Sequence[int], ranks: int, size: int) -> list[list[int]]:
    """Deal a mini-batch's live rows to the ranks, the longest first, and fill up with its shortest dead rows."""
    dealt = sorted((row for row in rows if live[row]), key=lambda row: -tokens[row])
    fill = sorted((row for row in rows if not live[row]), key=lambda row: tokens[row])
    dealt += fill[: ranks * size - len(dealt)]
    cells: list[list[int]] = [[] for _ in range(ranks)]
    load = [(0, rank) for rank in range(ranks)]
    for row in dealt:
        total, rank = heapq.heappop(load)
        cells[rank].append(row)
        if len(cells[rank]) < size:
            heapq.heappush(load, (total + tokens[row], rank))
    return cells
