# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Which repair represents its group, and the metrics of a step's repairs."""

import math

import pytest
import torch

from recipe.care.config import CareConfig, RescueConfig, RgrConfig
from recipe.care.errors import CareDataError
from recipe.care.method.advantage import care_advantages
from recipe.care.repair.choose import RGR_METRICS, Outcome, RepairReport, choose_representatives, rgr_metrics


def report(
    outcome: str, rank: int = 0, tokens: int = 10, seconds: float = 2.0, rollouts: float = 5.0, done: float = 7.0
):
    return RepairReport(Outcome(outcome), rank, tokens, seconds, rollouts, done)


def at_degrees(*angles: float) -> torch.Tensor:
    return torch.tensor([[math.cos(math.radians(a)), math.sin(math.radians(a))] for a in angles])


def choose(acc, reports, angles, group=None, config=None):
    group, config, count = group or ["g"] * len(acc), config or CareConfig(), len(acc)
    embeddings = None if angles is None else at_degrees(*angles)
    result = care_advantages(acc, acc, group, [5] * count, [1] * count, embeddings, [-1.0] * count, config)
    return choose_representatives(result, acc, group, reports, config.rgr)


def test_the_nearest_hard_negative_with_a_usable_repair_represents_its_group():
    """Row 2 is nearest (10 degrees) but its repair was discarded; row 3 (20) failed again, which is usable."""
    reports = [None, report("passed", 1), report("discarded", 0), report("failed", 2)]
    chosen = choose([1, 0, 0, 0], reports, [0, 30, 10, 20])
    assert chosen.rows == [3]
    assert (chosen.groups, chosen.covered, chosen.agreed) == (1, 0, 1)


def test_a_failure_that_was_not_selected_is_never_used():
    """K = M = 1 selects row 1 only."""
    chosen = choose([1, 0, 0], [None, None, report("passed")], [0, 10, 20], config=CareConfig(k=1, m=1))
    assert (chosen.rows, chosen.groups, chosen.covered, chosen.agreed) == ([], 1, 0, 0)


def test_groups_are_told_apart_and_only_mixed_ones_count():
    group = ["a", "b", "a", "b", "c", "c", "d", "d"]
    acc = [1, 0, 0, 1, 0, 0, 1, 1]
    reports = [None, report("failed"), report("passed"), None, None, None, None, None]
    chosen = choose(acc, reports, [0, 10, 20, 30, 40, 50, 60, 70], group)
    assert sorted(chosen.rows) == [1, 2]
    assert (chosen.groups, chosen.covered, chosen.agreed) == (2, 2, 2)


def test_a_group_in_which_all_failed_takes_the_first_repair_that_passed():
    """Rows 0 to 3 are one such group: rank 0 failed again, 1 and 2 passed. Row 5 has an anchor in its group, row 4."""
    reports = [report("passed", 2), None, report("passed", 1), report("failed", 0), None, report("passed", 0)]
    group = ["a"] * 4 + ["b"] * 2
    for rescue in (True, False):
        config = CareConfig(rescue=RescueConfig(enable=rescue))
        chosen = choose([0, 0, 0, 0, 1, 0], reports, [0, 10, 20, 30, 40, 50], group, config)
        assert chosen.rows == [5, 2]
        assert (chosen.groups, chosen.covered, chosen.agreed) == (1, 1, 1)
    nothing = [report("failed"), report("discarded"), None, None, None, None]
    assert choose([0, 0, 0, 0, 1, 0], nothing, [0, 10, 20, 30, 40, 50], group).rows == []


def test_a_repair_that_passed_is_the_anchor_of_a_group_in_which_all_failed():
    """It is the only verified positive."""
    result = care_advantages(
        acc=[0, 1, 0, 0, 0],
        rewards=[0, 1, 0, 0, 0],
        group=["a"] * 5,
        think_len=[5] * 5,
        answer_len=[1] * 5,
        embeddings=at_degrees(0, 10, 20, 30, 40),
        seq_logp=None,
        config=CareConfig(),
        repaired=[False, True, False, False, False],
    )
    assert result.role.tolist() == ["hard_negative", "anchor", *["hard_negative"] * 3]
    # Rewards 1, 0, 0, 0, 0: mean 0.2, deviation 0.4, so 2 and -0.5, which counts half.
    assert result.advantages.tolist() == pytest.approx([-0.25, 2.0, -0.25, -0.25, -0.25], abs=1e-4)


def test_a_group_is_filled_up_to_a_share_of_correct_rollouts():
    """Of 8 rollouts 2 are right and 0.5 allows 4, so 2 failures are replaced: the nearest, at 10 and 20 degrees.

    K = M = 6 selects all failures.
    """
    acc, angles = [1, 1, 0, 0, 0, 0, 0, 0], [0, 0, 40, 30, 20, 10, 50, 60]
    reports = [None, None, *(report("passed", rank) for rank in range(6))]
    for share, rows in ((0.5, [5, 4]), (0.4, [5]), (0.3, []), (0.75, [5, 4, 3, 2])):
        config = CareConfig(k=6, rgr=RgrConfig(fill_to=share))
        assert choose(acc, reports, angles, config=config).rows == rows
    # A repair without a verdict fills nothing; the next nearest does.
    reports[5] = report("discarded", 3)
    assert choose(acc, reports, angles, config=CareConfig(k=6, rgr=RgrConfig(fill_to=0.5))).rows == [4, 3]


def test_failures_that_were_not_selected_help_to_fill_a_group():
    """Of 8 rollouts 1 is right, so 3 repairs are wanted. K = M = 3 selects the failures at 10, 20 and 30 degrees.

    Only the one at 20 has a repair; those at 50 and 60 have, and the one at 50 comes first in the cheap order. In the
    subgroup, which stays at 3, they take the places of the failures at 30 and 10, the last picks.
    """
    acc, angles = [1, 0, 0, 0, 0, 0, 0, 0], [0, 10, 20, 30, 40, 50, 60, 70]
    reports = [None, None, report("passed", 4), None, None, report("passed", 1), report("failed", 2), None]
    config = CareConfig(k=3, m=3, rgr=RgrConfig(fill_to=0.5))
    assert choose(acc, reports, angles, config=config).rows == [2, 5, 6]
    repaired = [row in (2, 5, 6) for row in range(8)]
    result = care_advantages(
        [1, 0, 1, 0, 0, 1, 0, 0], acc, ["g"] * 8, [5] * 8, [1] * 8, at_degrees(*angles), None, config, repaired=repaired
    )
    roles = ["anchor", "unused", "repaired_positive", "unused", "unused"]
    assert result.role.tolist() == [*roles, "repaired_positive", "repaired_negative", "unused"]
    # No more than the subgroup has places: K = M = 2.
    assert choose(acc, reports, angles, config=CareConfig(k=2, m=2, rgr=RgrConfig(fill_to=0.5))).rows == [2, 5]
    # One repair, as in the paper, is of a selected failure or of none.
    assert choose(acc, reports, angles, config=CareConfig(k=3, m=3)).rows == [2]


def test_a_failed_group_is_filled_with_the_first_repairs_that_passed():
    reports = [report("passed", 3), report("failed", 0), report("passed", 1), report("passed", 2), None]
    config = CareConfig(rgr=RgrConfig(groups="failed", fill_to=0.5))
    # Five rollouts, so two of them: ranks 1 and 2.
    assert choose([0] * 5, reports, [0, 10, 20, 30, 40], config=config).rows == [2, 3]


def test_rows_without_a_verdict_are_no_part_of_the_group_that_is_filled():
    """Four of the six rows are verified, so half of them is two."""
    result = care_advantages([1, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0], ["g"] * 6, [5] * 6, [1] * 6, at_degrees(*range(6)),
        None, CareConfig(), valid=[True] * 4 + [False] * 2)  # fmt: skip
    reports = [None, *(report("passed", rank) for rank in range(5))]
    for share, rows in ((0.5, [1]), (0.75, [1, 2])):
        rgr = RgrConfig(fill_to=share)
        chosen = choose_representatives(result, [1, 0, 0, 0, 0, 0], ["g"] * 6, reports, rgr)
        assert chosen.rows == rows


def test_several_anchors_still_make_one_group():
    """Anchors at 0 and 100 degrees; row 3 is 5 from the second, row 2 is 20 from the first."""
    reports = [None, None, report("passed", 0), report("passed", 1)]
    chosen = choose([1, 1, 0, 0], reports, [0, 100, 20, 95], config=CareConfig(anchor="multi"))
    assert (chosen.rows, chosen.groups) == ([3], 1)


def test_without_embeddings_the_cheap_order_says_what_is_near():
    reports = [None, None, report("passed", 1), report("failed", 0)]
    chosen = choose([1, 0, 0, 0], reports, None, config=CareConfig(selector="random"))
    assert (chosen.rows, chosen.covered, chosen.agreed) == ([3], 1, 1)


def test_equal_distances_go_to_the_earlier_row():
    chosen = choose([1, 0, 0], [None, report("passed", 1), report("passed", 0)], [0, 30, 30])
    assert chosen.rows == [1]


def test_metrics_add_up():
    reports = [
        report("passed", tokens=10, seconds=1.0, rollouts=4.0, done=6.0),
        report("failed", tokens=20, seconds=3.0, rollouts=5.0, done=9.0),
        report("failed", tokens=30, seconds=2.0),
        report("discarded", tokens=5, seconds=2.0),
        report("over_budget", tokens=0, seconds=0.0, done=99.0),
        report("failed_request", tokens=0, seconds=2.0, done=5.5),
        None,
    ]
    chosen = choose([1, 0], [None, report("passed")], [0, 10])
    metrics = rgr_metrics(reports, chosen, replaced=1, rollouts_done=8.0, mismatch=0.25)
    assert metrics == {
        "care/rgr/triggered": 5.0,  # all but the one over budget
        "care/rgr/passed": 1.0,
        "care/rgr/pass_rate": pytest.approx(1 / 3),
        "care/rgr/discarded": 1.0,
        "care/rgr/over_budget": 1.0,
        "care/rgr/failed_requests": 1.0,
        "care/rgr/replaced": 1.0,
        "care/rgr/coverage": 1.0,
        "care/rgr/proxy_agreement": 1.0,
        "care/rgr/tokens": 65.0,
        "care/rgr/seconds": 2.0,  # (1 + 3 + 2 + 2 + 2) / 5
        "care/rgr/wait_only_s": 1.0,  # last repair at 9, last rollout at 8
        "care/rgr/mismatch": 0.25,
    }


def test_the_same_metrics_come_back_when_nothing_happened():
    chosen = choose([1, 1], [None, None], [0, 10])
    assert rgr_metrics([None, None], chosen, 0, 3.0, 0.0) == dict.fromkeys(RGR_METRICS, 0.0)


def test_repairs_that_were_done_before_the_last_rollout_made_nobody_wait():
    chosen = choose([1, 1], [None, None], [0, 10])
    assert rgr_metrics([report("passed", done=7.0)], chosen, 0, 7.5, 0.0)["care/rgr/wait_only_s"] == 0.0


def test_a_report_is_checked_where_it_is_made():
    with pytest.raises(CareDataError, match="rank -1"):
        report("passed", rank=-1)
