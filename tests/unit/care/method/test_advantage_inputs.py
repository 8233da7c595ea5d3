# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What ``care_advantages`` takes: rows in any order, rows to leave alone, and what it refuses."""

import math

import numpy as np
import pytest
import torch

from recipe.care.config import CareConfig
from recipe.care.errors import CareDataError
from recipe.care.method.advantage import CareResult, Role, care_advantages
from tests.unit.care.method.advantage_calls import care, on_circle

# --- rows that do not count -----------------------------------------------------------------------------------------


def test_invalid_rows_poison_nothing():
    """Rows 1 and 3 hold NaN in everything; without them the group is rows 0, 2 and 4."""
    nan = math.nan
    with_invalid = care(
        [1, nan, 0, nan, 0],
        rewards=[1, nan, 0.1, nan, 0],
        embeddings=[[1, 0], [nan, nan], [0, 1], [nan, 0], [1, 1]],
        seq_logp=[-1, nan, -2, nan, -3],
        valid=[1, 0, 1, 0, 1],
    )
    without = care([1, 0, 0], rewards=[1, 0.1, 0], embeddings=[[1, 0], [0, 1], [1, 1]])
    assert with_invalid.role.tolist() == ["anchor", "invalid", "hard_negative", "invalid", "hard_negative"]
    assert with_invalid.advantages[[0, 2, 4]].tolist() == without.advantages.tolist()
    assert with_invalid.advantages[[1, 3]].tolist() == [0.0, 0.0]
    assert with_invalid.anchor_of.tolist() == [0, -1, 0, -1, 0]
    assert with_invalid.k_prime.tolist() == [2] * 5


def test_an_invalid_positive_is_no_anchor():
    """With its only positive gone the group has failed throughout, and is rescued."""
    result = care([1, 0, 0], valid=np.array([False, True, True]))
    assert result.role.tolist() == ["invalid", "rescue_anchor", "rescue_negative"]


def test_a_group_of_invalid_rows_is_left_alone():
    result = care([1, 0, 1, 0], group=["a", "a", "pad", "pad"], valid=[True, True, False, False])
    assert result.role.tolist() == ["anchor", "hard_negative", "invalid", "invalid"]
    assert result.k_prime.tolist() == [1, 1, 0, 0]


def test_an_empty_batch_is_fine():
    result = care_advantages([], [], [], [], [], torch.zeros(0, 4), [], CareConfig())
    assert len(result.advantages) == len(result.role) == 0


# --- the public surface ---------------------------------------------------------------------------------------------


def test_interleaved_groups_of_unequal_size_come_back_in_the_callers_order():
    """Group a: rows 0, 2, 3 with the anchor in row 3. Group b: rows 1 and 4 with the anchor in row 1."""
    result = care([0, 1, 0, 1, 0], group=[("a", 1), ("b", 1), ("a", 1), ("a", 1), ("b", 1)])
    assert result.role.tolist() == ["hard_negative", "anchor", "hard_negative", "anchor", "hard_negative"]
    assert result.anchor_of.tolist() == [3, 1, 3, 3, 1]
    assert result.k_prime.tolist() == [2, 1, 2, 2, 1]
    # A_raw = sqrt(K'), times sqrt(4/K'): always 2.
    assert result.advantages[[1, 3]].tolist() == pytest.approx([2.0, 2.0], rel=1e-4)


def test_lists_arrays_and_tensors_give_the_same_result():
    lists = care([1, 0, 0, 1])
    given = {
        "rewards": [1.0, 0, 0, 1],
        "think_len": [10, 11, 12, 13],
        "answer_len": [3] * 4,
        "embeddings": on_circle(4),
        "seq_logp": [-1.0, -2, -3, -4],
        "valid": [True] * 4,
        "repaired": [False] * 4,
    }
    for convert in (np.array, torch.tensor):
        converted = care(convert([1, 0, 0, 1]), **{name: convert(values) for name, values in given.items()})
        assert torch.allclose(converted.advantages, lists.advantages)
        assert (converted.role == lists.role).all()


def test_result_types():
    result = care([1, 0])
    assert (result.advantages.dtype, result.anchor_of.dtype, result.k_prime.dtype) == (
        torch.float32,
        torch.int64,
        torch.int64,
    )
    assert isinstance(result.role, np.ndarray)
    assert result.role[0] == "anchor" and result.role[0] == Role.ANCHOR
    assert (result.role == Role.ANCHOR).tolist() == [True, False]


def test_inputs_are_not_modified():
    embeddings, rewards = torch.randn(4, 8), torch.tensor([1.0, 0.0, 0.0, 0.1])
    kept_embeddings, kept_rewards = embeddings.clone(), rewards.clone()
    care([1, 0, 0, 0], embeddings=embeddings, rewards=rewards)
    assert torch.equal(embeddings, kept_embeddings)
    assert torch.equal(rewards, kept_rewards)


@pytest.mark.parametrize("selector", ["nearest", "mixed", "farthest", "lexical"])
def test_missing_embeddings_are_an_error_that_names_the_alternatives(selector):
    with pytest.raises(CareDataError, match=f"algorithm.care.selector={selector}.*lexical.*random"):
        care([1, 0], CareConfig(selector=selector), embeddings=None)


def test_random_selection_runs_without_embeddings_or_log_probabilities():
    config = CareConfig(selector="random", anchor="random")
    result = care([1, 1, 0, 0, 0, 0, 0], config, embeddings=None, seq_logp=None)
    assert (result.role == "anchor").sum() == 1
    assert (result.role == "hard_negative").sum() == 4


@pytest.mark.parametrize("name", ["rewards", "think_len", "answer_len", "seq_logp", "valid", "repaired"])
def test_a_vector_of_the_wrong_length_is_named(name):
    with pytest.raises(CareDataError, match=name):
        care([1, 0], **{name: [1, 1, 1]})


@pytest.mark.parametrize("name", ["acc", "rewards", "seq_logp"])
def test_nan_in_a_valid_row_is_named(name):
    with pytest.raises(CareDataError, match=rf"{name} is not finite in valid rows \[1\]"):
        care(**({"acc": [1, 0]} | {name: [1.0, math.nan]}))


def test_a_result_must_have_one_entry_per_row():
    with pytest.raises(CareDataError, match="one entry per row"):
        CareResult(torch.zeros(2), np.array(["unused"]), torch.zeros(2), torch.zeros(2))
