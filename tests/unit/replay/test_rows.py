# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""A step as columns: lengths in words or tokens, distances, order."""

import math

import numpy as np
import pytest

from recipe.replay.dump import ReadCounts, read_steps
from recipe.replay.embeddings import by_words
from recipe.replay.rows import WordCounter, lay_out
from tests.unit.replay.dumps import response, row, write


def lengths(text):
    (one,) = WordCounter().lengths([text])
    return one[:-1]


def test_words_and_signs_are_tokens():
    """<think> is three, </think> four, "two, yes" three; <answer> three, </answer> four, "2.5" three."""
    assert lengths("<think>two, yes</think>\n<answer>2.5</answer>") == (10 + 10, 10, 10, 3, 3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (0, 0, 0, 0, 0)),
        ("just words here", (3, 0, 3, 3, 3)),
        ("<think>cut off", (5, 0, 5, 2, 5)),
        ("a b</think><answer>c</answer>", (2 + 4 + 8, 6, 8, 2, 1)),
        ("<answer>a <think>b", (3 + 1 + 3 + 1, 0, 8, 0, 5)),
    ],
    ids=["empty", "no tags", "truncated", "template opened", "inside each other"],
)
def test_missing_and_mixed_tags(text, expected):
    """Without an answer the whole response counts as answer; what rationale and answer both cover is the answer's."""
    assert lengths(text) == expected


def steps(tmp_path, rows):
    return next(read_steps([write(tmp_path / "1.jsonl", rows)], ReadCounts()))


def test_rows_of_a_group_come_together_and_keep_their_order(tmp_path):
    rollouts = steps(tmp_path, [row(uid=f"{uid}_0") for uid in ("b_0", "a_0", "b_1", "a_1")])
    ordered, rows, _ = lay_out(rollouts, [1.0, 0.0, None, 1.0], WordCounter(), by_words)
    assert [(one.group, one.session) for one in ordered] == [("b", "0"), ("b", "1"), ("a", "0"), ("a", "1")]
    assert rows.group_B.tolist() == [0, 0, 1, 1]
    assert rows.acc_B.tolist() == [1, 0, 0, 1] and rows.valid_B.tolist() == [True, False, True, True]
    assert [part for part, _ in rows.groups()] == [slice(0, 2), slice(2, 4)]


def test_rationales_with_words_in_common_are_near(tmp_path):
    texts = ["one two three", "one two four", "five six seven", "one two three"]
    rollouts = steps(tmp_path, [row(uid=f"p_{n}_0", output=response(text, "1")) for n, text in enumerate(texts)])
    embeddings = lay_out(rollouts, [0.0] * 4, WordCounter(), by_words).rows.embeddings_BH
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    first = unit @ unit[0]
    assert first[3] == pytest.approx(1) and 0.5 < first[1] < 0.9 and first[2] < 0.3


def test_hostile_texts_are_laid_out(tmp_path):
    """Half a surrogate pair, terminal escapes, nothing at all, and a hundred thousand tags."""
    texts = ["\ud800<think>\ud800</think>", "\x1b]0;x\x07\x1b[2J", "", "<think>" * 100_000, "</answer>" * 1000]
    rollouts = steps(tmp_path, [row(uid=f"p_{n}_0", output=text) for n, text in enumerate(texts)])
    _, rows, _ = lay_out(rollouts, [0.0] * len(texts), WordCounter(), by_words)
    assert np.isfinite(rows.embeddings_BH).all() and all(map(math.isnan, rows.logp_sum_B))
