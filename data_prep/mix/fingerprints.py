# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What two rows are compared by: the bytes and the look of their images, and the words of their question.

The perceptual hash is written out here, a few lines of NumPy, rather than taken from ``imagehash``, which would bring
SciPy and PyWavelets along. It sees the image as a person does, upright and on white, small and in grey: the signs of
the 255 lowest frequencies of a 64x64 image, relative to their median, as far as they are clear. It says which images
may be copies of each other; ``pictures`` looks at those a second time. An image of one colour has no hash, and only its
bytes count.
"""

from __future__ import annotations

import hashlib
import io
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from string import ascii_uppercase

import numpy as np
from PIL import Image

from data_prep.row.images import CANNOT_DECODE, as_shown

VERSION = 4
"""Counted up whenever a fingerprint of the same row would change, so that stored ones are made again."""

_SIDE = 64
_LOW = 16
LOOK_BITS = _LOW * _LOW
_DRAFT = 256
_NOISE = 96.0
"""A frequency as strong as what JPEG and scaling leave: three grey levels at every place add up to it."""
_FEWEST_SURE = 8
"""Frequencies that have to be stronger, or an image has no look to compare: it is of one colour, or nearly."""
_FREQUENCIES = np.cos(np.pi / _SIDE * (np.arange(_SIDE) + 0.5) * np.arange(_LOW)[:, None])

NGRAM = 5
_SPECIFIC_WORDS = 12
_SPECIFIC_NUMBERS = 2
_LONG_WORDS = 30

_SYMBOLS = str.maketrans(
    {"△": " triangle ", "∠": " angle ", "°": " circ ", "⊥": " perp ", "∥": " parallel ", "π": " pi ", "√": " sqrt "}
    | {"−": "-", "×": "*", "÷": "/"}
)
_MEDIA = re.compile(r"<(?:image|video|audio)[ _]?\d*>|<\|[^|>]{1,40}\|>")
_CHOICES = re.compile(r"(?:^|\s)(?:choices|options)\s*:")
_FIRST_OPTION = re.compile(r"(?:^|\s)(?:\(a\)|a[.):])\s*\S[\s\S]{0,600}?\s(?:\(b\)|b[.):])")
_HINT = re.compile(r"(?:^|\n)\s*hint\s*:[^\n]*")
_LABEL = re.compile(r"^\s*question\s*:")
_SEVERAL_LETTERS = re.compile(r"\(?[A-Z](?:\s*[,;&]?\s*[A-Z])+\)?")
_WORDS = re.compile(r"\d+(?:\.\d+)?|[^\W\d_]+|[-+*/=<>%]")
_MOST_DIGITS = 100
"""Numbers with more digits before or behind the point are compared as they are written: 1e999999 has a million."""


@dataclass(frozen=True)
class ImagePrint:
    """What an image is compared by."""

    sha256: str
    """Of the file."""
    look: int
    """The perceptual hash, of ``LOOK_BITS`` bits."""
    sure: int
    """Which of its bits neither JPEG nor scaling changes; only those are compared."""
    has_look: bool
    """False for an image of one colour or one that cannot be decoded: then only ``sha256`` counts."""


@dataclass(frozen=True)
class RowPrint:
    """What a row, or an item of a benchmark, is compared by."""

    qid: str
    index: int
    """Its ``extra_info.index``; position in the file for a benchmark."""
    text: str
    """The question as ``normalise_question`` leaves it."""
    images: tuple[ImagePrint, ...]
    gold: str = ""
    """The gold as ``normalise_gold`` leaves it."""
    size: int = 0
    """Bytes of the images."""
    data_source: str = ""
    source: str = ""
    answer_type: str = ""
    whole: str = ""
    """The question with its options, where nobody could read them: without them two questions may look like one."""

    @property
    def asked(self) -> str:
        """What has to be equal in duplicates besides images and gold."""
        return self.whole or self.text


def print_image(data: bytes) -> ImagePrint:
    """Fingerprint an image file.

    Args:
        data: The file's bytes.

    Returns:
        Its fingerprint; without a look if Pillow cannot decode it.
    """
    digest = hashlib.sha256(data).hexdigest()
    grey = open_grey(data, _DRAFT)
    if grey is None:
        return ImagePrint(digest, 0, 0, has_look=False)
    square = np.asarray(grey.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS), dtype=np.float64)
    low = (_FREQUENCIES @ square @ _FREQUENCIES.T).ravel()
    # The first coefficient is the mean brightness: it is no feature, and far enough off to shift the median.
    above = low - np.median(low[1:])
    above[0] = 0.0
    sure = np.abs(above) > _NOISE
    return ImagePrint(digest, _as_int(above > 0), _as_int(sure), has_look=bool(sure.sum() >= _FEWEST_SURE))


def normalise_question(text: str) -> str:
    """Reduce a question to the words that make it this question.

    Args:
        text: The question, possibly with placeholders, options, hints and formulas.

    Returns:
        Its words, numbers and operators, separated by single spaces; without placeholders, options and hints.
    """
    text = _without_hint(text)
    for options in (_CHOICES, _FIRST_OPTION):
        found = options.search(text)
        # A text that starts with its options has no question before them, and would be left empty.
        if found and text[: found.start()].strip():
            text = text[: found.start()]
    return _words_of(text)


def normalise_whole(text: str) -> str:
    """The same, but with the options, in the order they are in."""
    return _words_of(_without_hint(text))


def _without_hint(text: str) -> str:
    text = _MEDIA.sub(" ", unicodedata.normalize("NFKC", text).casefold())
    without = _HINT.sub("\n", text)
    # Where hint and question share a line, the line stays.
    return without if without.strip() else text


def _words_of(text: str) -> str:
    return " ".join(_WORDS.findall(_LABEL.sub("", text).translate(_SYMBOLS)))


def normalise_gold(gold: str, options: Sequence[str] = ()) -> str:
    """Reduce a gold answer so that equal answers of different datasets become equal.

    Args:
        gold: The gold answer.
        options: The options of the question. A letter stands for its text: datasets shuffle options.

    Returns:
        The gold without spaces and case; a number in its shortest form.
    """
    gold = _meant_by(gold, options)
    plain = re.sub(r"[\s$]", "", unicodedata.normalize("NFKC", gold).casefold()).replace("^\\circ", "").rstrip("°.")
    try:
        number = Decimal(plain)
    except InvalidOperation:
        return plain
    has_short_form = number.is_finite() and abs(number.adjusted()) < _MOST_DIGITS
    return format(number.normalize(), "f") if has_short_form else plain


def _meant_by(gold: str, options: Sequence[str]) -> str:
    """The text of the option that a letter stands for, or of several; anything else as it is."""
    texts = dict(zip(ascii_uppercase, options, strict=False))
    letter = gold.strip().upper()
    if letter in texts:
        return texts[letter]
    letters = set(re.findall("[A-Z]", gold))
    if not _SEVERAL_LETTERS.fullmatch(gold.strip()) or not letters <= texts.keys():
        return gold
    return " | ".join(sorted(texts[letter] for letter in letters))


def is_specific(text: str) -> bool:
    """Whether two rows with this normalised question ask the same thing whatever their images are.

    "find x" is asked of a thousand figures. A dozen words with two numbers in them are the statement of one problem.
    """
    words = text.split()
    numbers = sum(word[0].isdigit() for word in words)
    return len(words) >= _LONG_WORDS or (len(words) >= _SPECIFIC_WORDS and numbers >= _SPECIFIC_NUMBERS)


def shingles(text: str) -> frozenset[str]:
    """The word 5-grams of a normalised question; a shorter question is one gram, an empty one none."""
    words = text.split()
    if not words:
        return frozenset()
    return frozenset(" ".join(words[i : i + NGRAM]) for i in range(max(1, len(words) - NGRAM + 1)))


def jaccard(left: frozenset[str], right: frozenset[str]) -> float:
    """The share of grams that two questions have in common; 0 if either has none."""
    return len(left & right) / len(left | right) if left and right else 0.0


def open_grey(data: bytes, side: int) -> Image.Image | None:
    """Open an image as a person sees it, in grey.

    Args:
        data: The file's bytes.
        side: A JPEG may be decoded at a fraction of its size, but not at less than this: it takes a fraction of the
            time.

    Returns:
        The image; None where it cannot be decoded, which the converters report.
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.draft("RGB", (side, side))
            return as_shown(image).convert("L")
    except CANNOT_DECODE:
        return None


def _as_int(bits: np.ndarray) -> int:
    return int.from_bytes(np.packbits(bits).tobytes(), "big")
