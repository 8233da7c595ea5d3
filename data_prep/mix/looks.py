# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Perceptual hashes of many images, compared with those of many others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from data_prep.mix.fingerprints import LOOK_BITS, RowPrint

NEAR_LOOK = 10
"""Sure bits in which the hashes of two images may differ for a second look. Copies at half or twice the size and at
JPEG quality 30 differed in 1 at most; other charts of the same template in 8 and more, nearly all in over 20."""
NEAR_SHARE = 0.1
"""The same as a share of the bits that are sure in both."""
_BLOCK = 256


@dataclass(frozen=True)
class Looks:
    """The perceptual hashes of many images; those without a look are not among them."""

    owner: np.ndarray
    """int64, the row of each image."""
    sha256: Sequence[str]
    words: np.ndarray
    """uint64, images x 4: the hashes in pieces."""
    sure: np.ndarray
    """uint64, images x 4: which bits of them are compared."""


def looks_of(rows: Sequence[RowPrint]) -> Looks:
    """Collect the hashes of all images that have a look."""
    found = [(i, image) for i, row in enumerate(rows) for image in row.images if image.has_look]
    owner, images = zip(*found, strict=True) if found else ((), ())
    words, sure = (in_words([getattr(image, name) for image in images]) for name in ("look", "sure"))
    return Looks(np.array(owner, np.int64), [image.sha256 for image in images], words, sure)


def in_words(looks: Sequence[int]) -> np.ndarray:
    """Hashes as an array of n x 4 words."""
    content = b"".join(look.to_bytes(LOOK_BITS // 8, "big") for look in looks)
    return np.frombuffer(content, ">u8").astype(np.uint64).reshape(len(looks), LOOK_BITS // 64)


def compare(left: np.ndarray, right: np.ndarray, sure: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compare hashes.

    Args:
        left: ... x 4 words.
        right: Likewise.
        sure: The bits that are sure in both.

    Returns:
        How many of those differ, and whether that is few enough for a second look.
    """
    bits = np.bitwise_count((left ^ right) & sure).sum(axis=-1, dtype=np.int64)
    common = np.bitwise_count(sure).sum(axis=-1, dtype=np.int64)
    return bits, (bits <= NEAR_LOOK) & (bits <= NEAR_SHARE * common)


def near_pairs(left: Looks, right: Looks) -> Iterator[tuple[int, int, int]]:
    """Compare every image with every other, in blocks: 50,000 by 10,000 take seconds, and megabytes.

    Args:
        left: Images of the rows.
        right: Images to look for.

    Yields:
        Position left, position right, and the bits in which they differ, for pairs within ``NEAR_LOOK``.
    """
    for start in range(0, len(left.owner), _BLOCK):
        words, sure = left.words[start : start + _BLOCK], left.sure[start : start + _BLOCK]
        # One word in four is enough to rule nearly all pairs out.
        first = (words[:, None, 0] ^ right.words[:, 0]) & sure[:, None, 0] & right.sure[:, 0]
        i, j = np.nonzero(np.bitwise_count(first) <= NEAR_LOOK)
        bits, near = compare(words[i], right.words[j], sure[i] & right.sure[j])
        for keep in np.flatnonzero(near):
            yield start + int(i[keep]), int(j[keep]), int(bits[keep])
