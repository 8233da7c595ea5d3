# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Registered estimators beside the methods that are compared anyway."""

import math

import numpy as np
import pytest

from recipe.care.errors import CareConfigError, CareDataError
from recipe.estimators import Need, group_estimator, registry
from recipe.estimators.registry import estimators
from recipe.replay.estimators import named_methods
from recipe.replay.methods import METHODS
from tests.unit.replay.dumps import rows_of


@pytest.fixture
def empty(monkeypatch):
    monkeypatch.setattr(registry, "_ESTIMATORS", dict(estimators()))


def one(name, *settings):
    return named_methods([name], settings)[name]


def test_names_of_both_kinds_stand_side_by_side_in_their_order():
    assert list(named_methods(["ngrpo", "grpo", "care-best"])) == ["ngrpo", "grpo", "care-best"]


def test_an_estimator_looks_at_groups():
    """NGRPO: -0.5 in a group of three failures, nothing in one without; the row without a verdict is not in it."""
    rows = rows_of([[0, 0, 0], [1, 1], [0, None, 0, 0]])
    expected = [-0.5] * 3 + [0, 0] + [-0.5, 0, -0.5, -0.5]
    assert one("ngrpo").estimator(rows).tolist() == pytest.approx(expected, abs=1e-5)


def test_settings_are_those_of_training():
    rows = rows_of([[1, 0]])
    assert one("weighted_reinforce", "weighted_reinforce.positive_weight=0.5").estimator(rows).tolist() == [0.5, -1]
    with pytest.raises(CareConfigError, match=r"algorithm\.ace\.alpha='much': must be of type float"):
        one("ace", "ace.alpha=much")


def test_credit_is_that_of_the_tokens(empty):
    """In numbers.

    9 rationale and 8 answer tokens. Of the right row the answer alone is pushed, with 1 a token: mass 8/17, none of it
    on the rationale. Of the wrong row all tokens, with -1: mass 1, and 9/17 on the rationale.
    """

    @group_estimator("answers", needs=[Need.REGIONS])
    def answers(group, _settings):
        return np.where(group.right_G[:, None], group.answer_GT, -1.0)

    rows, method = rows_of([[1, 0]]), one("answers")
    assert method.estimator(rows).tolist() == pytest.approx([8 / 17, -1])
    assert method.credit.mass_B(rows, method.estimator(rows)).tolist() == pytest.approx([8 / 17, 1])
    assert method.credit.rationale_share_B(rows).tolist() == pytest.approx([0, 9 / 17])


def test_an_estimator_of_rows_has_the_credit_of_grpo():
    rows = rows_of([[1, 0, 0], [1, 1]])
    ours, grpo = one("weighted_reinforce"), METHODS["grpo"]
    advantages_B = ours.estimator(rows)
    np.testing.assert_allclose(ours.credit.mass_B(rows, advantages_B), grpo.credit.mass_B(rows, advantages_B))
    np.testing.assert_allclose(ours.credit.rationale_share_B(rows), grpo.credit.rationale_share_B(rows))


def test_rows_without_log_probabilities_are_left_out():
    """LENS: 0.8 and 0.4 per token, of three failures; the arithmetic is in the estimator's own test."""
    logp = [17 * math.log(0.8), 17 * math.log(0.4), math.nan]
    rows = rows_of([[0, 0, 0]], logp_sum_B=logp)
    assert one("lens").estimator(rows).tolist() == pytest.approx([-1 / 24, 1 / 24, 0])


@pytest.mark.parametrize(("name", "what"), [("lens", "log-probabilities"), ("ace", "log-probabilities")])
def test_a_dump_without_log_probabilities_is_refused(name, what):
    with pytest.raises(CareDataError, match=f"estimator {name} reads {what}, which no rollout"):
        one(name).estimator(rows_of([[1, 0]]))


def test_ace_reads_what_a_record_has_of_the_reference():
    """A shift of log 3 on the wrong row: softplus log 4."""
    rows = rows_of([[1, 0]], logp_sum_B=[-9.0, -9.0], ref_logp_sum_B=[-9.0, -9 - math.log(3)])
    grpo = math.sqrt(0.5)
    assert one("ace").estimator(rows).tolist() == pytest.approx([grpo, -grpo * (1 + math.log(4))], abs=1e-5)


def test_care_by_its_name_is_that_of_a_run():
    rows = rows_of([[1, 0, 0, 0], [0, 0]], logp_sum_B=[-1.0, -2, -3, -4, -5, -6], logp_mean_B=-np.arange(1, 7) / 17)
    expected = METHODS["care-steady"].estimator(rows)
    assert one("care").estimator(rows).tolist() == pytest.approx(expected.tolist(), abs=1e-5)
