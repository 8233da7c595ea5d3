# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Embeddings made from token ids alone."""

import math

import torch

from recipe.care.method.lexical import lexical_embeddings


def embed(rows: list[list[int]], mask: list[list[int]] | None = None, dim: int = 4096) -> torch.Tensor:
    ids = torch.tensor(rows)
    return lexical_embeddings(ids, torch.ones_like(ids) if mask is None else torch.tensor(mask), dim)


def test_entries_are_logarithms_of_unigram_and_bigram_counts():
    """7 8 7 8: unigrams 7 x 2, 8 x 2; bigrams 78 x 2, 87 x 1. So log 3 three times and log 2 once."""
    entries = embed([[7, 8, 7, 8]])[0]
    assert torch.allclose(entries[entries > 0].sort().values, torch.tensor([math.log(2)] + [math.log(3)] * 3))


def test_shape_and_type():
    embeddings = embed([[1, 2, 3], [4, 5, 6]], dim=32)
    assert embeddings.shape == (2, 32)
    assert embeddings.dtype == torch.float32


def test_tokens_outside_the_mask_do_not_count_and_no_bigram_spans_a_gap():
    """1 [2] 3 with 2 masked out: unigrams 1 and 3, no bigram, so two entries of log 2."""
    entries = embed([[1, 2, 3]], [[1, 0, 1]])[0]
    assert torch.allclose(entries[entries > 0], torch.full((2,), math.log(2)))
    assert torch.equal(embed([[1, 2, 99]], [[1, 1, 0]]), embed([[1, 2, 5]], [[1, 1, 0]]))


def test_rows_with_an_empty_mask_are_zero():
    assert embed([[1, 2], [3, 4]], [[0, 0], [1, 1]])[0].abs().sum() == 0
    assert (
        lexical_embeddings(torch.zeros((3, 0), dtype=torch.int64), torch.zeros((3, 0)), 8).tolist() == [[0.0] * 8] * 3
    )


def test_where_the_rationale_starts_does_not_matter():
    assert torch.equal(embed([[0, 0, 5, 6]], [[0, 0, 1, 1]]), embed([[5, 6, 0, 0]], [[1, 1, 0, 0]]))


def test_word_order_matters_through_bigrams():
    forward, backward = embed([[1, 2, 3]]), embed([[3, 2, 1]])
    assert not torch.equal(forward, backward)
    # The three unigrams are shared, the two bigrams of each are not: cosine 3 / 5.
    assert torch.allclose(torch.cosine_similarity(forward, backward), torch.tensor(0.6))


def test_rationales_that_share_more_words_are_nearer():
    words = torch.randint(0, 150_000, (40,), generator=torch.Generator().manual_seed(0)).tolist()
    base, close, far = embed([words, [*words[:30], *range(10)], [*words[:10], *range(30)]])
    assert torch.cosine_similarity(base, close, dim=0) > torch.cosine_similarity(base, far, dim=0) > 0


def test_a_row_does_not_depend_on_its_neighbours():
    ids = torch.randint(0, 50_000, (6, 25), generator=torch.Generator().manual_seed(1))
    mask = torch.rand(6, 25, generator=torch.Generator().manual_seed(2)) < 0.7
    together = lexical_embeddings(ids, mask)
    for row in range(6):
        assert torch.equal(lexical_embeddings(ids[row : row + 1], mask[row : row + 1])[0], together[row])


def test_features_spread_over_the_entries():
    """1,000 unigrams + 999 bigrams over 4,096 entries: 4096 (1 - exp(-1999/4096)) = 1582 distinct ones expected."""
    occupied = (embed([list(range(1000))])[0] > 0).sum().item()
    assert 1500 < occupied < 1660
