# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Rows that nobody reads: what they hold changes no result."""

import dataclasses

import numpy as np
import torch
from hypothesis import given, settings

from recipe.care.config import CareConfig, RescueConfig, RgrConfig
from recipe.care.method.reads import rows_read
from tests.unit.care.method.advantage_batches import batches, configs


@settings(deadline=None, max_examples=150)
@given(batches, configs)
def test_no_result_depends_on_a_row_that_is_not_read(batch, config):
    batch = dataclasses.replace(batch, repaired=np.zeros(len(batch.acc), dtype=bool))
    whole = batch.run(config)
    read = rows_read(batch.acc, batch.group, batch.think_len, batch.answer_len, config, batch.valid)
    unread = np.setdiff1d(np.arange(len(batch.acc)), read)
    seq_logp, embeddings = batch.seq_logp.copy(), batch.embeddings.copy()
    seq_logp[unread], embeddings[unread] = 0.0, 0.0
    part = dataclasses.replace(batch, seq_logp=seq_logp, embeddings=embeddings).run(config)
    assert torch.equal(part.advantages, whole.advantages)
    assert (part.role == whole.role).all() and torch.equal(part.anchor_of, whole.anchor_of)
    # What is read covers every row that gets an advantage.
    assert set(np.flatnonzero(whole.advantages.numpy()).tolist()) <= set(read)


def test_by_hand():
    """Group a: rows 0 to 3, two right, of which row 2 has the shorter rationale. Group b is all right, c all wrong."""
    given_rows = {
        "acc": [1, 0, 1, 0, 1, 1, 0, 0],
        "group": ["a", "a", "a", "a", "b", "b", "c", "c"],
        "think_len": [9, 5, 7, 5, 5, 5, 5, 5],
        "answer_len": [1] * 8,
        "valid": [1, 1, 1, 0, 1, 1, 1, 1],
    }
    assert rows_read(**given_rows, config=CareConfig()) == [1, 2, 6, 7]
    assert rows_read(**given_rows, config=CareConfig(anchor="multi")) == [0, 1, 2, 6, 7]
    # Rows 0 and 2 tie: the one that stands first is the anchor.
    tied = {**given_rows, "think_len": [7, 5, 7, 5, 5, 5, 5, 5]}
    assert rows_read(**tied, config=CareConfig()) == [0, 1, 6, 7]
    # Nothing happens to group c.
    dead = CareConfig(rescue=RescueConfig(enable=False), rgr=RgrConfig(enable=False))
    assert rows_read(**given_rows, config=dead) == [1, 2]
