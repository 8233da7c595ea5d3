# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Groups in which every rollout failed."""

import math

import pytest
import torch

from recipe.care.config import CareConfig, RescueConfig
from recipe.care.errors import CareDataError
from recipe.care.method.advantage import CareResult, care_advantages
from recipe.care.method.rescue import pseudo_rewards


def rescue(logp, config: CareConfig | None = None, angles=None, **more) -> CareResult:
    """One group in which all rows failed, at ``angles`` degrees (evenly spread by default)."""
    count = len(logp)
    angles = [10.0 * row for row in range(count)] if angles is None else angles
    return care_advantages(
        acc=[0] * count,
        rewards=[0.1] * count,
        group=["g"] * count,
        think_len=[5] * count,
        answer_len=[2] * count,
        embeddings=[[math.cos(math.radians(a)), math.sin(math.radians(a))] for a in angles],
        seq_logp=logp,
        config=config or CareConfig(),
        **more,
    )


def rescue_config(**fields) -> CareConfig:
    return CareConfig(rescue=RescueConfig(**fields))


def test_pseudo_rewards_by_hand():
    # delta = 0.1. K' = 4: 0.1 and four times -0.025. K' = 1: 0.1 and -0.1.
    assert pseudo_rewards(4, 0.1) == pytest.approx([0.1, -0.025, -0.025, -0.025, -0.025])
    assert pseudo_rewards(1, 0.1) == pytest.approx([0.1, -0.1])


def test_the_likeliest_failure_is_lifted_and_four_others_are_lowered():
    """K' = min(4, 5 - 1) = 4, so the factor sqrt(K/K') is 1: +0.1, and -0.1/4 = -0.025 each."""
    result = rescue([-2.0, -0.5, -1.0, -3.0, -4.0])
    assert result.advantages.tolist() == pytest.approx([-0.025, 0.1, -0.025, -0.025, -0.025])
    assert result.role.tolist() == ["rescue_negative", "rescue_anchor"] + ["rescue_negative"] * 3
    assert result.anchor_of.tolist() == [1, 1, 1, 1, 1]
    assert result.k_prime.tolist() == [4] * 5


def test_small_groups_are_equalised_and_stay_zero_sum():
    """Two failures: K' = 1, factor sqrt(4/1) = 2, so +0.2 and -0.2. Three: K' = 2, sqrt(2) * 0.1 and half of it."""
    assert rescue([-1.0, -2.0]).advantages.tolist() == pytest.approx([0.2, -0.2])
    assert rescue([-1.0, -2.0, -3.0]).advantages.tolist() == pytest.approx([0.141421, -0.0707107, -0.0707107], abs=1e-6)


def test_without_equalisation_delta_is_the_advantage():
    config = CareConfig(equalize=False)
    assert rescue([-1.0, -2.0], config).advantages.tolist() == pytest.approx([0.1, -0.1])


def test_the_push_is_proportional_to_delta():
    small = rescue([-1.0, -2.0, -3.0], rescue_config(delta=0.1)).advantages
    large = rescue([-1.0, -2.0, -3.0], rescue_config(delta=0.3)).advantages
    assert torch.allclose(large, 3 * small)


def test_normalising_cancels_delta_and_pushes_as_hard_as_a_verified_anchor():
    """K' = 4, mu = 0, sigma^2 = (d^2 + 4 (d/4)^2) / 5 = d^2/4, so A_raw = +2 = sqrt(K') and -0.5; times s: -0.25."""
    for delta in (0.1, 1.0):
        result = rescue([-1.0, -2.0, -3.0, -4.0, -5.0], rescue_config(delta=delta, normalize=True))
        # eps = 1e-6 against sigma^2 = 0.0025 leaves delta = 0.1 a relative 2e-4 short.
        assert result.advantages.tolist() == pytest.approx([2.0, -0.25, -0.25, -0.25, -0.25], rel=3e-4)


def test_the_others_are_spread_out_from_the_anchor():
    """From 0, K = 2 of 20, 90, 100, 170: 170 is farthest; then 90 is min(90, 80) = 80 from both, 100 only 70."""
    result = rescue([-1.0] + [-2.0] * 4, CareConfig(k=2, m=6), angles=[0, 20, 90, 100, 170])
    assert result.role.tolist() == ["rescue_anchor", "unused", "rescue_negative", "unused", "rescue_negative"]


def test_the_pool_is_not_cut_to_the_m_nearest():
    """M = K = 1 would leave only the row at 10 degrees if it applied; the farthest is taken."""
    result = rescue([-1.0, -2.0, -2.0], CareConfig(k=1, m=1), angles=[0, 10, 120])
    assert result.role.tolist() == ["rescue_anchor", "unused", "rescue_negative"]


def test_equal_log_probabilities_go_to_the_earlier_row():
    assert rescue([-1.0, -1.0]).role.tolist() == ["rescue_anchor", "rescue_negative"]


def test_a_single_failure_is_left_alone():
    result = rescue([-1.0])
    assert (result.role[0], result.advantages.item(), result.k_prime.item()) == ("unused", 0.0, 0)
    two_of_which_one_invalid = rescue([-1.0, -2.0], valid=[True, False])
    assert two_of_which_one_invalid.role.tolist() == ["unused", "invalid"]


def test_rescue_can_be_switched_off_and_then_needs_no_log_probabilities():
    config = rescue_config(enable=False)
    result = care_advantages([0, 0], [0.1, 0], ["g", "g"], [1, 1], [1, 1], [[1.0], [2.0]], None, config)
    assert result.role.tolist() == ["unused", "unused"]
    assert result.advantages.tolist() == [0.0, 0.0]


def test_missing_log_probabilities_are_an_error_that_says_what_to_pass():
    with pytest.raises(CareDataError, match=r"algorithm.care.rescue.enable=true needs seq_logp.*rescue.logp"):
        care_advantages([0, 0], [0.1, 0], ["g", "g"], [1, 1], [1, 1], [[1.0], [2.0]], None, CareConfig())


def test_random_selection_needs_no_embeddings_here_either():
    config = CareConfig(k=2, selector="random")
    result = care_advantages([0] * 5, [0.1] * 5, ["g"] * 5, [3, 4, 5, 6, 7], [1] * 5, None, [-1.0] + [-2.0] * 4, config)
    assert result.role[0] == "rescue_anchor"
    assert (result.role == "rescue_negative").sum() == 2


def test_a_failed_repair_is_an_ordinary_failure_here():
    result = rescue([-2.0, -1.0], repaired=[False, True])
    assert result.role.tolist() == ["rescue_negative", "rescue_anchor"]
