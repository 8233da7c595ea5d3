# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""A row's verdict comes from ``acc`` and from nothing else."""

import math

import pytest

from recipe.care.errors import CareDataError
from verl_ext.step.verdicts import LeftOut, Verdict, read_verdict

REWARD = 0.3
"""Of the row; looked at only where the reward function returned nothing else."""


def test_acc_decides_whatever_the_score():
    # Wrong but well formatted: score 0.1 (lambda = 0.1), acc 0. It must not become a positive.
    assert read_verdict({"score": 0.1, "acc": 0.0, "format": 1.0}, None, REWARD) == Verdict(0.0, None)
    assert read_verdict({"score": 0.9, "acc": 1.0, "format": 0.0}, None, REWARD) == Verdict(1.0, None)
    # A threshold does not override a verdict that is there.
    assert read_verdict({"score": 0.1, "acc": 0.0}, 0.05, REWARD) == Verdict(0.0, None)


def test_failed_verification_is_no_verdict():
    assert read_verdict({"score": 0.0, "acc": 0.0, "verified": 0.0}, None, REWARD).left_out is LeftOut.UNVERIFIED
    assert read_verdict({"score": 0.0, "acc": math.nan}, None, REWARD).left_out is LeftOut.UNVERIFIED
    assert read_verdict({"score": 0.0, "acc": None}, None, REWARD).left_out is LeftOut.UNVERIFIED
    assert read_verdict({"score": 1.0, "acc": 1.0, "verified": 1.0}, None, REWARD).left_out is None


def test_bare_float_is_refused_with_the_remedy():
    # verl's naive manager stores a bare float 0.1 as {"acc": 0.1}.
    with pytest.raises(CareDataError, match=r'bare number.*"acc": 0 or 1.*algorithm\.care\.positive_threshold'):
        read_verdict({"acc": 0.1}, None, REWARD)
    with pytest.raises(CareDataError, match="no acc"):
        read_verdict({"score": 0.1}, None, REWARD)


def test_threshold_makes_a_verdict_of_a_bare_float():
    assert read_verdict({"acc": 0.1}, 0.5, REWARD) == Verdict(0.0, None)
    assert read_verdict({"acc": 0.5}, 0.5, REWARD) == Verdict(1.0, None)
    assert read_verdict({"score": 0.7}, 0.5, REWARD) == Verdict(1.0, None)


def test_the_reward_itself_is_judged_where_there_is_nothing_else():
    assert read_verdict({}, 0.5, 0.7) == Verdict(1.0, None)
    assert read_verdict({}, 0.5, 0.4) == Verdict(0.0, None)
    with pytest.raises(CareDataError, match=r"algorithm\.care\.positive_threshold"):
        read_verdict({}, None, 0.7)
