# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Signals: one meaning, wherever the number comes from."""

import math

import pytest

from recipe.alarms.step import Step, Window
from tests.unit.alarms.runs import facts


def test_cares_metric_goes_before_the_groups():
    groups = facts(accuracy=0.3, all_right=0.2)
    assert Step(1, {}, groups).accuracy == 0.3
    assert Step(1, {"care/acc": 0.5}, groups).accuracy == 0.5
    assert Step(1, {"care/acc": 0.5, "care/acc_sampled": 0.4}, groups).accuracy == 0.4
    assert Step(1, {"care/groups_all_correct": 0.0}, groups).all_right == 0.0
    assert Step(1, {}).accuracy is None


def test_the_reward_stands_in_for_verdicts_that_nobody_has():
    assert Step(1, {"critic/score/mean": 0.7}).success == 0.7
    assert Step(1, {"critic/score/mean": 0.7}, facts(accuracy=0.3)).success == 0.3


def test_the_share_without_a_verdict_is_taken_out_of_the_invalid_rows():
    """0.2 of the rows are invalid, 6 of the 8 for want of a verdict: 0.15."""
    metrics = {"care/rows_invalid": 0.2, "care/left_out/padding": 2.0, "care/left_out/unverified": 6.0}
    assert Step(1, metrics).unverified == pytest.approx(0.15)
    assert Step(1, {"care/rows_invalid": 0.0, "care/left_out/unverified": 0.0}).unverified == 0.0


def test_only_the_limit_cuts_responses_off():
    metrics = {"response_length/max": 96.0, "response_length/clip_ratio": 0.4}
    assert Step(1, metrics, longest_response=96).cut_off == 0.4
    assert Step(1, metrics, longest_response=97).cut_off == 0.0
    assert Step(1, metrics).cut_off is None


def test_what_is_not_finite_is_not_known():
    assert Step(1, {"critic/score/mean": math.nan}).score is None


def test_a_window_has_the_last_steps_or_none():
    window = Window(tuple(Step(number, {}) for number in (1, 2, 3)))
    assert [step.number for step in window.last(2)] == [2, 3]
    assert window.last(4) == ()
