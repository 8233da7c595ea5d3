# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Section 2 of the method in numbers."""

import math

import numpy as np
import pytest
import torch

from recipe.care.config import CareConfig, RescueConfig, RgrConfig
from tests.unit.care.method.advantage_calls import RAW, care

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


@pytest.mark.parametrize("anchor", ["shortest", "multi"])
def test_format_alone_is_no_contrast(anchor):
    """All right, rewards 1 and 0.9: A_raw would be +-1, and sqrt(4/1) times that would push a correct row down."""
    for rewards in ([1.0, 1.0, 0.9], [0.9, 0.9, 1.0]):
        result = care([1, 1, 1], CareConfig(anchor=anchor), repaired=[False, False, True], rewards=rewards)
        assert result.role[2] == "repaired_positive" and result.advantages.tolist() == [0.0] * 3
    with_a_failure = care([1, 1, 0], CareConfig(anchor=anchor), repaired=[False, True, False], rewards=[1.0, 0.9, 0.1])
    assert with_a_failure.advantages[2] < 0 < with_a_failure.advantages[1] < with_a_failure.advantages[0]


def test_several_repairs_do_not_break():
    result = care([1, 1, 0, 0, 0, 0, 0], repaired=[0, 1, 1, 0, 0, 0, 0])
    assert result.role[:3].tolist() == ["anchor", "repaired_positive", "repaired_negative"]
    assert (result.role == "hard_negative").sum() == 2
