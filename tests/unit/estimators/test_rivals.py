# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What each estimator makes of small groups, with the arithmetic written out."""

import math

import numpy as np
import pytest

from recipe.estimators.ace import Ace, ace
from recipe.estimators.baseline import standardized
from recipe.estimators.group import RolloutGroup
from recipe.estimators.lens import Lens, lens
from recipe.estimators.ngrpo import Ngrpo, ngrpo
from recipe.estimators.noisy_verifier import Backward, Forward, noise_backward, noise_forward
from recipe.estimators.weighted_reinforce import WeightedReinforce, weighted_reinforce

ONE_RIGHT = [1, 0, 0, 0]


def near(numbers):
    return pytest.approx(numbers, abs=1e-5)


def test_weighted_reinforce_counts_right_rows_a_tenth():
    """Lambda for right rows and -1 for wrong ones, whatever their rewards and whoever else is there."""
    group = RolloutGroup.of([1, 0, 0, 1], reward=[1.0, 0.1, 0.0, 0.9])
    assert weighted_reinforce(group, WeightedReinforce()).tolist() == [0.1, -1, -1, 0.1]
    assert weighted_reinforce(group, WeightedReinforce(positive_weight=0)).tolist() == [0, -1, -1, 0]
    assert weighted_reinforce(RolloutGroup.of([0, 0]), WeightedReinforce()).tolist() == [-1, -1]


def test_ace_pushes_harder_where_an_error_has_become_likelier():
    """In numbers.

    GRPO: 1.5 and three of -0.5. The shifts of the wrong rows are 0, log 3 and -40, so softplus is log 2 = 0.6931,
    log(1 + 3) = 1.3863 and 0. With alpha 2 the factors are 2.3863, 3.7726 and 1. The right row's shift does not count.
    """
    group = RolloutGroup.of(ONE_RIGHT, logp=[-1, -7, -5, -60], ref_logp=[-30, -7, -5 - math.log(3), -20])
    expected = [1.5, -0.5 * (1 + 2 * math.log(2)), -0.5 * (1 + 2 * math.log(4)), -0.5]
    assert ace(group, Ace(alpha=2)).tolist() == near(expected)
    assert expected[1] == near(-1.19315) and expected[2] == near(-1.88629)


def test_ace_without_alpha_is_grpo_and_leaves_right_rows_below_the_mean_alone():
    """A right row in the wrong format has the lower reward of the two: -0.7071, and its shift does not matter."""
    group = RolloutGroup.of([1, 1], reward=[1.0, 0.9], logp=[-1, -1], ref_logp=[-9, -9])
    assert ace(group, Ace()).tolist() == near(standardized(group.reward_G).tolist())
    group = RolloutGroup.of(ONE_RIGHT, logp=[-1] * 4, ref_logp=[-9] * 4)
    assert ace(group, Ace(alpha=0)).tolist() == near([1.5, -0.5, -0.5, -0.5])


def test_ngrpo_learns_from_a_group_that_failed():
    """In numbers.

    Rewards 0 0 0 and one of 1 that nobody got: mean 1/4, squares 3/16 + 9/16 = 3/4, over 4 - 1 = 3 a variance of 1/4.
    So -1/4 over 1/2: -0.5 for each of the three.
    """
    assert ngrpo(RolloutGroup.of([0, 0, 0]), Ngrpo()).tolist() == near([-0.5] * 3)


def test_ngrpo_in_a_mixed_group_and_in_one_without_failures():
    """In numbers.

    Rewards 1 0 0 and one more 1: mean 1/2, squares 4 * 1/4 = 1, variance 1/3. (1 - 1/2) * sqrt(3) = 0.8660 and
    -0.8660; GRPO has 1.1547 and -0.5774. Where all have the best reward the mean is it, and nothing moves.
    """
    half = math.sqrt(3) / 2
    assert ngrpo(RolloutGroup.of([1, 0, 0]), Ngrpo()).tolist() == near([half, -half, -half])
    assert ngrpo(RolloutGroup.of([1, 1, 1]), Ngrpo()).tolist() == [0, 0, 0]


def test_ngrpo_with_two_virtual_rows_of_another_best_reward():
    """Rewards 0 0 and 2 2: mean 1, squares 4, variance 4/3; -1 / 1.1547 = -0.8660. A single row is GRPO's."""
    group = RolloutGroup.of([0, 0])
    assert ngrpo(group, Ngrpo(max_reward=2, virtual_rows=2)).tolist() == near([-math.sqrt(3) / 2] * 2)
    assert ngrpo(RolloutGroup.of([1], reward=[0.9]), Ngrpo()).tolist() == near([0.9])


def test_lens_tells_the_failures_of_a_failed_group_apart():
    """In numbers.

    Probabilities per token 0.8 and 0.4, so D = 1.6; the penalties are 0.8 / 0.8 = 1 and 0.4 / 1.2 = 1/3, over G = 2:
    rewards -1/2 and -1/6, mean -1/3, deviations -1/6 and 1/6, times alpha = 1/4.
    """
    group = RolloutGroup.of([0, 0], tokens=[10, 5], logp=[10 * math.log(0.8), 5 * math.log(0.4)])
    assert lens(group, Lens()).tolist() == near([-1 / 24, 1 / 24])


def test_lens_in_a_mixed_group():
    """In numbers.

    Probabilities 0.5 of the right row, 0.8 and 0.4 of the wrong ones. 1 / D_imp = (1/3) / 0.5, so D_imp = 1.5; twice
    the largest is 1.6, which is more. Penalties 1 and 1/3 over G = 3: rewards 1, -1/3, -1/9. Their mean is 5/27, the
    deviations 22/27, -14/27 and -8/27, the squares 744/729, over 2 a deviation of 0.71434.
    """
    logp = [10 * math.log(p) for p in (0.5, 0.8, 0.4)]
    deviation = math.sqrt(744 / 729 / 2)
    expected = [22 / 27 / deviation, -14 / 27 / deviation, -8 / 27 / deviation]
    assert lens(RolloutGroup.of([1, 0, 0], logp=logp), Lens()).tolist() == near(expected)


def test_lens_where_right_rows_are_unlikely_the_difficulty_decides():
    """In numbers.

    One right of four, 0.5 like all: 1 / D_imp = (1/4) / 0.5, so D_imp = 2, more than 2 * 0.5. Penalty 0.5 / 1.5 = 1/3,
    over 4: rewards 1 and three of -1/12, which differ as 1 and 0 do. So GRPO's 1.5 and -0.5.
    """
    group = RolloutGroup.of(ONE_RIGHT, logp=[10 * math.log(0.5)] * 4)
    assert lens(group, Lens()).tolist() == near([1.5, -0.5, -0.5, -0.5])


def test_lens_pushes_every_failure_of_a_mixed_group_down():
    """The paper's reason for the factor 1/G: one right, one of no confidence, all others sure of themselves."""
    p = [0.5, 1e-6, *[0.99] * 6]
    advantages = lens(RolloutGroup.of([1, *[0] * 7], logp=[10 * math.log(one) for one in p]), Lens())
    assert advantages[0] > 0 and (advantages[1:] < 0).all()


def test_the_forward_weights_are_right_in_expectation():
    """In numbers.

    fn = 0.2, fp = 0.1. A right answer is accepted in 8 of 10 cases: 0.8 * 0.2 - 0.2 * 0.8 = 0. A wrong one in 1 of 10:
    0.1 * 0.2 - 0.9 * 0.8 = -0.7 = -(1 - 0.2 - 0.1).
    """
    accepted, rejected = noise_forward(RolloutGroup.of([1, 0]), Forward(false_negative=0.2))
    assert [accepted, rejected] == near([0.2, -0.8])
    assert 0.8 * accepted + 0.2 * rejected == pytest.approx(0)
    assert 0.1 * accepted + 0.9 * rejected == pytest.approx(-0.7)


def test_the_forward_correction_is_w_reinforce_by_another_name():
    """Fn = 1/11 gives weights 1/11 and -10/11: 10/11 times 0.1 and -1."""
    group = RolloutGroup.of(ONE_RIGHT)
    forward = noise_forward(group, Forward(false_negative=1 / 11))
    assert forward.tolist() == near((10 / 11 * weighted_reinforce(group, WeightedReinforce())).tolist())


def test_the_backward_reward_is_right_in_expectation_and_centred():
    """In numbers.

    fn = 0.2, fp = 0.1: accepted (1 - 0.1) / 0.7 = 9/7, rejected -1/7. A right answer gets 0.8 * 9/7 - 0.2 / 7 = 1, a
    wrong one 0.1 * 9/7 - 0.9 / 7 = 0. In a group of one accepted and three rejected rows the mean is 3/14.
    """
    assert pytest.approx(1) == 0.8 * 9 / 7 - 0.2 / 7 and pytest.approx(0) == 0.1 * 9 / 7 - 0.9 / 7
    advantages = noise_backward(RolloutGroup.of(ONE_RIGHT), Backward(false_negative=0.2, false_positive=0.1))
    assert advantages.tolist() == near([9 / 7 - 3 / 14, *[-1 / 7 - 3 / 14] * 3])
    assert advantages.tolist() == near(((np.array(ONE_RIGHT) - 0.25) / 0.7).tolist())


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: WeightedReinforce(positive_weight=1.5), "positive_weight=1.5: must be a number between 0 and 1"),
        (lambda: Ace(alpha=-1), "alpha=-1: must be a number of 0 or more"),
        (lambda: Ace(alpha=math.inf), "alpha=inf"),
        (lambda: Ngrpo(virtual_rows=0), "virtual_rows=0: must be at least 1"),
        (lambda: Ngrpo(max_reward=math.nan), "max_reward=nan"),
        (lambda: Lens(alpha=2), "alpha=2: must be a number between 0 and 1"),
        (lambda: Forward(false_negative=1), "false_negative=1: must be a share"),
        (lambda: Backward(false_negative=-0.1, false_positive=0), "false_negative=-0.1"),
        (lambda: Backward(false_negative=0.5, false_positive=0.5), "below 1 together with false_negative=0.5"),
    ],
)
def test_settings_without_meaning_are_refused(make, said):
    with pytest.raises(ValueError, match=said):
        make()
