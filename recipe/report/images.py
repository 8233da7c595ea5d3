# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The pictures of the prompts, small, from the files that were trained on."""

from __future__ import annotations

import base64
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from data_prep.row.images import CANNOT_DECODE, MOST_PIXELS, as_seen
from recipe.care.errors import CareDataError
from recipe.replay.questions import Questions
from recipe.replay.records import DataRow

LONGEST_SIDE = 320
QUALITY = 72
MOST_BYTES = 24 * 2**20
"""Of all pictures of a page together."""
MOST_OF_A_ROW = 4


class TrainingFiles:
    """The rows of the training files, numbered through, found by name or by prompt."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Read the files without their images.

        Raises:
            CareDataError: A file cannot be read.
        """
        self._paths = paths
        self._starts: list[int] = []
        self._by_name: dict[tuple[str, str, int], int] = {}
        self._questions: list[Questions] = []
        rows = 0
        for path in paths:
            self._starts.append(rows)
            for number, name in enumerate(_names(path)):
                if name is not None:
                    self._by_name.setdefault(name, rows + number)
            rows += pq.read_metadata(path).num_rows

    def find(self, place: DataRow | None, prompt: str, gold: object) -> int | None:
        """The row of a prompt: by the name that its record has, else by its text if only one row fits."""
        if place is not None:
            return self._by_name.get((place.source, place.split, place.index))
        found = [
            start + question.row
            for start, questions in zip(self._starts, self.questions, strict=True)
            for question in questions.find_all(prompt, gold)
        ]
        return found[0] if len(found) == 1 else None

    @property
    def count(self) -> int:
        """How many files."""
        return len(self._paths)

    @property
    def questions(self) -> list[Questions]:
        """The same rows for looking up by text; read when they are first asked for."""
        if not self._questions:
            self._questions = [Questions(path) for path in self._paths]
        return self._questions

    def pictures(self, rows: Iterable[int]) -> dict[int, list[str]]:
        """Small pictures of some rows as data URIs, as many as a page may have.

        Args:
            rows: Which. Where not all have room, the later ones go without.

        Returns:
            By row. A picture that cannot be decoded is empty. Rows that the page has no room for are missing.
        """
        wanted = list(dict.fromkeys(rows))
        found: dict[int, list[str]] = {}
        for number, (start, path) in enumerate(zip(self._starts, self._paths, strict=True)):
            end = self._starts[number + 1] if number + 1 < len(self._starts) else None
            own = [row - start for row in wanted if row >= start and (end is None or row < end)]
            found |= {start + row: images for row, images in _images(path, own).items()}
        room, shown = MOST_BYTES, {}
        for row in wanted:
            room -= sum(map(len, found.get(row, [])))
            if room < 0:
                break
            shown[row] = found.get(row, [])
        return shown


def _names(path: Path) -> list[tuple[str, str, int] | None]:
    """``data_source``, split and index of each row; None where a row does not say."""
    try:
        if "extra_info" not in pq.read_schema(path).names:
            return []
        rows = pq.read_table(path, columns=["data_source", "extra_info"]).to_pylist()
    except (OSError, ValueError) as error:
        raise CareDataError(f"--data {path}: not a parquet file that can be read ({error})") from error
    return [_name(str(row["data_source"]), row["extra_info"]) for row in rows]


def _name(source: str, extra: Mapping[str, object] | None) -> tuple[str, str, int] | None:
    index = (extra or {}).get("index")
    if isinstance(index, int):
        return source, str((extra or {}).get("split") or ""), index
    return None


def _images(path: Path, rows: Sequence[int]) -> dict[int, list[str]]:
    """Pictures of some rows of a file, one row group in memory at a time."""
    found: dict[int, list[str]] = {}
    with pq.ParquetFile(path) as file:
        if "images" not in file.schema_arrow.names:
            return {}
        start = 0
        by_group: dict[int, list[int]] = defaultdict(list)
        bounds = []
        for group in range(file.num_row_groups):
            bounds.append(start)
            start += file.metadata.row_group(group).num_rows
        for row in rows:
            by_group[max(group for group, first in enumerate(bounds) if first <= row)].append(row)
        for group, members in by_group.items():
            table = file.read_row_group(group, columns=["images"])
            taken = table.take(pa.array([row - bounds[group] for row in members])).column("images").to_pylist()
            for row, images in zip(members, taken, strict=True):
                found[row] = [small_picture(_bytes(image)) for image in (images or [])[:MOST_OF_A_ROW]]
    return found


def _bytes(image: object) -> bytes:
    """An image of verl's schema: bytes, or the path of a file that is there."""
    if isinstance(image, Mapping):
        content, path = image.get("bytes"), image.get("path")
        if isinstance(content, bytes):
            return content
        if isinstance(path, str) and Path(path).is_file():
            return Path(path).read_bytes()
    return b""


def small_picture(content: bytes) -> str:
    """A picture drawn anew, at most ``LONGEST_SIDE`` pixels long, as a data URI; empty if it cannot be decoded.

    A PNG stays one where that is smaller, as drawings are; everything else becomes a JPEG.
    """
    try:
        with Image.open(io.BytesIO(content)) as image:
            if image.width * image.height > MOST_PIXELS:
                return ""
            is_png = image.format == "PNG"
            image.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
            small = as_seen(image)
    except CANNOT_DECODE:
        return ""
    small.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.BILINEAR)
    written = [("jpeg", _written(small, "JPEG", quality=QUALITY))]
    if is_png:
        written.append(("png", _written(small, "PNG")))
    form, smallest = min(written, key=lambda one: len(one[1]))
    return f"data:image/{form};base64,{base64.b64encode(smallest).decode()}"


def _written(picture: Image.Image, form: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()
