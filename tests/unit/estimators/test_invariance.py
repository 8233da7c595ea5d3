# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What no estimator may depend on: the order of a group's rows, columns of padding, the time of the call."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.estimators.groups import any_group, every_estimator, reordered, wider

each_estimator = pytest.mark.parametrize("chosen", every_estimator(), ids=lambda chosen: chosen.name)


@each_estimator
@given(data=st.data())
def test_the_order_of_rows_does_not_matter(chosen, data):
    group = data.draw(any_group())
    # Two anchors of equal length would be a tie, which goes to the earlier row.
    group.regions.think_len_G[:] = data.draw(st.permutations(range(1, group.size + 1)))
    order = data.draw(st.permutations(range(group.size)))
    expected = chosen.advantages(group)[order]
    np.testing.assert_allclose(chosen.advantages(reordered(group, list(order))), expected, rtol=0, atol=1e-9)


@each_estimator
@given(group=any_group(), columns=st.integers(1, 3))
def test_columns_of_padding_get_nothing_and_change_nothing(chosen, group, columns):
    wide = chosen.advantages(wider(group, columns))
    assert not wide[:, -columns:].any()
    np.testing.assert_allclose(wide[:, :-columns], chosen.advantages(group), rtol=0, atol=1e-9)


@each_estimator
@given(group=any_group())
def test_a_second_call_gives_the_same_and_the_group_is_left_as_it_was(chosen, group):
    before = reordered(group, list(range(group.size)))
    first = chosen.advantages(group)
    assert np.array_equal(first, chosen.advantages(group))
    for name in ("right_G", "reward_G", "own_GT", "logp", "ref_logp", "embeddings"):
        assert np.array_equal(getattr(group, name), getattr(before, name)), name


@each_estimator
@given(group=any_group())
def test_no_estimator_pushes_up_what_is_not_the_policys_own(chosen, group):
    assert not chosen.advantages(group)[~group.own_GT].any()
