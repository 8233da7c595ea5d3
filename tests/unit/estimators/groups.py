# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Groups to try every estimator on."""

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from recipe.estimators.group import GroupRegions, RolloutGroup
from recipe.estimators.registry import Configured, estimators

SETTINGS = {
    "noise_forward": {"false_negative": 0.1},
    "noise_backward": {"false_negative": 0.1, "false_positive": 0.05},
}
"""Of those without defaults."""


def every_estimator() -> list[Configured]:
    """All that the package registers, and CARE by likeness of tokens too."""
    ours = {name: one for name, one in estimators().items() if one.function.__module__.startswith("recipe.")}
    all_of_them = [one.configured(SETTINGS.get(name)) for name, one in ours.items()]
    return [*all_of_them, ours["care"].configured({"preset": "paper", "rgr": {"enable": False}})]


@st.composite
def any_group(draw, most=6) -> RolloutGroup:
    size = draw(st.integers(1, most))

    def numbers(low, high):
        return draw(st.lists(st.integers(low, high), min_size=size, max_size=size))

    right = numbers(0, 1)
    rationale, answer = numbers(0, 4), numbers(1, 3)
    tokens = [one + two + 1 for one, two in zip(rationale, answer, strict=True)]
    # Where two rows tie, CARE takes the earlier: neither means nor sums over whole tokens of roots of primes are equal.
    means = draw(st.permutations([prime**0.5 / 4 for prime in (2, 3, 5, 7, 11, 13)[:size]]))
    logp = [-mean * count for mean, count in zip(means, tokens, strict=True)]
    return RolloutGroup.of(
        right,
        reward=[one + 0.1 * shaped for one, shaped in zip(right, numbers(0, 1), strict=True)],
        tokens=tokens,
        logp=logp,
        ref_logp=[-one / 4 for one in numbers(1, 60)],
        embeddings=np.eye(size)[draw(st.permutations(range(size)))] + [[0.1 * one] for one in logp],
        rationale=rationale,
        answer=answer,
    )


def reordered(group: RolloutGroup, order: list[int]) -> RolloutGroup:
    """The same rows in another order."""
    regions = group.regions
    return RolloutGroup(
        right_G=group.right_G[order],
        reward_G=group.reward_G[order],
        own_GT=group.own_GT[order],
        repaired_G=group.repaired_G[order],
        logp=group.logp[order],
        ref_logp=group.ref_logp[order],
        embeddings=group.embeddings[order],
        regions=GroupRegions(*(values[order] for values in vars(regions).values())),
    )


def wider(group: RolloutGroup, columns: int) -> RolloutGroup:
    """The same rows beside longer ones of other groups."""

    def pad(mask_GT):
        return np.pad(mask_GT, ((0, 0), (0, columns)))

    regions = group.regions
    wide = replace(regions, rationale_GT=pad(regions.rationale_GT), answer_GT=pad(regions.answer_GT))
    return replace(group, own_GT=pad(group.own_GT), regions=wide)
