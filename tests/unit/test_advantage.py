# Copyright 2026 The CARE-verl authors
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""Section 2 of the method in numbers, and the public function's behaviour."""

import math

import numpy as np
import pytest
import torch

from recipe.care.advantage import CareResult, Role, care_advantages
from recipe.care.config import CareConfig, RescueConfig, RgrConfig
from recipe.care.errors import CareDataError

RAW = CareConfig(equalize=False, neg_scale=1.0)
"""Leaves the raw advantages visible."""


def on_circle(count: int) -> list[list[float]]:
    """Rows 10 degrees apart, so that the first row is nearest to row 0, and so on."""
    return [[math.cos(math.radians(10 * row)), math.sin(math.radians(10 * row))] for row in range(count)]


def care(acc, config: CareConfig | None = None, **given) -> CareResult:
    """All rows in one group, reward = acc, unless given otherwise."""
    count = len(acc)
    defaults = {
        "acc": acc,
        "rewards": [float(a) for a in acc],
        "group": ["g"] * count,
        "think_len": [10 + row for row in range(count)],
        "answer_len": [3] * count,
        "embeddings": on_circle(count),
        "seq_logp": [-1.0 - row for row in range(count)],
        "config": config or CareConfig(),
    }
    return care_advantages(**(defaults | given))


# --- steps 4 to 6 ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k_prime", [1, 2, 3, 4])
def test_signature_of_one_positive_against_k_prime_equal_negatives(k_prime):
    """Rewards 1 and K' times 0: mu = 1/(K'+1) and sigma^2 = K'/(K'+1)^2.

    So A_raw(y+) = (K'/(K'+1)) / (sqrt(K')/(K'+1)) = sqrt(K'), and A_raw(y-) = -1/sqrt(K').
    """
    result = care([1] + [0] * k_prime, RAW)
    assert result.advantages[0].item() == pytest.approx(math.sqrt(k_prime), rel=1e-4)
    assert result.advantages[1:].tolist() == pytest.approx([-1 / math.sqrt(k_prime)] * k_prime, rel=1e-4)
    assert result.k_prime.tolist() == [k_prime] * (k_prime + 1)


def test_worked_example_with_unequal_rewards_and_all_defaults():
    """Anchor 1.0, negatives 0.1 and 0.0; K' = 2.

    mu = 1.1/3 = 0.366667. Deviations 0.633333, -0.266667, -0.366667; squares 0.401111 + 0.071111 + 0.134444 = 0.606667.
    sigma = sqrt(0.606667/3 + 1e-6) = 0.449693. A_raw = 1.408368, -0.592997, -0.815371.
    s = 0.5 on the negatives: -0.296499, -0.407686. Equalisation sqrt(4/2) = 1.414214: 1.991733, -0.419312, -0.576553.
    """
    result = care([1, 0, 0], rewards=[1.0, 0.1, 0.0])
    assert result.advantages.tolist() == pytest.approx([1.991733, -0.419312, -0.576553], abs=2e-5)
    assert result.advantages.dtype == torch.float32
    assert result.role.tolist() == ["anchor", "hard_negative", "hard_negative"]
    assert result.anchor_of.tolist() == [0, 0, 0]


def test_eps_sits_inside_the_root():
    """Rewards 1 and 0, eps = 0.75: sigma = sqrt(0.25 + 0.75) = 1, so A_raw = +0.5 and -0.5."""
    result = care([1, 0], CareConfig(equalize=False, neg_scale=1.0, eps=0.75))
    assert result.advantages.tolist() == [0.5, -0.5]


@pytest.mark.parametrize("scale", [0.0, 0.25, 1.0])
def test_only_negatives_are_scaled(scale):
    result = care([1, 0, 0, 0, 0], CareConfig(neg_scale=scale))
    assert result.advantages.tolist() == pytest.approx([2.0] + [-0.5 * scale] * 4, rel=1e-4)


@pytest.mark.parametrize("k", [4, 6])
@pytest.mark.parametrize("k_prime", [1, 2, 3, 4])
def test_equalisation_multiplies_by_the_root_of_k_over_k_prime(k, k_prime):
    acc = [1] + [0] * k_prime
    plain, equalised = care(acc, CareConfig(k=k, equalize=False)), care(acc, CareConfig(k=k, equalize=True))
    assert torch.allclose(equalised.advantages, math.sqrt(k / k_prime) * plain.advantages)


def test_equal_rewards_give_no_advantage():
    assert care([1, 0], rewards=[0.3, 0.3]).advantages.tolist() == [0.0, 0.0]


# --- who is positive ------------------------------------------------------------------------------------------------


def test_wrong_but_well_formatted_is_never_positive_nor_anchor():
    """With lambda = 0.1 a wrong, well-formatted row earns 0.1 > 0; shortest of all, it still is no anchor."""
    result = care([0, 0, 1], rewards=[0.1, 0.1, 1.0], think_len=[1, 2, 50])
    assert result.role.tolist() == ["hard_negative", "hard_negative", "anchor"]
    assert (result.advantages[:2] < 0).all()
    all_wrong = care([0, 0], rewards=[0.1, 0.0], config=CareConfig(rescue=RescueConfig(enable=False)))
    assert all_wrong.advantages.tolist() == [0.0, 0.0]


def test_a_wrong_row_is_pushed_down_even_when_its_reward_is_above_the_mean():
    """With lambda = 0.9: right without format 0.1, wrong with format 0.9 and without 0.0.

    mu = 1/3, so A_raw of row 1 is positive; its advantage is -s*|A_raw|. The anchor keeps its negative A_raw: section 2
    does not clamp it, and such a lambda is the user's to reconsider.
    """
    raw = (np.array([0.1, 0.9, 0.0]) - 1 / 3) / math.sqrt(np.var([0.1, 0.9, 0.0]) + 1e-6)
    result = care([1, 0, 0], CareConfig(equalize=False), rewards=[0.1, 0.9, 0.0])
    assert raw[1] > 0 > raw[0]
    assert result.advantages.tolist() == pytest.approx([raw[0], -0.5 * raw[1], 0.5 * raw[2]], abs=1e-6)


def test_rewards_do_not_decide_who_is_selected():
    acc = [1, 0, 0, 1, 0, 0, 0, 0]
    shuffled = [0.1, 1.0, 0.0, 0.7, 0.3, 0.9, 0.2, 0.4]
    assert (care(acc).role == care(acc, rewards=shuffled).role).all()


def test_unselected_positives_and_failures_get_nothing():
    """Of six failures K = 4 are selected; the second, longer positive is unused."""
    result = care([1, 1, 0, 0, 0, 0, 0, 0])
    assert result.role.tolist().count("hard_negative") == 4
    assert result.role[1] == "unused"
    assert (result.advantages[torch.from_numpy(result.role == "unused")] == 0).all()
    assert result.anchor_of[1] == -1
    assert result.k_prime.tolist() == [4] * 8


def test_all_correct_groups_get_nothing():
    result = care([1, 1, 1])
    assert result.advantages.tolist() == [0.0] * 3
    assert result.role.tolist() == ["unused"] * 3
    assert (result.k_prime.tolist(), result.anchor_of.tolist()) == ([0] * 3, [-1] * 3)


@pytest.mark.parametrize("verdict", [0, 1])
def test_a_single_row_has_nothing_to_be_compared_with(verdict):
    result = care([verdict])
    assert (result.role[0], result.advantages.item(), result.k_prime.item()) == ("unused", 0.0, 0)


# --- several anchors ------------------------------------------------------------------------------------------------


def test_multi_shares_the_anchor_side_equally():
    """Positives with rewards 1.0 and 0.9, two failures with 0: one virtual positive of 0.95 against K' = 2.

    mu = 0.95/3 = 0.316667, sigma = sqrt((0.633333^2 + 2 * 0.316667^2)/3 + 1e-6) = 0.447835. A_raw = 1.414210 and
    -0.707105. Each anchor gets 0.707105, each negative -0.353553; all times sqrt(4/2): 0.999997 and -0.499999.
    """
    result = care([1, 1, 0, 0], CareConfig(anchor="multi"), rewards=[1.0, 0.9, 0.0, 0.0])
    assert result.role.tolist() == ["anchor", "anchor", "hard_negative", "hard_negative"]
    assert result.advantages.tolist() == pytest.approx([0.999997, 0.999997, -0.499999, -0.499999], abs=1e-5)
    # At 0, 10, 20 and 30 degrees, both failures are nearest to the anchor at 10; anchors point to themselves.
    assert result.anchor_of.tolist() == [0, 1, 1, 1]


def test_multi_with_one_positive_is_the_single_anchor():
    acc = [0, 1, 0, 0]
    single, multi = care(acc), care(acc, CareConfig(anchor="multi"))
    assert torch.equal(single.advantages, multi.advantages)
    assert torch.equal(single.anchor_of, multi.anchor_of)


# --- repairs --------------------------------------------------------------------------------------------------------


def test_a_successful_repair_keeps_its_raw_advantage():
    """Rewards 1 (anchor), 1 (repair), 0, 0: mu = 0.5, sigma = 0.5, A_raw = +1, +1, -1, -1.

    K' = 3 counts the repair. Factor sqrt(4/3) = 1.154701; negatives are halved: 1.154701 twice, -0.577350 twice.
    """
    result = care([1, 1, 0, 0], repaired=[False, True, False, False])
    assert result.role.tolist() == ["anchor", "repaired_positive", "hard_negative", "hard_negative"]
    assert result.advantages.tolist() == pytest.approx([1.154701, 1.154701, -0.577350, -0.577350], abs=1e-5)
    assert result.k_prime.tolist() == [3] * 4
    assert result.anchor_of.tolist() == [0] * 4


def test_a_failed_repair_is_pushed_half_as_hard():
    """Rewards 1, 0, 0: A_raw = 1.414210 and -0.707105. s = 0.5 and s_refl = 0.25, without equalisation."""
    result = care([1, 0, 0], CareConfig(equalize=False), repaired=[0, 1, 0])
    assert result.role.tolist() == ["anchor", "repaired_negative", "hard_negative"]
    assert result.advantages.tolist() == pytest.approx([1.414210, -0.176776, -0.353553], abs=1e-5)
    harder = care([1, 0, 0], CareConfig(equalize=False, rgr=RgrConfig(neg_scale=1.0)), repaired=[0, 1, 0])
    assert harder.advantages[1].item() == pytest.approx(-0.707105, abs=1e-5)


def test_a_repair_is_not_the_anchor_while_an_original_positive_is_there():
    result = care([1, 1, 0], repaired=[0, 1, 0], think_len=[99, 1, 1])
    assert result.role.tolist() == ["anchor", "repaired_positive", "hard_negative"]


def test_a_repair_is_an_ordinary_row_when_it_is_the_only_positive():
    result = care([0, 1, 0], repaired=[0, 1, 0])
    assert result.role.tolist() == ["hard_negative", "anchor", "hard_negative"]


def test_a_repair_that_leaves_no_failure_still_stands_in_for_one():
    """Both correct with equal rewards: S = {anchor, repair}, nothing to tell apart."""
    result = care([1, 1], repaired=[False, True])
    assert result.role.tolist() == ["anchor", "repaired_positive"]
    assert result.advantages.tolist() == [0.0, 0.0]


def test_several_repairs_do_not_break():
    result = care([1, 1, 0, 0, 0, 0, 0], repaired=[0, 1, 1, 0, 0, 0, 0])
    assert result.role[:3].tolist() == ["anchor", "repaired_positive", "repaired_negative"]
    assert (result.role == "hard_negative").sum() == 2


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
