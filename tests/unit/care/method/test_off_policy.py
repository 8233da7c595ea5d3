# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""How far a failed repair is pushed down."""

import itertools
import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from recipe.care.method.off_policy import importance_weights, weigh_failed_repairs


def test_a_tokens_weight_is_how_often_the_policy_writes_it_for_each_time_it_was_sampled():
    # pi = 0.1 where mu = 0.4: a quarter. pi = 0.5 where mu = 0.2: at most 1. Equal: 1.
    old = torch.log(torch.tensor([0.1, 0.5, 0.3]))
    sampled = torch.log(torch.tensor([0.4, 0.2, 0.3]))
    torch.testing.assert_close(importance_weights(old, sampled), torch.tensor([0.25, 1.0, 1.0]))


def test_only_tokens_that_are_pushed_down_in_rows_with_a_repair_are_weighed():
    tokens = torch.tensor([[-1.0, -2.0, 0.5, 0.0], [-1.0, -1.0, -1.0, -1.0], [3.0, 3.0, 0.0, 0.0]])
    weighed = weigh_failed_repairs(tokens, {0: torch.tensor([0.25, 1.0, 0.5]), 2: torch.tensor([0.1, 0.1])})
    assert weighed.tolist() == [[-0.25, -2.0, 0.5, 0.0], [-1.0, -1.0, -1.0, -1.0], [3.0, 3.0, 0.0, 0.0]]


@given(
    st.lists(st.tuples(st.floats(-30, 0), st.floats(-30, 0), st.floats(-5, 5)), min_size=1, max_size=8),
    st.integers(0, 3),
    st.randoms(use_true_random=False),
)
def test_no_token_gains_changes_its_sign_or_depends_on_other_rows(tokens, others, rng):
    old, sampled, advantage = (torch.tensor(column) for column in zip(*tokens, strict=True))
    weight = importance_weights(old, sampled)
    assert ((weight >= 0) & (weight <= 1)).all()
    alone = weigh_failed_repairs(advantage[None], {0: weight})[0]
    assert (alone.abs() <= advantage.abs()).all() and (alone * advantage >= 0).all()
    assert torch.equal(alone[advantage >= 0], advantage[advantage >= 0])
    rows = torch.stack([advantage, *(torch.full_like(advantage, rng.uniform(-3, 3)) for _ in range(others))])
    place = torch.tensor(rng.sample(range(others + 1), others + 1))
    row = int((place == 0).nonzero())
    assert torch.equal(weigh_failed_repairs(rows[place], {row: weight})[row], alone)


def _push_down(steps: int, *, weighed: bool) -> list[float]:
    """Log pi of a token that every step finds in a failed repair and pushes down; mu writes it half of the time."""
    logits = torch.tensor([math.log(0.05), math.log(0.95)], requires_grad=True)
    sampled, taken = torch.tensor([[math.log(0.5)]]), []
    for _ in range(steps):
        logp = logits.log_softmax(dim=0)[:1]
        taken.append(logp.item())
        advantage = torch.tensor([[-1.0]])
        if weighed:
            advantage = weigh_failed_repairs(advantage, {0: importance_weights(logp.detach(), sampled[0])})
        (gradient,) = torch.autograd.grad(-(advantage[0] * logp).sum(), logits)
        with torch.no_grad():
            logits -= 0.5 * gradient
    return taken


def test_the_push_on_text_that_the_policy_does_not_write_ends():
    """The same failed repair, step after step: without weights its log-probability falls by a constant, for ever."""
    without, weighed = (_push_down(400, weighed=each) for each in (False, True))
    fall = [[before - after for before, after in itertools.pairwise(one)] for one in (without, weighed)]
    assert without[-1] < -300 and min(fall[0][50:]) > 0.9 * max(fall[0])
    assert weighed[-1] > -7 and fall[1][-1] < 0.01 * fall[0][-1]
