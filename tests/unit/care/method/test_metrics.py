# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The metrics of one small step, worked out by hand."""

import math
import re

import pytest
import torch

from recipe.care.config import CareConfig
from recipe.care.method.advantage import care_advantages
from recipe.care.method.metrics import METRICS, group_metrics

# Group m is mixed: an anchor, a longer positive and two failures. Group w failed throughout, group c is all correct,
# group s is a single failure, group x has no verdict at all; one row of c has none either.
GROUP = ["m", "m", "m", "m", "w", "w", "c", "c", "s", "x"]
ACC = [1, 1, 0, 0, 0, 0, 1, 0, 0, 0]
VALID = [1, 1, 1, 1, 1, 1, 1, 0, 1, 0]
REWARDS = [1.0, 1.0, 0.0, 0.0, 0.1, 0.0, 1.0, math.nan, 0.1, math.nan]
THINK_LEN = [10, 20, 5, 5, 5, 5, 30, 5, 5, 5]
# Around the anchor (row 0) at 0 degrees, the failures of m are at 60 and 90: distances 0.5 and 1.
ANGLES = [0, 45, 60, 90, 0, 30, 0, 0, 0, 0]
EMBEDDINGS = [[math.cos(math.radians(a)), math.sin(math.radians(a))] for a in ANGLES]


def metrics(
    config: CareConfig, embeddings: list[list[float]] | None = EMBEDDINGS, rows: slice = slice(None)
) -> dict[str, float]:
    count = len(GROUP[rows])
    logp = [-1.0 - row for row in range(count)]
    given = {"acc": ACC[rows], "rewards": REWARDS[rows], "group": GROUP[rows], "think_len": THINK_LEN[rows]}
    seen = None if embeddings is None else embeddings[rows]
    result = care_advantages(
        **given, answer_len=[1] * count, embeddings=seen, seq_logp=logp, config=config, valid=VALID[rows]
    )
    return group_metrics(result, valid=VALID[rows], config=config, **given)


@pytest.fixture(scope="module")
def step() -> dict[str, float]:
    return metrics(CareConfig())


def test_groups(step):
    """Live groups: m, w, c, s (4 of 5)."""
    assert step["care/groups_mixed"] == 1 / 4
    assert step["care/groups_all_wrong"] == 2 / 4
    assert step["care/groups_all_correct"] == 1 / 4
    assert step["care/groups_invalid"] == 1 / 5
    # c and s get no advantage; their rewards are also all equal, those of m and w are not.
    assert step["care/groups_zero_signal"] == 2 / 4
    assert step["care/groups_equal_reward"] == 2 / 4
    # Of the all-wrong groups w and s, s has a single row.
    assert step["care/rescue_rate"] == 1 / 2


def test_subgroup_sizes(step):
    """Group m has K' = 2, group w K' = 1."""
    assert [step[f"care/k_prime/{n}"] for n in (1, 2, 3, 4)] == [0.5, 0.5, 0.0, 0.0]
    assert step["care/k_prime/mean"] == 1.5


def test_lengths(step):
    assert step["care/anchor_len"] == 10.0
    assert step["care/positive_len"] == (10 + 20 + 30) / 3


def test_distances(step):
    assert step["care/distance/selected_min"] == pytest.approx(0.5, abs=1e-7)
    assert step["care/distance/selected_mean"] == pytest.approx(0.75, abs=1e-7)
    assert step["care/distance/selected_max"] == pytest.approx(1.0, abs=1e-7)
    assert step["care/distance/unselected_mean"] == 0.0


def test_distance_of_a_failure_left_out():
    """K = M = 1 selects the failure at 60 degrees and leaves the one at 90."""
    step = metrics(CareConfig(k=1, m=1))
    assert step["care/distance/selected_max"] == pytest.approx(0.5, abs=1e-7)
    assert step["care/distance/unselected_mean"] == pytest.approx(1.0, abs=1e-7)
    assert step["care/rows_unused_negative"] == 2 / 10


def test_repairs_are_as_far_as_the_failures_they_replaced():
    """Rows 2 and 3, at distances 0.5 and 1: the nearer one was repaired."""
    for acc, repaired in (([1, 1, 1, 0], [0, 0, 1, 0]), ([1, 1, 0, 0], [0, 0, 1, 0])):
        given = {"acc": acc, "rewards": [float(one) for one in acc], "group": ["m"] * 4, "think_len": [10, 20, 5, 5]}
        result = care_advantages(
            **given,
            answer_len=[1] * 4,
            embeddings=EMBEDDINGS[:4],
            seq_logp=None,
            config=CareConfig(),
            repaired=repaired,
        )
        step = group_metrics(result, valid=[1] * 4, config=CareConfig(), **given)
        assert step["care/distance/selected_min"] == pytest.approx(0.5, abs=1e-7)
        assert step["care/distance/selected_mean"] == pytest.approx(0.75, abs=1e-7)


def test_with_several_anchors_the_nearest_counts():
    """Anchors at 0 and 45: 60 is 15 from the second, 90 is 45 from it."""
    step = metrics(CareConfig(anchor="multi"))
    assert step["care/distance/selected_min"] == pytest.approx(1 - math.cos(math.radians(15)), abs=1e-7)
    assert step["care/distance/selected_max"] == pytest.approx(1 - math.cos(math.radians(45)), abs=1e-7)


def test_rows(step):
    """8 valid rows, 3 of them correct. Unused: row 1 and row 6 (correct), row 8 (wrong)."""
    assert step["care/acc"] == 3 / 8
    assert step["care/rows_invalid"] == 2 / 10
    assert step["care/rows_unused_positive"] == 2 / 10
    assert step["care/rows_unused_negative"] == 1 / 10


def test_advantage_mass(step):
    """Group m: A = sqrt(2) * (sqrt(2), -0.5/sqrt(2) twice) = 2, -0.5, -0.5. Group w: sqrt(4) * (0.1, -0.1) = 0.2, -0.2.

    Total 2 + 1 + 0.4 = 3.4; on wrong rows 1.4, of which 1 on hard negatives and 0.4 on the rescue.
    """
    assert step["care/advantage/anchor_mean"] == pytest.approx(2.0, rel=1e-4)
    assert step["care/advantage/negative_mean"] == pytest.approx(-0.5, rel=1e-4)
    assert step["care/failure_mass"] == pytest.approx(1.4 / 3.4, rel=1e-4)
    assert step["care/failure_mass_hard_negative"] == pytest.approx(1.0 / 3.4, rel=1e-4)
    assert step["care/failure_mass_rescue"] == pytest.approx(0.4 / 3.4, rel=1e-4)


def test_failed_repairs_count_as_failure_mass_and_repairs_as_live_anchors():
    result = care_advantages(
        [1, 0, 1, 1],
        [1.0, 0.0, 1.0, 1.0],
        ["a", "a", "b", "b"],
        [9] * 4,
        [1] * 4,
        EMBEDDINGS[:4],
        None,
        CareConfig(),
        repaired=[0, 1, 0, 1],
    )
    step = group_metrics(
        result, [1, 0, 1, 1], [1.0, 0.0, 1.0, 1.0], ["a", "a", "b", "b"], [1] * 4, [9] * 4, CareConfig()
    )
    # Group b holds a positive and a repair that became correct: it was contrasted, so it is mixed.
    assert step["care/groups_mixed"] == 1.0
    # A = 2 * (1, -0.25): the repair carries 0.5 of 2.5.
    assert step["care/failure_mass"] == pytest.approx(0.2)
    assert step["care/failure_mass_hard_negative"] == 0.0
    assert step["care/advantage/negative_mean"] == pytest.approx(-0.5, rel=1e-4)


@pytest.mark.parametrize("k", [1, 4, 6])
@pytest.mark.parametrize("rows", [slice(None), slice(0, 4), slice(6, 8), slice(9, 10), slice(0, 0)])
def test_the_same_finite_keys_every_time(k, rows):
    config = CareConfig(k=k)
    values = metrics(config, rows=rows) if len(GROUP[rows]) else empty_step(config)
    assert list(values) == list(metrics(config))
    assert all(math.isfinite(value) and isinstance(value, float) for value in values.values())


def empty_step(config: CareConfig) -> dict[str, float]:
    nothing = torch.zeros(0, 2)
    result = care_advantages([], [], [], [], [], nothing, [], config)
    return group_metrics(result, [], [], [], [], [], config)


def test_without_embeddings_distances_are_zero():
    without = metrics(CareConfig(selector="random"), embeddings=None)
    assert {value for name, value in without.items() if "/distance/" in name} == {0.0}


def test_the_glossary_lists_exactly_the_metrics(step):
    assert {re.sub(r"\d+$", "<n>", name) for name in step} == set(METRICS)
    assert all(meaning.endswith(".") and "\n" not in meaning for meaning in METRICS.values())
