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
"""Whether an image can be trained on. Its bytes are kept as they came; decoding is only a test."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from dataclasses import dataclass, field

from PIL import Image, UnidentifiedImageError

from data_prep.examples import SourceImage
from data_prep.report import Dropped

MOST_RATIO = 200
"""Qwen's processors raise above it, in the middle of a run."""
TOKEN_SIDES = (28, 32)
"""Pixels on the side of an image token: Qwen2.5-VL, Qwen3-VL. Sides are rounded to multiples of it before the ratio is
looked at the last time, so 5700x30 is refused as 5712x28."""
SHORTEST_SIDE = 28
MOST_PIXELS = 89_478_485
"""Pillow's own limit, from which on it warns of a decompression bomb."""
_THUMBNAIL = (64, 64)
CANNOT_DECODE = (OSError, SyntaxError, ValueError, EOFError, RuntimeError, struct.error, zlib.error)
"""What Pillow's decoders raise on damaged files; RuntimeError is AVIF's."""


@dataclass(frozen=True)
class CheckedImage:
    """An image that opens."""

    content: bytes = field(repr=False)
    sha256: str
    width: int
    height: int


def check_image(image: SourceImage) -> CheckedImage:
    """Make sure that an image is there, decodes to its end, and has a shape the processors take.

    Args:
        image: The image as the dataset has it.

    Returns:
        Its bytes, unchanged, with hash and size.

    Raises:
        Dropped: With the reason why a row with it cannot be used.
    """
    if image.content is None:
        raise Dropped("image_missing", image.name)
    try:
        width, height = _decode(image.content)
    except UnidentifiedImageError as error:
        raise Dropped("image_broken", f"{image.name}: no image of a known format") from error
    except CANNOT_DECODE as error:
        raise Dropped("image_broken", f"{image.name}: {' '.join(str(error).split())}") from error
    except Image.DecompressionBombError as error:
        raise Dropped("image_too_large", image.name) from error
    return CheckedImage(image.content, hashlib.sha256(image.content).hexdigest(), width, height)


def _decode(content: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(content)) as picture:
        width, height = picture.size
        _check_shape(width, height)
        # JPEG at an eighth of its size: every coded byte is still read, which is what finds a file cut short.
        picture.draft(None, _THUMBNAIL)
        picture.load()
    return width, height


def _check_shape(width: int, height: int) -> None:
    shape = f"{width}x{height}"
    if width * height > MOST_PIXELS:
        raise Dropped("image_too_large", shape)
    for unit in (1, *TOKEN_SIDES):
        sides = [max(1, round(side / unit)) for side in (width, height)]
        if max(sides) > MOST_RATIO * min(sides):
            raise Dropped("image_too_long", shape)
    if min(width, height) < SHORTEST_SIDE:
        raise Dropped("image_too_small", shape)
