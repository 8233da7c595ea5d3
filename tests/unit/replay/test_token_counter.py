# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Lengths in a model's own tokens."""

import numpy as np
import pytest

from recipe.care.text.regions import find_regions
from recipe.replay.rows import TokenCounter
from recipe.tiny.tokenizer import train_tokenizer
from tests.unit.replay.dumps import response


@pytest.fixture(scope="module")
def tokenizer_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer")
    train_tokenizer([response("I count 3 and 4, so 7.", "7")] * 5, 300).save_pretrained(folder)
    return folder


def test_the_lengths_of_a_tokenizer_are_those_of_the_regions(tokenizer_folder):
    counter = TokenCounter(str(tokenizer_folder))
    texts = [response("I count 3.", "7"), "no tags at all", ""]
    tokenizer = counter._tokenizer
    for text, one in zip(texts, counter.lengths(texts), strict=True):
        ids = np.array([tokenizer.encode(text)], dtype=np.int64).reshape(1, -1)
        regions = find_regions(ids, np.ones_like(ids), tokenizer)
        assert one.tokens == ids.size
        assert one.answer == regions.answer_mask.sum()
        assert (one.think_len, one.answer_len) == (regions.think_len, regions.answer_len)
