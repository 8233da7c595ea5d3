# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""CARE as an estimator of one group does what CARE does."""

import numpy as np
import pytest

from recipe.estimators.group import Need, RolloutGroup
from recipe.estimators.registry import find


def test_an_anchor_and_its_near_miss_with_region_weights():
    """In numbers.

    The right row is the anchor, the only failure its negative: raw 1 and -1, and -1 halved; k = 1, so no equalising.
    The anchor has 2 rationale and 2 answer tokens, of weights 0.5, 0.5, 1, 1: shares 1/6 and 1/3 of the advantage 1,
    times 4 tokens. Of the wrong row the answer is to blame alone: -1/2 on one of its 3 tokens, times 3.
    """
    group = RolloutGroup.of(
        [1, 0], tokens=[4, 3], rationale=[2, 2], answer=[2, 1], logp=[-1, -2], embeddings=[[1, 0], [0, 1]]
    )
    regions = {"gamma_pos": 0.5, "blame": "answer"}
    chosen = find("care").configured({"k": 1, "m": 1, "regions": regions})
    expected = [[2 / 3, 2 / 3, 4 / 3, 4 / 3], [0, 0, -1.5, 0]]
    np.testing.assert_allclose(chosen.advantages(group), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "distances"),
    [({}, {Need.EMBEDDINGS}), ({"distance": "lexical"}, {Need.LEXICAL}), ({"selector": "random"}, set())],
)
def test_it_declares_what_its_settings_read(settings, distances):
    assert find("care").configured(settings).needs == {Need.REGIONS, Need.LOGP, *distances}


def test_without_a_preset_it_is_that_of_a_run():
    assert find("care").configured().settings.regions.blame == "response"
