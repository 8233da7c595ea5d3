# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What the model sees is what a person sees, and a damaged file is found."""

import base64
import io
import random
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps
from verl.utils.dataset.rl_dataset import RLHFDataset

from data_prep.file.report import Dropped
from data_prep.file.review import thumbnail
from data_prep.mix.fingerprints import print_image
from data_prep.row.examples import SourceImage
from data_prep.row.images import as_shown, check_image

WIDTH, HEIGHT = 96, 64


def saved(image: Image.Image, kind="PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def grey() -> Image.Image:
    """Bright at the left, dark at the right, black at the top."""
    ramp = np.tile(np.linspace(250, 20, WIDTH).astype(np.uint8), (HEIGHT, 1))
    ramp[: HEIGHT // 4] = 0
    return Image.fromarray(ramp)


def turned(orientation: int, kind: str) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(grey().convert("RGB"), kind, exif=exif)


def transparent(mode: str) -> bytes:
    """Black lines on a transparent ground, which hides black as well."""
    layer = Image.merge("LA", (Image.new("L", (WIDTH, HEIGHT), 0), grey()))
    if mode == "P":
        return saved(layer.convert("RGBA").quantize(16))
    if mode == "P with a colour":
        return saved(grey().quantize(16), transparency=0)
    if mode == "RGB":
        return saved(grey().convert("RGB"), transparency=(0, 0, 0))
    return saved(layer.convert(mode))


wide = np.asarray(grey(), np.float64)
FILES = {
    "16-bit PNG": saved(Image.fromarray((wide * 257).astype(np.uint16))),
    "16-bit TIFF": saved(Image.fromarray((wide * 257).astype(np.uint16)), "TIFF"),
    "32-bit TIFF": saved(Image.fromarray((wide * 257).astype(np.int32)), "TIFF"),
    "0 to 1 TIFF": saved(Image.fromarray((wide / 255).astype(np.float32)), "TIFF"),
    "0 to 255 TIFF": saved(Image.fromarray(wide.astype(np.float32)), "TIFF"),
    "any range TIFF": saved(Image.fromarray((wide * 40 - 3000).astype(np.float32)), "TIFF"),
    **{f"EXIF {n} JPEG": turned(n, "JPEG") for n in range(1, 9)},
    **{f"EXIF {n} PNG": turned(n, "PNG") for n in (3, 6)},
    "EXIF 8 WebP": turned(8, "WEBP"),
    **{f"transparent {mode}": transparent(mode) for mode in ("LA", "RGBA", "P", "P with a colour", "RGB")},
    "one bit": saved(grey().convert("1")),
    "palette": saved(grey().convert("RGB").quantize(32)),
    "CMYK": saved(grey().convert("CMYK"), "JPEG"),
}


def seen_by_verl(content: bytes) -> Image.Image:
    """The picture that the processor gets from verl's agent loop."""
    messages = [{"role": "user", "content": [{"type": "image", "image": Image.open(io.BytesIO(content))}]}]
    (picture,), _, _ = RLHFDataset._process_multi_modal_info(messages, 14, None)
    return picture


def shown_by_the_viewer(content: bytes) -> Image.Image:
    data = base64.b64decode(thumbnail(content).removeprefix("data:image/jpeg;base64,"))
    return Image.open(io.BytesIO(data)).convert("RGB")


def difference(one: Image.Image, other: Image.Image) -> float:
    size = (12, 8) if one.width > one.height else (8, 12)
    one, other = (np.asarray(image.convert("RGB").resize(size, Image.Resampling.BOX), float) for image in (one, other))
    return float(np.abs(one - other).max())


@pytest.mark.parametrize("name", FILES)
def test_the_model_sees_what_a_person_sees(name):
    """A person sees the grey picture, turned as EXIF says, on white."""
    content = check_image(SourceImage("x", FILES[name])).content
    expected = as_shown(Image.open(io.BytesIO(FILES[name])))
    if not name.startswith(("transparent", "one bit", "CMYK", "EXIF", "any range")):
        assert difference(expected, grey()) < 12
    seen = seen_by_verl(content)
    assert (seen.width > seen.height) == (expected.width > expected.height)
    assert difference(seen, expected) < 12
    assert difference(seen, shown_by_the_viewer(content)) < 25
    one, other = print_image(content), print_image(FILES[name])
    assert ((one.look ^ other.look) & one.sure & other.sure).bit_count() <= 6


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turning_by_hand(orientation):
    """The same as EXIF's table of 1 to 8, spelled out."""
    turns = {
        1: lambda i: i,
        2: ImageOps.mirror,
        3: lambda i: i.rotate(180),
        4: ImageOps.flip,
        5: lambda i: ImageOps.mirror(i.rotate(-90, expand=True)),
        6: lambda i: i.rotate(-90, expand=True),
        7: lambda i: ImageOps.mirror(i.rotate(90, expand=True)),
        8: lambda i: i.rotate(90, expand=True),
    }
    found = check_image(SourceImage("x", turned(orientation, "JPEG")))
    expected = turns[orientation](grey().convert("RGB"))
    assert (found.width, found.height) == expected.size
    assert difference(Image.open(io.BytesIO(found.content)), expected) < 12
    assert [remark.reason for remark in found.remarks] == ["image_rewritten"] * (orientation != 1)


@pytest.mark.parametrize("name", ["EXIF 1 JPEG", "transparent RGBA", "one bit", "palette", "CMYK"])
def test_other_bytes_stay_as_they_came(name):
    found = check_image(SourceImage("x", FILES[name]))
    assert found.content == FILES[name] and not found.remarks


@pytest.mark.parametrize("exif", [b"garbage", b"", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff"])
def test_exif_data_that_cannot_be_read_costs_nothing(exif):
    content = saved(grey().convert("RGB"), "JPEG", exif=b"Exif\0\0" + exif)
    found = check_image(SourceImage("x", content))
    assert found.content == content and not found.remarks and print_image(content).has_look


def chunks_of(png: bytes, wanted: bytes) -> list[tuple[int, int]]:
    found, at = [], 8
    while at < len(png):
        length = int.from_bytes(png[at : at + 4], "big")
        if png[at + 4 : at + 8] == wanted:
            found.append((at, length))
        at += 12 + length
    return found


@pytest.mark.parametrize("level", [0, 1, 6, 9])
@pytest.mark.parametrize("size", [(64, 48), (900, 700)])
@pytest.mark.parametrize("checksum", ["as it was", "made to fit"])
def test_a_damaged_byte_of_a_png_is_found(level, size, checksum):
    """Pillow decodes many of them to other pixels."""
    rng = random.Random(level)
    picture = Image.frombytes("RGB", (8, 6), rng.randbytes(144)).resize(size, Image.Resampling.NEAREST)
    whole = saved(picture, compress_level=level)
    assert check_image(SourceImage("x", whole)).width == size[0]
    for _ in range(20):
        at, length = rng.choice(chunks_of(whole, b"IDAT"))
        damaged = bytearray(whole)
        damaged[at + 8 + rng.randrange(length)] ^= 1 << rng.randrange(8)
        if checksum == "made to fit":
            crc = zlib.crc32(bytes(damaged[at + 4 : at + 8 + length]))
            damaged[at + 8 + length : at + 12 + length] = crc.to_bytes(4, "big")
        try:
            found = check_image(SourceImage("x", bytes(damaged)))
        except Dropped as drop:
            assert drop.reason == "image_broken"
        else:  # a bit that no reader looks at
            assert checksum == "made to fit"
            assert Image.open(io.BytesIO(found.content)).tobytes() == picture.tobytes()


def test_a_png_without_one_of_its_pieces_is_found():
    noise = Image.frombytes("RGB", (400, 300), random.Random(0).randbytes(400 * 300 * 3))
    whole = saved(noise)
    pieces = chunks_of(whole, b"IDAT")
    assert len(pieces) > 2
    for at, length in (pieces[1], pieces[-1]):
        with pytest.raises(Dropped, match="image_broken"):
            check_image(SourceImage("x", whole[:at] + whole[at + 12 + length :]))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "ICO", "TGA"])
def test_whatever_bytes_come_are_an_image_or_a_broken_one(build, kind):
    """Nothing but ``Dropped`` comes out of a decoder."""
    rng = random.Random(kind)
    whole = build.picture(64, 64, kind=kind)
    for _ in range(200):
        damaged = bytearray(whole)
        for _ in range(rng.randint(1, 8)):
            damaged[rng.randrange(min(len(damaged), 200 if rng.random() < 0.7 else 10**9))] = rng.randrange(256)
        try:
            check_image(SourceImage("x", bytes(damaged)))
        except Dropped as drop:
            assert drop.reason.startswith("image_")
        print_image(bytes(damaged))
