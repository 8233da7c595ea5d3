# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Which rows make a group, and who is what in it."""

import numpy as np
import pytest
import torch

from recipe.care.errors import CareDataError
from recipe.care.method.groups import Group, as_matrix, as_vector, check_finite, group_index, members_of

# Group a holds rows 0, 2 and 4, group b row 1, group c row 3.
IDS = ["a", "b", "a", "c", "a"]


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


def members(valid: list[bool]) -> list[list[int]]:
    return members_of(group_index(IDS), torch.tensor(valid))


def test_members_follow_row_order():
    assert members([True] * 5) == [[0, 2, 4], [1], [3]]


def test_invalid_rows_are_no_members():
    assert members([True, False, False, True, True]) == [[0, 4], [], [3]]
    assert members([False] * 5) == [[], [], []]


def test_an_empty_batch_has_no_groups():
    assert members_of(group_index([]), torch.zeros(0, dtype=torch.bool)) == []


def group_of(correct: list[int], repaired: list[int]) -> Group:
    ones = [1] * len(correct)
    return Group(ones, [bool(one) for one in correct], [bool(one) for one in repaired], ones, ones)


def test_a_repair_counts_among_the_failures_whatever_its_verdict():
    group = group_of(correct=[1, 0, 1], repaired=[0, 0, 1])
    assert (group.positives, group.failures, group.repairs) == ([0], [1, 2], [2])


def test_a_repair_is_an_ordinary_row_where_no_original_is_positive():
    group = group_of(correct=[0, 0, 1], repaired=[0, 0, 1])
    assert (group.positives, group.failures, group.repairs) == ([2], [0, 1], [])


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
