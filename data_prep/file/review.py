# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Rows that were dropped, changed or suspected, with small pictures, for the viewer: a sample of every reason."""

from __future__ import annotations

import base64
import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from PIL import Image

from data_prep.file.report import Entry
from data_prep.row.images import CANNOT_DECODE, MOST_PIXELS, as_seen, as_shown

MOST_OF_A_REASON = 60
LONGEST_SIDE = 420
_QUALITY = 82


@dataclass(frozen=True)
class Side:
    """A row, or the item it is compared with."""

    title: str
    question: str
    gold: str
    images: tuple[str, ...]
    """Data URIs; empty for an image that is missing or cannot be decoded."""


@dataclass(frozen=True)
class Exhibit:
    """One thing that was done to, or suspected of, one row."""

    action: str
    """``dropped``, ``repaired``, ``listed``, or ``inspect`` for a suspected pair of a mixture."""
    reason: str
    data_source: str
    source: str
    answer_type: str
    detail: str
    sides: tuple[Side, ...]
    """The row, and where there is one the other row or item."""

    def as_line(self) -> str:
        """As a line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False) + "\n"


@dataclass(frozen=True)
class Shown:
    """What can be shown of a row of a dataset, if it comes to that."""

    data_source: str
    source: str
    answer_type: str
    question: str
    gold: str
    images: Callable[[], Sequence[bytes | None]]
    """Reads the images; only few rows are shown."""


class Gallery:
    """Takes the first rows of every reason."""

    def __init__(self, lines: Iterable[str] = ()) -> None:
        """Begin, or go on behind what is there already.

        Args:
            lines: What was taken before.
        """
        self._taken: Counter[str] = Counter(exhibit.reason for exhibit in read_exhibits(lines))

    def take(self, entries: Iterable[Entry], shown: Shown) -> Iterator[Exhibit]:
        """Show what was done to a row, unless its reason has been shown often enough.

        Args:
            entries: What was done to it.
            shown: The row.

        Yields:
            What to keep.
        """
        for entry in entries:
            if self._taken[entry.reason] < MOST_OF_A_REASON:
                self._taken[entry.reason] += 1
                images = tuple(thumbnail(content, as_shown) for content in shown.images())
                side = Side(entry.qid, shown.question, shown.gold, images)
                yield Exhibit(
                    entry.action,
                    entry.reason,
                    shown.data_source,
                    shown.source,
                    shown.answer_type,
                    entry.detail,
                    (side,),
                )


def review_path(parquet: Path) -> Path:
    """Where the exhibits of a parquet file lie."""
    return parquet.with_suffix(".review.jsonl")


def read_exhibits(lines: Iterable[str]) -> Iterator[Exhibit]:
    """Read lines of JSON back."""
    for line in lines:
        record = json.loads(line)
        sides = tuple(Side(**side | {"images": tuple(side["images"])}) for side in record["sides"])
        yield Exhibit(**record | {"sides": sides})


def thumbnail(content: bytes | None, look: Callable[[Image.Image], Image.Image] = as_seen) -> str:
    """A small JPEG of an image as a data URI.

    Args:
        content: The file's bytes.
        look: How it is looked at: ``as_seen`` by the model or ``as_shown`` to a person.

    Returns:
        The data URI; empty if the image is missing, too large or cannot be decoded.
    """
    try:
        with Image.open(io.BytesIO(content or b"")) as image:
            if image.width * image.height > MOST_PIXELS:
                return ""
            image.draft("RGB", (2 * LONGEST_SIDE, 2 * LONGEST_SIDE))
            small = look(image)
    except CANNOT_DECODE:
        return ""
    small.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
