# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Each rule by an example made by hand, and what must not depend on the order of the rows."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.mix.fingerprints import ImagePrint, RowPrint
from data_prep.mix.looks import NEAR_LOOK, looks_of, near_pairs
from data_prep.mix.overlap import find_benchmark, find_duplicates

LONG = "in triangle abc the side ab is 5 the side bc is 7 how long is ac"
LONGER = f"{LONG} if the angle at b is a right angle and all of them are in metres and nothing else is known here"


ALL = (1 << 256) - 1


def image(look=0, *, name="", has_look=True, sure=ALL) -> ImagePrint:
    return ImagePrint(name or str(look), look, sure, has_look)


def all_the_same(pairs):
    """A second look that finds no difference anywhere."""
    return pairs


def all_different(pairs):
    return set()


def row(text="find x", *images: ImagePrint, gold="5", qid="q", index=0) -> RowPrint:
    return RowPrint(qid, index, text, images, gold=gold)


def bits(count: int) -> int:
    return (1 << count) - 1


FAR = image(bits(120))
RULES = [
    (
        "same bytes",
        row("a", image(has_look=False, name="s")),
        row("b", image(has_look=False, name="s")),
        "benchmark_image_bytes",
    ),
    ("look 0", row("a", image(0, name="r")), row("b", image()), "benchmark_image_look"),
    ("look 10", row("a", image(bits(10), name="r")), row("b", image()), "benchmark_image_look"),
    ("look 10 in the last word", row("a", image(bits(10) << 230, name="r")), row("b", image()), "benchmark_image_look"),
    ("look 11", row("a", image(bits(11), name="r")), row("b", image()), None),
    ("look 11 in two words", row("a", image(bits(6) | bits(5) << 100, name="r")), row("b", image()), None),
    (
        "look 11, one not sure",
        row("a", image(bits(11), name="r", sure=ALL ^ 4)),
        row("b", image()),
        "benchmark_image_look",
    ),
    ("look 2 of 10 sure", row("a", image(bits(2), name="r", sure=bits(10))), row("b", image()), None),
    ("blank images", row("a", image(has_look=False, name="r")), row("b", image(has_look=False)), None),
    ("long words", row(LONG, FAR), row(LONG, image()), "benchmark_words"),
    ("long words, no image", row(LONG), row(LONG), "benchmark_words"),
    ("generic words", row("find x", FAR), row("find x", image()), "generic_words"),
    ("no words", row("", FAR), row("", image()), None),
    ("similar words", row(LONGER + " now", FAR), row(LONGER, image()), "similar_words"),
    (
        "second image",
        row("a", FAR, image(name="s")),
        row("b", image(bits(90) << 100, name="t"), image(name="s")),
        "benchmark_image_bytes",
    ),
]


@pytest.mark.parametrize(("own", "item", "reason"), [case[1:] for case in RULES], ids=[case[0] for case in RULES])
def test_rules_against_a_benchmark(own, item, reason):
    other = row("something else", image(bits(30) << 40, name="u"))
    found = find_benchmark([other, own], [other.__class__("z", 0, "nothing", ()), item], all_the_same)
    assert [(f.row, f.other, f.reason) for f in found] == ([(1, 1, reason)] if reason else [])


def test_only_what_passes_a_second_look_is_dropped():
    own, item = row("find x", image(bits(3), name="r")), row("find x", image(name="s"))
    (found,) = find_benchmark([own], [item], all_different)
    assert (found.reason, found.drops, found.bits, found.words) == ("similar_image", False, 3, 1.0)
    asked = []
    find_benchmark([own, row("a", FAR)], [item], lambda pairs: asked.append(pairs) or pairs)
    assert asked == [{("r", "s")}]


def test_the_strongest_evidence_counts():
    own = row(LONG, image(name="r"))
    items = [row(LONG, FAR), row("a", image(bits(3))), row("b", image(bits(2)))]
    (found,) = find_benchmark([own], items, all_the_same)
    assert (found.reason, found.other, found.bits) == ("benchmark_image_look", 2, 2)


def test_block_borders_change_nothing():
    rng = random.Random(0)
    centres = [rng.getrandbits(256) for _ in range(40)]
    rows = [row("a", image(rng.choice(centres) ^ 0b101 << 200)) for _ in range(700)]
    items = [row("b", image(rng.choice(centres))) for _ in range(300)]
    left, right = ([r.images[0].look for r in group] for group in (rows, items))
    expected = {
        (i, j, (a ^ b).bit_count())
        for i, a in enumerate(left)
        for j, b in enumerate(right)
        if (a ^ b).bit_count() <= NEAR_LOOK
    }
    assert set(near_pairs(looks_of(rows), looks_of(items))) == expected and len(expected) > 1000


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
    found = find_duplicates([first, *others], [0] * 9, all_the_same)
    # e is the only copy of its look with gold 6, and f says the same as e.
    assert [(f.row, f.reason, f.other) for f in found] == [
        (1, "duplicate", 0),
        (5, "duplicate", 4),
        (8, "duplicate", 7),
    ]


def test_duplicates_need_a_second_look():
    rows = [row("find x", image(), qid="a"), row("find x", image(bits(3), name="r"), qid="b")]
    assert [f.row for f in find_duplicates(rows, [0, 0], all_the_same)] == [1]
    assert find_duplicates(rows, [0, 0], all_different) == []


def test_other_golds_for_the_same_image_are_listed():
    found = find_duplicates(
        [row("find x", image(), gold="5"), row("find x", image(), gold="6", qid="r")], [0, 0], all_the_same
    )
    assert [(f.row, f.reason, f.drops) for f in found] == [(1, "contradicting_gold", False)]


def test_the_trusted_file_wins():
    rows = [row("find x", image(), qid="a"), row("find x", image(), qid="b")]
    assert [f.row for f in find_duplicates(rows, [1, 0], all_the_same)] == [0]
    assert [f.row for f in find_duplicates(rows, [0, 1], all_the_same)] == [1]
    assert [f.row for f in find_duplicates(rows, [0, 0], all_the_same)] == [1]


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
        (row(text, image(bits(5 * step), name=str(step)), gold=gold, qid=str(number)), priority)
        for number, (text, step, gold, priority) in enumerate(kinds)
    ]

    def kept(order):
        lost = {f.row for f in find_duplicates([r for r, _ in order], [p for _, p in order], all_the_same) if f.drops}
        return {r.qid for number, (r, _) in enumerate(order) if number not in lost}

    mixed = random.Random(seed).sample(rows, len(rows))
    assert kept(rows) == kept(mixed)
    assert bool(kept(rows)) == bool(rows)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 14), st.booleans()), max_size=8), st.integers(0, 100))
def test_the_order_of_rows_does_not_decide_what_is_found(kinds, seed):
    rows = [row("find x" if t else LONG, image(bits(b), name=str(n)), qid=str(n)) for n, (b, t) in enumerate(kinds)]
    items = [row("find x", image()), row(LONG, FAR)]
    mixed = random.Random(seed).sample(rows, len(rows))

    def found(order):
        return {(order[f.row].qid, f.reason, f.other, f.bits) for f in find_benchmark(order, items, all_the_same)}

    assert found(rows) == found(mixed)
