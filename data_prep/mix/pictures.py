# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""A second look at two images that may be copies of each other: is there a place in them that differs?

Charts of one template, tables of one layout and diagrams of one problem have nearly the same hash. What is printed in
them differs, and that can be seen without reading it: some place differs by as much as the picture has contrast there.
Copying, scaling and JPEG change edges everywhere, and nowhere by so much.
"""

from __future__ import annotations

import functools

import numpy as np
from PIL import Image

from data_prep.mix.fingerprints import open_grey

LARGEST_SIDE = 800
MOST_DIFFERENCE = 0.25
"""Of the contrast around a place. Among 240 copies at half to twice the size and JPEG quality 30 to 90, the largest was
0.24; with one number or word replaced in a chart or table of the same size it was 0.18 to 4, hardly ever below 0.25."""
MOST_OUTSTANDING = 10.0
"""Times the usual difference in the same pair: copies had 9 at most, one digit replaced gave 11 and more."""
_SAME_SHAPE = 0.03
_NEIGHBOURS = 9
_MOST_NOISE = 24.0
"""Grey levels that are added to the contrast, so that the noise of an even ground does not count."""
_STRUCTURE = 40.0


def small_picture(content: bytes) -> Image.Image | None:
    """An image as it is compared, in grey and at most ``LARGEST_SIDE`` wide or high; None if it cannot be decoded."""
    grey = open_grey(content, 2 * LARGEST_SIDE)
    if grey is not None:
        grey.thumbnail((LARGEST_SIDE, LARGEST_SIDE), Image.Resampling.LANCZOS)
    return grey


def shows_the_same(one: Image.Image, other: Image.Image) -> bool:
    """Whether two pictures show the same.

    Args:
        one: As ``small_picture`` returns it.
        other: Likewise.

    Returns:
        False where some place differs by more than copying and scaling do, or where the shapes differ.
    """
    shapes = one.width / one.height, other.width / other.height
    if abs(shapes[0] / shapes[1] - 1) > _SAME_SHAPE:
        return False
    size = min(one.size, other.size)
    left, right = (np.asarray(image.resize(size, Image.Resampling.LANCZOS), np.float32) for image in (one, other))
    contrast = np.maximum(_contrast(left), _contrast(right))
    difference = _smoothed(_smoothed(np.abs(left - right) / (contrast + _MOST_NOISE)))
    structure = contrast > _STRUCTURE
    usual = float(np.median(difference[structure])) if structure.any() else 0.0
    largest = float(difference.max())
    return largest <= MOST_DIFFERENCE and largest + 0.01 <= MOST_OUTSTANDING * (usual + 0.01)


def _contrast(grey: np.ndarray) -> np.ndarray:
    """The brightest minus the darkest of the ``_NEIGHBOURS`` x ``_NEIGHBOURS`` around each pixel."""
    return _extreme(grey, np.maximum) - _extreme(grey, np.minimum)


def _extreme(grey: np.ndarray, function: np.ufunc) -> np.ndarray:
    reach = _NEIGHBOURS // 2
    for axis in (0, 1):
        padded = np.pad(grey, [(reach, reach) if axis == a else (0, 0) for a in (0, 1)], mode="edge")
        parts = (np.take(padded, range(n, n + grey.shape[axis]), axis) for n in range(_NEIGHBOURS))
        grey = functools.reduce(function, parts)
    return grey


def _smoothed(values: np.ndarray) -> np.ndarray:
    """The mean of the 3 x 3 around each place."""
    padded = np.pad(values, 1, mode="edge")
    height, width = values.shape
    shifted = [padded[i : i + height, j : j + width] for i in range(3) for j in range(3)]
    return np.asarray(np.sum(shifted, axis=0) / len(shifted))
