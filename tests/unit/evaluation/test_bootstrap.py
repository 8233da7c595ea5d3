# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Differences and their bootstrap intervals, by hand."""

import numpy as np
import pytest

from recipe.evaluation.bootstrap import Paired, compare, drawn_deltas


def paired(before, after, clusters=None) -> Paired:
    return Paired(np.array(before, float), np.array(after, float), clusters or list(range(len(before))))


def test_delta():
    # 2 of 4 right before, 3 of 4 after: 0.75 - 0.5.
    assert paired([1, 1, 0, 0], [1, 0, 1, 1]).delta == pytest.approx(0.25)


def test_draws_of_two_clusters():
    """Cluster a: one question, gained. Cluster b: three questions, none gained.

    Two clusters are drawn: aa (1 of 4 times) 2 gains of 2 = 1; ab or ba (2 of 4) 1 of 4 = 0.25; bb (1 of 4) 0 of 6.
    The mean is (1 + 2 * 0.25 + 0) / 4 = 0.375.
    """
    deltas = drawn_deltas(paired([0, 0, 0, 0], [1, 0, 0, 0], ["a", "b", "b", "b"]), 20_000, np.random.default_rng(0))
    values, counts = np.unique(deltas, return_counts=True)
    assert values.tolist() == [0.0, 0.25, 1.0]
    assert counts / 20_000 == pytest.approx([0.25, 0.5, 0.25], abs=0.015)
    assert deltas.mean() == pytest.approx(0.375, abs=0.015)


def test_width_is_that_of_the_normal_approximation():
    """400 questions: 100 gained, 60 lost. Mean 40 / 400 = 0.1; variance of one question 160 / 400 - 0.01 = 0.39.

    The standard error is sqrt(0.39 / 400) = 0.0312, the interval 0.1 -+ 1.96 * 0.0312 = 0.0388 to 0.1612.
    """
    before = [0] * 100 + [1] * 60 + [0] * 240
    after = [1] * 100 + [0] * 60 + [0] * 240
    (found,), macro = compare([paired(before, after)])
    assert found.delta == pytest.approx(0.1)
    assert (found.low, found.high) == pytest.approx((0.0388, 0.1612), abs=0.006)
    assert found.excludes_zero and macro == found


def test_pairing_matters():
    # Equal answers leave nothing to chance; the same two accuracies on different questions do.
    same, _ = compare([paired([1, 0] * 50, [1, 0] * 50)])
    assert (same[0].delta, same[0].low, same[0].high) == (0.0, 0.0, 0.0) and not same[0].excludes_zero
    swapped, _ = compare([paired([1, 0] * 50, [0, 1] * 50)])
    assert swapped[0].delta == 0.0 and swapped[0].low < -0.1 and swapped[0].high > 0.1


def test_benchmarks_count_the_same_in_the_macro_average():
    # +1 on 2 questions, 0 on 100: the mean of the differences is 0.5, not 2 of 102.
    each, macro = compare([paired([0, 0], [1, 1]), paired([1] * 100, [1] * 100)])
    assert [one.delta for one in each] == [1.0, 0.0]
    assert (macro.delta, macro.low, macro.high) == (0.5, 0.5, 0.5)


def test_repeatable():
    pair = paired([0, 1, 0, 1, 0], [1, 1, 0, 0, 1])
    assert compare([pair]) == compare([pair])


def test_two_models_need_the_same_questions():
    with pytest.raises(ValueError, match="2 and 1 answers"):
        Paired(np.zeros(2), np.zeros(1), ["a", "b"])
    with pytest.raises(ValueError, match="at least one"):
        Paired(np.zeros(0), np.zeros(0), [])
