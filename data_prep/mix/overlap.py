# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Which rows a mixture has twice, and which it shares with a benchmark. Pure functions of fingerprints.

Every row gets at most one finding, the strongest, in the order of ``DROPS`` and then ``INSPECT``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass

import numpy as np

from data_prep.file.report import DROPS as CONVERTER_DROPS
from data_prep.mix.fingerprints import ImagePrint, RowPrint, is_specific, jaccard, shingles
from data_prep.mix.looks import compare, in_words, looks_of, near_pairs

DROPS: dict[str, str] = {
    "benchmark_image_bytes": "an image is, byte for byte, one of the benchmark",
    "benchmark_image_look": "an image is a copy of one of the benchmark: no place differs more than copying explains",
    "benchmark_words": "the question, too long and numeric to be anybody's, is one of the benchmark word for word",
    "duplicate": "image, question and gold are those of a row that was kept",
}
"""Reasons for leaving a row out."""

INSPECT: dict[str, str] = {
    "similar_image": "an image is much like one of the benchmark, and a second look found a place that differs",
    "similar_words": "the question shares four fifths of its word 5-grams with one of the benchmark, the image differs",
    "generic_words": "the question is one of the benchmark, but one that fits many images, and the image differs",
    "contradicting_gold": "image and question are those of another row, the gold is not",
}
"""Reasons for a person to look at a row, which is kept."""

assert not DROPS.keys() & CONVERTER_DROPS.keys()

SIMILAR = 0.8
"""Jaccard similarity of the word 5-grams from which on questions are alike."""
Pairs = Set[tuple[str, str]]
"""Pairs of images, named by their SHA-256."""
SecondLook = Callable[[Pairs], Pairs]
"""Looks at pairs of images themselves; which of them show the same."""
_STRENGTH = {reason: rank for rank, reason in enumerate([*DROPS, *INSPECT])}
_NO_IMAGES = -1


@dataclass(frozen=True)
class Finding:
    """What was found about one row."""

    row: int
    """Position among the rows that were compared."""
    reason: str
    """A key of ``DROPS`` or ``INSPECT``."""
    other: int
    """Position of what it resembles: an item of the benchmark, or another row."""
    bits: int = _NO_IMAGES
    """Bits in which the hashes differ, -1 where images decided nothing or by their bytes."""
    words: float = 0.0
    """Jaccard similarity of the questions."""

    @property
    def drops(self) -> bool:
        """Whether the row is left out."""
        return self.reason in DROPS

    @property
    def order(self) -> tuple[int, int, float, int]:
        """Sorts the stronger evidence first."""
        return _STRENGTH[self.reason], self.bits, -self.words, self.other


def find_benchmark(rows: Sequence[RowPrint], items: Sequence[RowPrint], second_look: SecondLook) -> list[Finding]:
    """Find the rows that a benchmark has too.

    Args:
        rows: Rows of a training file.
        items: Items of one benchmark.
        second_look: Asked about images whose hashes are near.

    Returns:
        At most one finding for each row, in the order of the rows.
    """
    found = [*_same_bytes(rows, items), *_same_look(rows, items, second_look), *_same_words(rows, items)]
    strongest: dict[int, Finding] = {}
    for finding in sorted(found, key=lambda finding: finding.order):
        strongest.setdefault(finding.row, finding)
    return [strongest[row] for row in sorted(strongest)]


def _same_bytes(rows: Sequence[RowPrint], items: Sequence[RowPrint]) -> Iterator[Finding]:
    owner: dict[str, int] = {}
    for number, item in enumerate(items):
        for image in item.images:
            owner.setdefault(image.sha256, number)
    for number, row in enumerate(rows):
        for image in row.images:
            if image.sha256 in owner:
                other = owner[image.sha256]
                words = _words(row, items[other])
                yield Finding(number, "benchmark_image_bytes", other, words=words)


def _same_look(rows: Sequence[RowPrint], items: Sequence[RowPrint], second_look: SecondLook) -> Iterator[Finding]:
    left, right = looks_of(rows), looks_of(items)
    near = [(i, j, bits) for i, j, bits in near_pairs(left, right) if left.sha256[i] != right.sha256[j]]
    same = second_look({(left.sha256[i], right.sha256[j]) for i, j, _ in near})
    for i, j, bits in near:
        number, other = int(left.owner[i]), int(right.owner[j])
        reason = "benchmark_image_look" if (left.sha256[i], right.sha256[j]) in same else "similar_image"
        yield Finding(number, reason, other, bits, _words(rows[number], items[other]))


def _same_words(rows: Sequence[RowPrint], items: Sequence[RowPrint]) -> Iterator[Finding]:
    by_text: dict[str, int] = {}
    holders: dict[str, list[int]] = defaultdict(list)
    grams = [shingles(item.text) for item in items]
    for number, item in enumerate(items):
        by_text.setdefault(item.text, number)
        if is_specific(item.text):
            for gram in grams[number]:
                holders[gram].append(number)
    for number, row in enumerate(rows):
        if row.text and row.text in by_text:
            reason = "benchmark_words" if is_specific(row.text) else "generic_words"
            yield Finding(number, reason, by_text[row.text], words=1.0)
        elif is_specific(row.text):
            yield from _similar_words(number, shingles(row.text), grams, holders)


def _similar_words(
    number: int, own: frozenset[str], grams: Sequence[frozenset[str]], holders: dict[str, list[int]]
) -> Iterator[Finding]:
    """The item that shares most grams with a row, if it shares enough."""
    shared = [np.array(holders[gram]) for gram in own if gram in holders]
    if not shared:
        return
    others, counts = np.unique(np.concatenate(shared), return_counts=True)
    # Jaccard is at most shared / own, so most candidates need no look at their own grams.
    candidates = others[counts >= SIMILAR * len(own)]
    scores = [jaccard(own, grams[other]) for other in candidates]
    if scores and max(scores) >= SIMILAR:
        best = int(np.argmax(scores))
        yield Finding(number, "similar_words", int(candidates[best]), words=scores[best])


def _words(left: RowPrint, right: RowPrint) -> float:
    return jaccard(shingles(left.text), shingles(right.text))


def find_duplicates(rows: Sequence[RowPrint], priority: Sequence[int], second_look: SecondLook) -> list[Finding]:
    """Find the rows that say again what another row says: same images, same question, same gold.

    Which of them is kept does not depend on the order of the rows: the one with the lowest priority number, and among
    equals the one whose qid comes first.

    Args:
        rows: The rows of the whole mixture.
        priority: A number for each of them, the position of its file in the mixture.
        second_look: Asked about images whose hashes are near.

    Returns:
        Findings ``duplicate`` and ``contradicting_gold``, in the order of the rows.
    """
    same = second_look(_twins(rows))
    found: list[Finding] = []
    for members in _by_question(rows):
        members.sort(key=lambda number: (priority[number], *_identity(rows[number]), number))
        found += _in_group(rows, members, same)
    return sorted(found, key=lambda finding: finding.row)


def _by_question(rows: Sequence[RowPrint]) -> Iterator[list[int]]:
    """Groups of rows that ask the same of as many images, where there is more than one such row."""
    groups: dict[tuple[str, int], list[int]] = defaultdict(list)
    for number, row in enumerate(rows):
        groups[row.asked, len(row.images)].append(number)
    return (members for members in groups.values() if len(members) > 1)


def _twins(rows: Sequence[RowPrint]) -> Pairs:
    """The pairs of images that need a second look: near, of one question, with one gold."""
    pairs: set[tuple[str, str]] = set()
    for members in _by_question(rows):
        images = [rows[number].images for number in members]
        stack = _Stack(images)
        for place in range(1, len(members)):
            others = [k for k in range(place) if rows[members[k]].gold == rows[members[place]].gold]
            for other in stack.near(place, others):
                both = zip(images[place], images[others[other]], strict=True)
                pairs |= {(a.sha256, b.sha256) for a, b in both if a.sha256 != b.sha256}
    return pairs


def _identity(row: RowPrint) -> tuple[str, str, tuple[str, ...]]:
    return row.qid, row.gold, tuple(image.sha256 for image in row.images)


def _in_group(rows: Sequence[RowPrint], members: Sequence[int], same: Pairs) -> Iterator[Finding]:
    """Go through rows of one question, best first, and compare each with those that were kept before it."""
    images = _Stack([rows[number].images for number in members])
    kept: list[int] = []
    for place, number in enumerate(members):
        near = [members[kept[k]] for k in images.near(place, kept)]
        with_gold = [other for other in near if rows[other].gold == rows[number].gold]
        twin = next((other for other in with_gold if _same_images(rows[number], rows[other], same)), None)
        if twin is not None:
            yield Finding(number, "duplicate", twin, words=1.0)
            continue
        kept.append(place)
        own = [image.sha256 for image in rows[number].images]
        rival = next((other for other in near if own and own == [i.sha256 for i in rows[other].images]), None)
        if rival is not None:
            yield Finding(number, "contradicting_gold", rival, words=1.0)


def _same_images(left: RowPrint, right: RowPrint, same: Pairs) -> bool:
    both = [(a.sha256, b.sha256) for a, b in zip(left.images, right.images, strict=True)]
    return all(a == b or (a, b) in same or (b, a) in same for a, b in both)


class _Stack:
    """The images of several rows with equally many images each, to compare one row with many at once."""

    def __init__(self, images: Iterable[Sequence[ImagePrint]]) -> None:
        rows = list(images)
        self._looks = np.array([in_words([image.look for image in row]) for row in rows])
        self._sure = np.array([in_words([image.sure for image in row]) for row in rows])
        self._look = np.array([[image.has_look for image in row] for row in rows], bool)
        numbers: dict[str, int] = {}
        self._bytes = np.array([[numbers.setdefault(image.sha256, len(numbers)) for image in row] for row in rows])

    def near(self, place: int, among: Sequence[int]) -> np.ndarray:
        """Which of the rows ``among`` may have the images of row ``place``; one without images matches every other."""
        others = np.array(among, np.int64)
        sure = self._sure[others] & self._sure[place]
        _, near = compare(self._looks[others], self._looks[place], sure)
        near &= self._look[others] & self._look[place]
        return np.flatnonzero((near | (self._bytes[others] == self._bytes[place])).all(axis=1))
