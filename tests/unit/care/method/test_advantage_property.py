# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Invariants of ``care_advantages`` on random batches, and its agreement with a slow loop that follows the text."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recipe.care.method.advantage import CareResult, care_advantages
from tests.unit.care.method.advantage_batches import Slow, batches, configs, make_batch, seeds, sizes

quick = settings(max_examples=60)
thorough = settings(max_examples=200)


@thorough
@given(batches, configs.filter(lambda config: config.selector in Slow.SELECTORS))
def test_agrees_with_the_slow_loop(batch, config):
    result = batch.run(config)
    advantages, roles, anchor_of, k_prime = Slow(batch, config).run()
    assert result.role.tolist() == roles
    assert result.anchor_of.tolist() == anchor_of
    assert result.k_prime.tolist() == k_prime
    np.testing.assert_allclose(result.advantages.numpy(), advantages, atol=1e-6, rtol=1e-6)


# --- what must not matter -------------------------------------------------------------------------------------------


@quick
@given(batches, configs, seeds)
def test_row_order_does_not_matter(batch, config, seed):
    order = np.random.default_rng(seed).permutation(len(batch.acc))
    original, shuffled = batch.run(config), batch.take(order).run(config)
    assert (shuffled.role == original.role[order]).all()
    # Only the mean over several anchors is summed in row order.
    torch.testing.assert_close(shuffled.advantages, original.advantages[order], atol=1e-6, rtol=1e-6)
    assert torch.equal(shuffled.k_prime, original.k_prime[order])
    place = np.append(np.argsort(order), -1)
    assert shuffled.anchor_of.tolist() == place[original.anchor_of.numpy()[order]].tolist()


@quick
@given(batches, configs)
def test_group_names_do_not_matter(batch, config):
    names = {name: (len(name), number) for number, name in enumerate(sorted(set(batch.group.tolist()), reverse=True))}
    renamed = dataclasses.asdict(batch) | {"group": [names[name] for name in batch.group.tolist()]}
    assert_same_bits(care_advantages(config=config, **renamed), batch.run(config))


@quick
@given(batches, batches, configs)
def test_other_groups_do_not_change_a_bit(batch, other, config):
    other = dataclasses.replace(other, group=np.char.add("other-", other.group))
    assert_same_bits(first_rows(batch.followed_by(other).run(config), len(batch.acc)), batch.run(config))


@quick
@given(batches, configs, st.integers(1, 30), st.booleans())
def test_padding_does_not_change_a_bit(batch, config, count, in_their_groups):
    """Padding rows are full of NaN, and may carry a group id of their own or one that is in use."""
    padding = make_batch(0, [count], prefix="pad")
    padding = dataclasses.replace(
        padding,
        acc=np.full(count, np.nan),
        rewards=np.full(count, np.nan),
        seq_logp=np.full(count, np.nan),
        embeddings=np.full((count, 8), np.nan, dtype=np.float32),
        valid=np.zeros(count, dtype=bool),
        group=np.resize(batch.group, count) if in_their_groups else padding.group,
    )
    padded = batch.followed_by(padding).run(config)
    assert_same_bits(first_rows(padded, len(batch.acc)), batch.run(config))
    assert set(padded.role[len(batch.acc) :]) == {"invalid"}
    assert (padded.advantages[len(batch.acc) :] == 0).all()


@quick
@given(seeds, sizes, configs, st.floats(0.0, 1.0))
def test_the_weight_of_format_never_changes_who_is_selected(seed, sizes, config, lam):
    usual, other = make_batch(seed, sizes).run(config), make_batch(seed, sizes, lam=lam).run(config)
    assert (usual.role == other.role).all()
    assert torch.equal(usual.anchor_of, other.anchor_of)
    assert torch.equal(usual.k_prime, other.k_prime)


@quick
@given(batches, configs, st.data())
def test_a_repair_of_a_selected_failure_changes_no_choice(batch, config, data):
    """Whatever comes of a repair: with the failure's own content, the same rows are selected around the same anchor."""
    batch = dataclasses.replace(batch, repaired=np.zeros(len(batch.acc), dtype=bool))
    before = batch.run(config)
    for row in np.flatnonzero(before.role == "hard_negative"):
        if data.draw(st.booleans()):
            batch.repaired[row] = True
            batch.acc[row] = data.draw(st.integers(0, 1))
    after = batch.run(config)
    assert torch.equal(after.anchor_of, before.anchor_of)
    assert torch.equal(after.k_prime, before.k_prime)
    assert ((after.role == "hard_negative") == ((before.role == "hard_negative") & ~batch.repaired)).all()


# --- what must hold -------------------------------------------------------------------------------------------------


@quick
@given(batches, configs)
def test_invalid_rows_are_never_selected(batch, config):
    result = batch.run(config)
    assert ((result.role == "invalid") == ~batch.valid).all()
    assert (result.advantages[torch.from_numpy(~batch.valid)] == 0).all()
    assert (result.anchor_of[torch.from_numpy(~batch.valid)] == -1).all()


@quick
@given(seeds, sizes, configs, st.floats(0.0, 1.0))
def test_a_wrong_row_is_never_lifted_outside_rescue(seed, sizes, config, lam):
    batch = make_batch(seed, sizes, lam=lam)
    result = batch.run(config)
    wrong = (batch.acc == 0) & (result.role != "rescue_anchor")
    assert (result.advantages[torch.from_numpy(wrong)] <= 0).all()
    assert not np.isin(result.role[batch.acc == 0], ["anchor", "repaired_positive"]).any()


@quick
@given(batches, configs)
def test_a_rescued_group_sums_to_zero(batch, config):
    config = dataclasses.replace(config, rescue=dataclasses.replace(config.rescue, enable=True, normalize=False))
    result = batch.run(config)
    for anchor in np.flatnonzero(result.role == "rescue_anchor"):
        group = torch.from_numpy(batch.group == batch.group[anchor])
        assert abs(result.advantages[group].sum().item()) < 1e-6 * config.rescue.delta * config.k


@quick
@given(batches, configs)
def test_subgroups_have_the_promised_size(batch, config):
    result = batch.run(config)
    for name in set(batch.group.tolist()):
        inside = batch.group == name
        negatives = inside & (result.anchor_of.numpy() >= 0) & ~np.isin(result.role, ["anchor", "rescue_anchor"])
        assert set(result.k_prime[torch.from_numpy(inside)].tolist()) == {int(negatives.sum())}
        assert negatives.sum() <= config.k
    unselected = np.isin(result.role, ["unused", "invalid"])
    assert (result.advantages.numpy()[unselected] == 0).all()
    assert ((result.anchor_of.numpy() == -1) == unselected).all()


def first_rows(result: CareResult, count: int) -> CareResult:
    return CareResult(result.advantages[:count], result.role[:count], result.anchor_of[:count], result.k_prime[:count])


def assert_same_bits(one: CareResult, other: CareResult) -> None:
    assert torch.equal(one.advantages, other.advantages)
    assert (one.role == other.role).all()
    assert torch.equal(one.anchor_of, other.anchor_of)
    assert torch.equal(one.k_prime, other.k_prime)
