# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Distances between rationales, and the priorities that stand in where nothing is measured."""

import math

import pytest
import torch

from recipe.care.errors import CareDataError
from recipe.care.method.distance import content_priority, cosine_distances


def test_distance_is_one_minus_the_cosine_and_ignores_length():
    # At 0, 60, 90 and 180 degrees, of different lengths.
    directions = torch.tensor([[1, 0], [0.5, math.sqrt(3) / 2], [0, 1], [-1, 0]], dtype=torch.float64)
    embeddings = directions * torch.tensor([[1.0], [7.0], [0.01], [300.0]])
    distance = cosine_distances(embeddings, [0, 1, 2, 3])
    # From 0 degrees: 1 - cos 0 = 0, 1 - cos 60 = 0.5, 1 - cos 90 = 1, 1 - cos 180 = 2.
    assert distance[0].tolist() == pytest.approx([0.0, 0.5, 1.0, 2.0], abs=1e-7)
    # 60 and 90 are 30 degrees apart: 1 - 0.866 = 0.134.
    assert distance[1, 2].item() == pytest.approx(1 - math.sqrt(3) / 2, abs=1e-7)
    assert torch.equal(distance, distance.T)


def test_a_zero_vector_is_at_distance_1_from_everything():
    distance = cosine_distances(torch.tensor([[0.0, 0.0], [1.0, 2.0]]), [0, 1])
    assert distance[0].tolist() == [1.0, 1.0]
    assert distance[1, 0].item() == 1.0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_distances_have_the_same_bits_in_any_batch_and_order(dtype):
    embeddings = torch.randn(64, 300, generator=torch.Generator().manual_seed(0)).to(dtype)
    together = cosine_distances(embeddings, range(64))
    for start in range(0, 64, 8):
        rows = list(range(start, start + 8))
        alone = cosine_distances(embeddings, rows)
        assert torch.equal(alone, together[start : start + 8, start : start + 8])
        assert torch.equal(cosine_distances(embeddings, rows[::-1]).flip(0, 1), alone)


def test_nan_in_a_row_that_counts_is_an_error():
    embeddings = torch.tensor([[1.0, 0.0], [torch.nan, 0.0]])
    cosine_distances(embeddings, [0])
    with pytest.raises(CareDataError, match=r"embeddings is not finite in valid rows \[1\]"):
        cosine_distances(embeddings, [0, 1])


def test_priorities_depend_on_every_part_of_a_rows_content_and_on_nothing_else():
    think, answer, logp = torch.tensor([5, 5, 6]), torch.tensor([2, 3, 2]), torch.tensor([-1.0, -1.0, -1.0])
    embeddings = torch.tensor([[1.0, 2.0], [1.0, 2.0], [1.0, 2.0]])
    full = content_priority(think, answer, logp, embeddings)
    assert ((full >= 0) & (full < 1)).all()
    assert len(set(full.tolist())) == 3
    assert torch.equal(content_priority(think.flip(0), answer.flip(0), logp, embeddings).flip(0), full)
    assert not torch.equal(content_priority(think, answer, logp - 1, embeddings), full)
    assert not torch.equal(content_priority(think, answer, logp, embeddings.flip(1)), full)
    assert not torch.equal(content_priority(think, answer, None, embeddings), full)


def test_priorities_are_spread_evenly():
    priority = content_priority(torch.arange(10_000), torch.zeros(10_000, dtype=torch.int64), None, None)
    assert priority.mean().item() == pytest.approx(0.5, abs=0.01)
    assert torch.histc(priority, 10, 0.0, 1.0).min() > 900
