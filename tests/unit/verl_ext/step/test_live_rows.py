# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Which rows an update is made of, and which cell each goes to."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verl_ext.step.live_rows import plan_update


@st.composite
def steps(draw):
    ranks, mini_batches, micro = draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    cell = micro * draw(st.integers(1, 4))
    count = ranks * mini_batches * cell
    live = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    tokens = draw(st.lists(st.integers(1, 50), min_size=count, max_size=count))
    return live, tokens, ranks, mini_batches, cell, micro


@given(steps())
def test_every_live_row_once_equal_cells_and_membership_kept(step):
    live, tokens, ranks, mini_batches, cell, micro = step
    plan = plan_update(live, tokens, ranks, cell * ranks, micro)
    counted = Counter(plan.rows)
    assert set(counted.values()) == {1}
    assert {row for row, one in enumerate(live) if one} <= set(counted)
    size, rest = divmod(len(plan.rows), ranks * mini_batches)
    assert rest == 0 and 1 <= size <= cell and size % plan.micro_batch == 0 and plan.micro_batch <= micro
    for place, row in enumerate(plan.rows):
        mini_batch_before = row % (cell * mini_batches) // cell
        mini_batch_now = place % (size * mini_batches) // size
        assert mini_batch_now == mini_batch_before


@given(steps())
def test_cells_are_no_larger_than_the_fullest_mini_batch_needs(step):
    live, tokens, ranks, mini_batches, cell, micro = step
    plan = plan_update(live, tokens, ranks, cell * ranks, micro)
    most = max(
        sum(one for row, one in enumerate(live) if row % (cell * mini_batches) // cell == number)
        for number in range(mini_batches)
    )
    size, needed = len(plan.rows) // (ranks * mini_batches), max(1, -(-most // ranks))
    # Filled up by less than a row for each micro-batch.
    assert needed <= size < needed + size // plan.micro_batch


def test_by_hand():
    """Two ranks, two mini-batches of four rows, cells of two.

    Mini-batch 0 is rows 0, 1 (rank 0) and 4, 5 (rank 1); live are 0, 1 and 4. Mini-batch 1 is rows 2, 3, 6, 7, all
    dead. Three live rows on two ranks need cells of two. Longest first: 1 (9 tokens) to rank 0, 0 (5) to rank 1, 4 (3)
    to rank 1, and the fill, row 5, to rank 0. Mini-batch 1 is dead: its four rows are all fill, the shortest first.
    """
    live = [True, True, False, False, True, False, False, False]
    tokens = [5, 9, 4, 3, 3, 7, 2, 1]
    plan = plan_update(live, tokens, ranks=2, mini_batch=4, largest_micro_batch=1)
    assert plan.rows == [1, 5, 7, 3, 0, 4, 6, 2]
    assert plan.mini_batches == 2
    assert plan.tokens_kept([10] * 8) == [1.0] * 8


def test_the_share_of_tokens_that_is_left():
    """One rank, one mini-batch: rows of 10, 20, 30 and 40 trained tokens; row 1 teaches, so 20 of 100 are left."""
    plan = plan_update([False, True, False, False], [1] * 4, ranks=1, mini_batch=4, largest_micro_batch=1)
    assert (plan.rows, plan.tokens_kept([10, 20, 30, 40])) == ([1], [0.2])


def test_a_mini_batch_without_a_live_row_keeps_its_shortest():
    plan = plan_update([True, True, False, False], [5, 5, 9, 2], ranks=1, mini_batch=2, largest_micro_batch=1)
    # Cells of two, since mini-batch 0 needs them.
    assert plan.rows == [0, 1, 3, 2]
    plan = plan_update([True, False, False, False], [5, 5, 9, 2], ranks=1, mini_batch=2, largest_micro_batch=1)
    assert plan.rows == [0, 3]


def test_micro_batches_are_evened_out():
    """Ten live rows of 16 on one rank, micro-batches of at most 4: three of 4, which two dead rows fill up.

    Nine are three of 3, and sized by tokens nothing has to be filled up.
    """
    live = [True] * 10 + [False] * 6
    plan = plan_update(live, [1] * 16, ranks=1, mini_batch=16, largest_micro_batch=4)
    assert (len(plan.rows), plan.micro_batch) == (12, 4)
    plan = plan_update([True] * 9 + [False] * 7, [1] * 16, ranks=1, mini_batch=16, largest_micro_batch=4)
    assert (len(plan.rows), plan.micro_batch) == (9, 3)
    plan = plan_update(live, [1] * 16, ranks=1, mini_batch=16, largest_micro_batch=None)
    assert (len(plan.rows), plan.micro_batch) == (10, None)


def test_rows_that_do_not_fit_are_an_error():
    with pytest.raises(ValueError, match="6 rows cannot be cut for 2 ranks"):
        plan_update([True] * 6, [1] * 6, ranks=2, mini_batch=4, largest_micro_batch=1)
