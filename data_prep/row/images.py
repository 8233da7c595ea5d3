# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Whether an image can be trained on, and how it comes to look to the model as it does to a person.

Its bytes are kept as they came wherever that is so. verl lays RGBA on white, converts everything else to RGB and knows
nothing of EXIF: 16-bit pictures would arrive white, floating-point ones black, photographs lying on their side.
"""

from __future__ import annotations

import hashlib
import io
import zlib
from dataclasses import dataclass, field

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from data_prep.file.report import Dropped, Remark
from data_prep.row.examples import SourceImage

MOST_RATIO = 200
"""Qwen's processors raise above it, in the middle of a run."""
TOKEN_SIDES = (28, 32)
"""Pixels on the side of an image token: Qwen2.5-VL, Qwen3-VL. Sides are rounded to multiples of it before the ratio is
looked at the last time, so 5700x30 is refused as 5712x28."""
SHORTEST_SIDE = 28
MOST_PIXELS = 89_478_485
"""Pillow's own limit, from which on it warns of a decompression bomb."""
_THUMBNAIL = (64, 64)
CANNOT_DECODE = Exception
"""Pillow documents nothing of what its decoders raise on damaged files, and they do raise all sorts of things."""
_SEEN_AS_SHOWN = frozenset({"1", "L", "P", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"})
"""Modes that lose nothing when they are converted to RGB; P, L and RGB only without a transparent colour."""
_PNG = b"\x89PNG\r\n\x1a\n"
_BYTE, _WORD = 255, 65535


@dataclass(frozen=True)
class CheckedImage:
    """An image that opens, and that the model sees as a person does."""

    content: bytes = field(repr=False)
    sha256: str
    width: int
    height: int
    remarks: tuple[Remark, ...] = ()
    """What had to be changed in it."""


def check_image(image: SourceImage) -> CheckedImage:
    """Make sure that an image is there, decodes to its end, and has a shape the processors take.

    Args:
        image: The image as the dataset has it.

    Returns:
        Its bytes with hash and size; other bytes only where the model would see something else than a person.

    Raises:
        Dropped: With the reason why a row with it cannot be used.
    """
    if image.content is None:
        raise Dropped("image_missing", image.name)
    try:
        return _decode(image)
    except Dropped:
        raise
    except UnidentifiedImageError as error:
        raise Dropped("image_broken", f"{image.name}: no image of a known format") from error
    except Image.DecompressionBombError as error:
        raise Dropped("image_too_large", image.name) from error
    except CANNOT_DECODE as error:
        raise Dropped("image_broken", f"{image.name}: {' '.join(str(error).split())}") from error


def _decode(image: SourceImage) -> CheckedImage:
    content = image.content or b""
    remarks: tuple[Remark, ...] = ()
    with Image.open(io.BytesIO(content)) as picture:
        width, height = picture.size
        _check_shape(width, height)
        if content.startswith(_PNG):
            _check_png(content)
        why = _seen_differently(picture)
        if why:
            shown = as_shown(picture)
            content, (width, height) = _encoded(shown, picture.format == "JPEG"), shown.size
            remarks = (Remark("image_rewritten", f"{image.name}: {why}"),)
        else:
            # JPEG at an eighth of its size: every coded byte is still read, which is what finds a file cut short.
            picture.draft(None, _THUMBNAIL)
            picture.load()
    return CheckedImage(content, hashlib.sha256(content).hexdigest(), width, height, remarks)


def as_shown(picture: Image.Image) -> Image.Image:
    """A picture as a person sees it: upright, 8 bits a channel, on white where it is transparent; RGB.

    Args:
        picture: An opened image of any mode.

    Returns:
        A picture of its own.
    """
    if _is_turned(picture):
        picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith(("I", "F")):
        return _eight_bits(picture).convert("RGB")
    return _on_white(picture) if picture.has_transparency_data else picture.convert("RGB")


def as_seen(picture: Image.Image) -> Image.Image:
    """A picture as the model sees it: what verl 0.9.1 with qwen-vl-utils makes of an image's bytes; RGB."""
    return _on_white(picture) if picture.mode == "RGBA" else picture.convert("RGB")


def _on_white(picture: Image.Image) -> Image.Image:
    layer = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")


def _seen_differently(picture: Image.Image) -> str:
    """Why the model would see something else than a person; empty where it would not."""
    if _is_turned(picture):
        return "turned as its EXIF data says"
    if picture.mode not in _SEEN_AS_SHOWN:
        return f"mode {picture.mode} as 8 bits a channel"
    if picture.has_transparency_data and picture.mode != "RGBA":
        return f"mode {picture.mode} with transparency, laid on white"
    return ""


def _is_turned(picture: Image.Image) -> bool:
    """Whether EXIF says that the pixels are not the way up in which the picture was taken."""
    try:
        return picture.getexif().get(ExifTags.Base.Orientation, 1) in range(2, 9)
    except CANNOT_DECODE:  # viewers ignore EXIF data that they cannot read, and the picture may be whole
        return False


def _eight_bits(picture: Image.Image) -> Image.Image:
    """16-bit by its high byte; other numbers as they are where they are levels of grey, else stretched."""
    values = np.nan_to_num(np.asarray(picture, dtype=np.float64))
    low, high = float(values.min()), float(values.max())
    if picture.mode.startswith("I;16") or (picture.mode == "I" and low >= 0 and _BYTE < high <= _WORD):
        low, high = 0.0, float(_WORD)
    elif picture.mode == "F" and low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    elif low >= 0 and high <= _BYTE:
        low, high = 0.0, float(_BYTE)
    grey = (values - low) * (_BYTE / max(high - low, 1e-12))
    return Image.fromarray(np.clip(np.rint(grey), 0, _BYTE).astype(np.uint8))


def _encoded(picture: Image.Image, was_jpeg: bool) -> bytes:
    """A file of a picture: a photograph as a JPEG that adds no visible loss, anything else as a PNG."""
    buffer = io.BytesIO()
    if was_jpeg:
        picture.save(buffer, "JPEG", quality=95, subsampling=0)
    else:
        picture.save(buffer, "PNG")
    return buffer.getvalue()


def _check_png(content: bytes) -> None:
    """Compare the checksums of a PNG, which Pillow does not when it decodes one.

    Raises:
        ValueError: A byte of the picture has changed.
        zlib.error: The same.
    """
    packed = zlib.decompressobj()
    at = len(_PNG)
    while at + 12 <= len(content):
        length, kind = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8]
        data = content[at + 8 : at + 8 + length]
        checksum = content[at + 8 + length : at + 12 + length]
        is_critical = kind[:1].isupper()
        if is_critical and checksum != zlib.crc32(kind + data).to_bytes(4, "big"):
            raise ValueError(f"checksum of {kind!r} does not fit")
        if kind == b"IDAT":
            packed.decompress(data)
        at += 12 + length
        if kind == b"IEND":
            break
    if not packed.eof:
        raise ValueError("the picture's data ends too early")


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
