# Copyright 2026 The CARE-verl authors
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""Each rule by an example made by hand, and what must not depend on the order of the rows."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.fingerprints import ImagePrint, RowPrint
from data_prep.overlap import Looks, find_benchmark, find_duplicates, near_pairs

LONG = "in triangle abc the side ab is 5 the side bc is 7 how long is ac"
LONGER = f"{LONG} if the angle at b is a right angle and all of them are in metres and nothing else is known here"


def image(phash=0, dhash=0, *, name="", look=True) -> ImagePrint:
    return ImagePrint(name or f"{phash}-{dhash}", phash, dhash, look)


def row(text="find x", *images: ImagePrint, gold="5", qid="q", index=0) -> RowPrint:
    return RowPrint(qid, index, text, images, gold=gold)


def bits(count: int) -> int:
    return (1 << count) - 1


FAR = image(bits(32), bits(32) << 32)
RULES = [
    (
        "same bytes",
        row("a", image(look=False, name="s")),
        row("b", image(look=False, name="s")),
        "benchmark_image_bytes",
    ),
    ("phash 4", row("a", image(bits(4), bits(10), name="r")), row("b", image()), "benchmark_image_look"),
    (
        "phash 5, words agree",
        row("find x", image(bits(5), name="r")),
        row("find x", image()),
        "benchmark_image_and_words",
    ),
    ("phash 10, words differ", row("a", image(bits(10), name="r")), row("b", image()), "similar_image"),
    ("phash 5, no words", row("", image(bits(5), name="r")), row("", image()), "similar_image"),
    ("phash 11", row("a", image(bits(11), name="r")), row("b", image()), None),
    ("dhash 11", row("a", image(0, bits(11), name="r")), row("b", image()), None),
    ("blank images", row("a", image(look=False, name="r")), row("b", image(look=False)), None),
    ("long words", row(LONG, FAR), row(LONG, image()), "benchmark_words"),
    ("long words, no image", row(LONG), row(LONG), "benchmark_words"),
    ("generic words", row("find x", FAR), row("find x", image()), "generic_words"),
    ("no words", row("", FAR), row("", image()), None),
    ("similar words", row(LONGER + " now", FAR), row(LONGER, image()), "similar_words"),
    (
        "second image",
        row("a", FAR, image(name="s")),
        row("b", image(bits(30), name="t"), image(name="s")),
        "benchmark_image_bytes",
    ),
]


@pytest.mark.parametrize(("own", "item", "reason"), [case[1:] for case in RULES], ids=[case[0] for case in RULES])
def test_rules_against_a_benchmark(own, item, reason):
    other = row("something else", image(bits(20) << 40, bits(20) << 3, name="u"))
    found = find_benchmark([other, own], [other.__class__("z", 0, "nothing", ()), item])
    assert [(f.row, f.other, f.reason) for f in found] == ([(1, 1, reason)] if reason else [])


def test_the_strongest_evidence_counts():
    own = row(LONG, image(name="r"))
    items = [row(LONG, FAR), row("a", image(bits(3))), row("b", image(bits(2)))]
    (found,) = find_benchmark([own], items)
    assert (found.reason, found.other, found.phash) == ("benchmark_image_look", 2, 2)


def test_block_borders_change_nothing():
    rng = np.random.default_rng(0)
    centres = rng.integers(0, 2**64, 40, dtype=np.uint64)
    left = Looks(np.arange(700), centres[rng.integers(0, 40, 700)] ^ np.uint64(0b101), np.zeros(700, np.uint64))
    right = Looks(np.arange(300), centres[rng.integers(0, 40, 300)], np.zeros(300, np.uint64))
    expected = {
        (i, j, (int(a) ^ int(b)).bit_count(), 0)
        for i, a in enumerate(left.phash)
        for j, b in enumerate(right.phash)
        if (int(a) ^ int(b)).bit_count() <= 10
    }
    assert set(near_pairs(left, right)) == expected and len(expected) > 1000


def test_duplicates_need_image_question_and_gold():
    first = row("find x", image(), gold="5", qid="a")
    others = [
        row("find x", image(bits(3), name="r"), gold="5", qid="b"),
        row("find y", image(), gold="5", qid="c"),
        row("find x", FAR, gold="5", qid="d"),
        row("find x", image(bits(3), name="r"), gold="6", qid="e"),
        row("find x", image(), gold="6", qid="f"),
        row("find x", image(), image(), gold="5", qid="g"),
        row("find x", gold="5", qid="h"),
        row("find x", gold="5", qid="i"),
    ]
    found = find_duplicates([first, *others], [0] * 9)
    # e is the only copy of its look with gold 6, and f says the same as e.
    assert [(f.row, f.reason, f.other) for f in found] == [
        (1, "duplicate", 0),
        (5, "duplicate", 4),
        (8, "duplicate", 7),
    ]


def test_other_golds_for_the_same_image_are_listed():
    found = find_duplicates([row("find x", image(), gold="5"), row("find x", image(), gold="6", qid="r")], [0, 0])
    assert [(f.row, f.reason, f.drops) for f in found] == [(1, "contradicting_gold", False)]


def test_the_trusted_file_wins():
    rows = [row("find x", image(), qid="a"), row("find x", image(), qid="b")]
    assert [f.row for f in find_duplicates(rows, [1, 0])] == [0]
    assert [f.row for f in find_duplicates(rows, [0, 1])] == [1]
    assert [f.row for f in find_duplicates(rows, [0, 0])] == [1]


@settings(max_examples=100)
@given(
    kinds=st.lists(
        st.tuples(
            st.sampled_from(["find x", "find y"]), st.integers(0, 7), st.sampled_from(["5", "6"]), st.integers(0, 2)
        ),
        max_size=12,
    ),
    seed=st.integers(0, 100),
)
def test_the_order_of_rows_does_not_decide_which_are_kept(kinds, seed):
    """Chains of images that look alike included: a is near b, b is near c, c is not near a."""
    rows = [
        (row(text, image(bits(2 * step), name=str(step)), gold=gold, qid=str(number)), priority)
        for number, (text, step, gold, priority) in enumerate(kinds)
    ]

    def kept(order):
        lost = {f.row for f in find_duplicates([r for r, _ in order], [p for _, p in order]) if f.drops}
        return {r.qid for number, (r, _) in enumerate(order) if number not in lost}

    mixed = random.Random(seed).sample(rows, len(rows))
    assert kept(rows) == kept(mixed)
    assert bool(kept(rows)) == bool(rows)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 12), st.booleans()), max_size=8), st.integers(0, 100))
def test_the_order_of_rows_does_not_decide_what_is_found(kinds, seed):
    rows = [row("find x" if t else LONG, image(bits(b), name=str(n)), qid=str(n)) for n, (b, t) in enumerate(kinds)]
    items = [row("find x", image()), row(LONG, FAR)]
    mixed = random.Random(seed).sample(rows, len(rows))

    def found(order):
        return {(order[f.row].qid, f.reason, f.other, f.phash) for f in find_benchmark(order, items)}

    assert found(rows) == found(mixed)
