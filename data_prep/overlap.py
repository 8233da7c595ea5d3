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
"""Which rows a mixture has twice, and which it shares with a benchmark. Pure functions of fingerprints.

Every row gets at most one finding, the strongest, in the order of ``DROPS`` and then ``INSPECT``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from data_prep.fingerprints import ImagePrint, RowPrint, is_specific, jaccard, shingles
from data_prep.report import DROPS as CONVERTER_DROPS

DROPS: dict[str, str] = {
    "benchmark_image_bytes": "an image is, byte for byte, one of the benchmark",
    "benchmark_image_look": "an image looks like one of the benchmark: pHash within 4 bits and dHash within 10",
    "benchmark_image_and_words": "an image is similar to one of the benchmark (pHash 5 to 10) and the question agrees",
    "benchmark_words": "the question, too long and numeric to be anybody's, is one of the benchmark word for word",
    "duplicate": "image, question and gold are those of a row that was kept",
}
"""Reasons for leaving a row out."""

INSPECT: dict[str, str] = {
    "similar_image": "an image is similar to one of the benchmark (pHash 5 to 10), the question differs",
    "similar_words": "the question shares four fifths of its word 5-grams with one of the benchmark, the image differs",
    "generic_words": "the question is one of the benchmark, but one that fits many images, and the image differs",
    "contradicting_gold": "image and question are those of another row, the gold is not",
}
"""Reasons for a person to look at a row, which is kept."""

assert not DROPS.keys() & CONVERTER_DROPS.keys()

SAME_PHASH = 4
NEAR_PHASH = 10
NEAR_DHASH = 10
AGREES = 0.5
"""Jaccard similarity of the word 5-grams from which on questions agree, if their images are similar too."""
SIMILAR = 0.8
"""The same where there is no other evidence."""
_BLOCK = 256
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
    phash: int = _NO_IMAGES
    """Bits in which the pHashes differ, -1 where images decided nothing or by their bytes."""
    dhash: int = _NO_IMAGES
    words: float = 0.0
    """Jaccard similarity of the questions."""

    @property
    def drops(self) -> bool:
        """Whether the row is left out."""
        return self.reason in DROPS

    @property
    def order(self) -> tuple[int, int, float, int]:
        """Sorts the stronger evidence first."""
        return _STRENGTH[self.reason], self.phash, -self.words, self.other


@dataclass(frozen=True)
class Looks:
    """The perceptual hashes of many images; those without a look are not among them."""

    owner: np.ndarray
    """int64, the row of each image."""
    phash: np.ndarray
    """uint64."""
    dhash: np.ndarray
    """uint64."""


def looks_of(rows: Sequence[RowPrint]) -> Looks:
    """Collect the hashes of all images that have a look."""
    found = [(i, image.phash, image.dhash) for i, row in enumerate(rows) for image in row.images if image.has_look]
    owner, phash, dhash = zip(*found, strict=True) if found else ((), (), ())
    return Looks(np.array(owner, np.int64), np.array(phash, np.uint64), np.array(dhash, np.uint64))


def near_pairs(left: Looks, right: Looks) -> Iterator[tuple[int, int, int, int]]:
    """Compare every image with every other, in blocks: 50,000 by 10,000 take seconds, and megabytes.

    Args:
        left: Images of the rows.
        right: Images to look for.

    Yields:
        Row, other, and the bits in which pHash and dHash differ, for pairs within ``NEAR_PHASH`` and ``NEAR_DHASH``.
    """
    for start in range(0, len(left.owner), _BLOCK):
        block = slice(start, start + _BLOCK)
        phash = np.bitwise_count(left.phash[block, None] ^ right.phash)
        i, j = np.nonzero(phash <= NEAR_PHASH)
        dhash = np.bitwise_count(left.dhash[block][i] ^ right.dhash[j])
        for keep in np.flatnonzero(dhash <= NEAR_DHASH):
            a, b = int(i[keep]), int(j[keep])
            yield int(left.owner[block][a]), int(right.owner[b]), int(phash[a, b]), int(dhash[keep])


def find_benchmark(rows: Sequence[RowPrint], items: Sequence[RowPrint]) -> list[Finding]:
    """Find the rows that a benchmark has too.

    Args:
        rows: Rows of a training file.
        items: Items of one benchmark.

    Returns:
        At most one finding for each row, in the order of the rows.
    """
    found = [*_same_bytes(rows, items), *_same_look(rows, items), *_same_words(rows, items)]
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


def _same_look(rows: Sequence[RowPrint], items: Sequence[RowPrint]) -> Iterator[Finding]:
    for number, other, phash, dhash in near_pairs(looks_of(rows), looks_of(items)):
        words = _words(rows[number], items[other])
        if phash <= SAME_PHASH:
            reason = "benchmark_image_look"
        else:
            reason = "benchmark_image_and_words" if words >= AGREES else "similar_image"
        yield Finding(number, reason, other, phash, dhash, words)


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


def find_duplicates(rows: Sequence[RowPrint], priority: Sequence[int]) -> list[Finding]:
    """Find the rows that say again what another row says: same images, same question, same gold.

    Which of them is kept does not depend on the order of the rows: the one with the lowest priority number, and among
    equals the one whose qid comes first.

    Args:
        rows: The rows of the whole mixture.
        priority: A number for each of them, the position of its file in the mixture.

    Returns:
        Findings ``duplicate`` and ``contradicting_gold``, in the order of the rows.
    """
    groups: dict[tuple[str, int], list[int]] = defaultdict(list)
    for number, row in enumerate(rows):
        groups[row.asked, len(row.images)].append(number)
    found: list[Finding] = []
    for members in groups.values():
        if len(members) > 1:
            members.sort(key=lambda number: (priority[number], *_identity(rows[number]), number))
            found += _in_group(rows, members)
    return sorted(found, key=lambda finding: finding.row)


def _identity(row: RowPrint) -> tuple[str, str, tuple[str, ...]]:
    return row.qid, row.gold, tuple(image.sha256 for image in row.images)


def _in_group(rows: Sequence[RowPrint], members: Sequence[int]) -> Iterator[Finding]:
    """Go through rows of one question, best first, and compare each with those that were kept before it."""
    images = _Stack([rows[number].images for number in members])
    kept: list[int] = []
    for place, number in enumerate(members):
        same = [members[kept[k]] for k in images.matches(place, kept)]
        twin = next((other for other in same if rows[other].gold == rows[number].gold), None)
        if twin is not None:
            yield Finding(number, "duplicate", twin, words=1.0)
            continue
        kept.append(place)
        own = [image.sha256 for image in rows[number].images]
        rival = next((other for other in same if own and own == [i.sha256 for i in rows[other].images]), None)
        if rival is not None:
            yield Finding(number, "contradicting_gold", rival, words=1.0)


class _Stack:
    """The images of several rows with equally many images each, to compare one row with many at once."""

    def __init__(self, images: Iterable[Sequence[ImagePrint]]) -> None:
        rows = list(images)
        self._phash = np.array([[image.phash for image in row] for row in rows], np.uint64)
        self._dhash = np.array([[image.dhash for image in row] for row in rows], np.uint64)
        self._look = np.array([[image.has_look for image in row] for row in rows], bool)
        numbers: dict[str, int] = {}
        self._bytes = np.array([[numbers.setdefault(image.sha256, len(numbers)) for image in row] for row in rows])

    def matches(self, place: int, among: Sequence[int]) -> np.ndarray:
        """Which of the rows ``among`` have all images of row ``place``; a row without images matches every other."""
        others = np.array(among, np.int64)
        near = np.bitwise_count(self._phash[others] ^ self._phash[place]) <= SAME_PHASH
        near &= np.bitwise_count(self._dhash[others] ^ self._dhash[place]) <= NEAR_DHASH
        near &= self._look[others] & self._look[place]
        return np.flatnonzero((near | (self._bytes[others] == self._bytes[place])).all(axis=1))
