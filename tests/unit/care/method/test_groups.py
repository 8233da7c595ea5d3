# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Packing rows into padded groups and back."""

import numpy as np
import pytest
import torch

from recipe.care.errors import CareDataError
from recipe.care.method.groups import GroupedRows, as_matrix, as_vector, check_finite, group_index, place_rows

# Group a holds rows 0, 2 and 4, group b row 1, group c row 3.
IDS = ["a", "b", "a", "c", "a"]


def place(valid: list[bool]):
    return place_rows(group_index(IDS), torch.tensor(valid))


def test_groups_are_numbered_in_order_of_appearance():
    assert group_index(IDS).tolist() == [0, 1, 0, 2, 0]


@pytest.mark.parametrize(
    "ids",
    [
        np.array(IDS),
        np.array(IDS, dtype=object),
        [(1, "x"), (2, "x"), (1, "x"), (3, "x"), (1, "x")],
        [7, 5, 7, 6, 7],
        np.array([7, 5, 7, 6, 7]),
        torch.tensor([7, 5, 7, 6, 7]),
    ],
)
def test_any_hashable_id_will_do(ids):
    assert group_index(ids).tolist() == [0, 1, 0, 2, 0]


def test_slots_follow_row_order_and_short_groups_are_padded():
    groups = place([True] * 5)
    assert groups.row_PG.tolist() == [[0, 2, 4], [1, -1, -1], [3, -1, -1]]
    assert groups.filled_PG.tolist() == [[True, True, True], [True, False, False], [True, False, False]]


def test_invalid_rows_get_no_slot():
    groups = place([True, False, False, True, True])
    assert groups.row_PG.tolist() == [[0, 4], [-1, -1], [3, -1]]


def test_one_slot_is_left_when_nothing_is_valid():
    assert place([False] * 5).row_PG.tolist() == [[-1], [-1], [-1]]


def test_an_empty_batch_has_no_groups():
    assert place_rows(group_index([]), torch.zeros(0, dtype=torch.bool)).row_PG.shape == (0, 1)


def test_pack_zeroes_empty_slots_even_where_row_0_is_nan():
    groups = place([False, True, True, True, True])
    values_B = torch.tensor([torch.nan, 1.0, 2.0, 3.0, 4.0])
    assert groups.pack(values_B).tolist() == [[2.0, 4.0], [1.0, 0.0], [3.0, 0.0]]


def test_unpack_undoes_pack():
    groups = place([True, False, True, True, True])
    values_B = torch.tensor([10.0, 11.0, 12.0, 13.0, 14.0])
    assert groups.unpack(groups.pack(values_B), -1.0).tolist() == [10.0, -1.0, 12.0, 13.0, 14.0]


def rows_of_one_group(correct: list[int], repaired: list[int]) -> GroupedRows:
    groups = place_rows(torch.zeros(len(correct), dtype=torch.int64), torch.ones(len(correct), dtype=torch.bool))
    lengths = torch.ones((1, len(correct)), dtype=torch.int64)
    return GroupedRows(groups, torch.tensor([correct]).bool(), torch.tensor([repaired]).bool(), lengths, lengths)


def test_a_repair_counts_among_the_failures_whatever_its_verdict():
    rows = rows_of_one_group(correct=[1, 0, 1], repaired=[0, 0, 1])
    assert rows.positive_PG.tolist() == [[True, False, False]]
    assert rows.failure_PG.tolist() == [[False, True, True]]
    assert rows.repair_PG.tolist() == [[False, False, True]]


def test_a_repair_is_an_ordinary_row_where_no_original_is_positive():
    rows = rows_of_one_group(correct=[0, 0, 1], repaired=[0, 0, 1])
    assert rows.positive_PG.tolist() == [[False, False, True]]
    assert rows.failure_PG.tolist() == [[True, True, False]]
    assert not rows.repair_PG.any()


@pytest.mark.parametrize("values", [[1, 0], (1, 0), np.array([1.0, 0.0]), torch.tensor([True, False])])
def test_vectors_come_as_lists_arrays_or_tensors(values):
    assert as_vector("acc", values, 2, torch.float64).tolist() == [1.0, 0.0]


def test_arrays_with_negative_strides_and_read_only_ones_are_read():
    values = np.arange(3.0)
    values.setflags(write=False)
    assert as_vector("rewards", values[::-1], 3, torch.float64).tolist() == [2.0, 1.0, 0.0]


def test_a_wrong_length_is_named():
    with pytest.raises(CareDataError, match=r"rewards has shape \(3,\), but there are 2 rows"):
        as_vector("rewards", [1, 2, 3], 2, torch.float64)


def test_a_matrix_needs_a_row_each_and_may_be_whole_numbers():
    assert as_matrix("embeddings", [[1, 0], [0, 1]], 2).dtype == torch.float32
    with pytest.raises(CareDataError, match=r"embeddings has shape \(2,\), but must be \(2, H\)"):
        as_matrix("embeddings", [1.0, 0.0], 2)


def test_only_valid_rows_must_be_finite():
    values_B = torch.tensor([1.0, torch.nan, torch.inf])
    check_finite("rewards", values_B, torch.tensor([True, False, False]))
    with pytest.raises(CareDataError, match=r"rewards is not finite in valid rows \[2\]"):
        check_finite("rewards", values_B, torch.tensor([True, False, True]))
