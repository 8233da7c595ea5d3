# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The evaluation sets that training data must not contain, read from files the user has.

The columns are written down for each benchmark rather than guessed: a wrong guess would compare nothing, and say that
nothing was found.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from data_prep.errors import InputError
from data_prep.mix.fingerprints import RowPrint, normalise_question, print_image
from data_prep.sources.locate import locate

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"})
_BATCH = 16


@dataclass(frozen=True)
class Layout:
    """Where a benchmark keeps what rows are compared by."""

    qid: str
    question: str
    """Empty where the question is in the picture."""
    images: tuple[str, ...]
    """Columns of ``{bytes, path}``, or of lists of them; null where an item has no such image."""
    files: tuple[str, ...] = ("*.parquet",)
    """Which files of a dataset on the hub it is."""

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that are read."""
        return tuple(filter(None, (self.qid, self.question, *self.images)))


_SEVEN = tuple(f"image_{number}" for number in range(1, 8))
LAYOUTS: dict[str, Layout] = {
    "mathvista": Layout("pid", "question", ("decoded_image",), ("data/testmini-*.parquet",)),
    # The full question: the column "question" of the vision-only version holds less.
    "mathverse": Layout(
        "sample_index", "question_for_eval", ("image",), ("testmini.parquet", "testmini-*.parquet", "data/testmini-*")
    ),
    "mathvision": Layout("id", "question", ("decoded_image",), ("data/test*.parquet",)),
    "mmmu": Layout("id", "question", _SEVEN, ("*/validation-*.parquet",)),
    "mmmu_pro_standard": Layout("id", "question", _SEVEN, ("standard (10 options)/*.parquet",)),
    "mmmu_pro_vision": Layout("id", "", ("image",), ("vision/*.parquet",)),
}
"""The six benchmarks of the paper, in the columns of their files on the hub."""

_ANY_IMAGES = ("images", "image", "decoded_image")
_ANY_QUESTION = ("question", "problem", "query")


@dataclass(frozen=True)
class BenchmarkFile:
    """One file of a benchmark, or one folder of pictures."""

    path: Path
    layout: Layout | None
    """None for a folder of pictures."""


def benchmark_files(name: str, given: str) -> list[BenchmarkFile]:
    """Find the files of a benchmark, and check that they are what they are said to be.

    Args:
        name: A key of ``LAYOUTS``, or any other name for a parquet file with a column ``image`` or ``images`` (and
            perhaps ``question``, ``problem`` or ``query``) or a folder of pictures.
        given: The parquet file, a folder with parquet files or pictures in it, or a dataset's id on the hub.

    Returns:
        The files, in the order of their names.

    Raises:
        InputError: Nothing usable is there.
    """
    path = Path(given).expanduser()
    if not path.exists():
        patterns = LAYOUTS[name].files if name in LAYOUTS else ("*.parquet",)
        snapshot = locate(given, patterns, f"--benchmark {name}:")
        # A snapshot may hold what was fetched of the same dataset for another benchmark.
        names = [table.relative_to(snapshot).as_posix() for table in sorted(snapshot.rglob("*.parquet"))]
        tables = [snapshot / table for table in names if any(fnmatch(table, pattern) for pattern in patterns)]
        if not tables:
            raise InputError(f"--benchmark {name}={given}: the dataset has no file {' or '.join(patterns)}")
        return [_parquet(name, table) for table in tables]
    if path.is_file():
        return [_parquet(name, path)]
    tables = sorted(path.rglob("*.parquet"))
    if tables:
        return [_parquet(name, table) for table in tables]
    if name not in LAYOUTS and next(_pictures(path), None):
        return [BenchmarkFile(path, None)]
    wanted = "parquet file" if name in LAYOUTS else "parquet file or picture"
    raise InputError(f"--benchmark {name}={path}: there is no {wanted} in this folder; give the one you downloaded")


def read_items(file: BenchmarkFile) -> Iterator[RowPrint]:
    """Fingerprint the items of a file, one after the other.

    Args:
        file: The file or folder.

    Yields:
        Fingerprints in the order of the file.

    Raises:
        InputError: The file is damaged, or has the pictures elsewhere.
    """
    if file.layout is None:
        for index, picture in enumerate(sorted(_pictures(file.path))):
            name = picture.relative_to(file.path).as_posix()
            yield RowPrint(name, index, "", (print_image(picture.read_bytes()),))
        return
    index = 0
    try:
        with pq.ParquetFile(file.path) as table:
            for batch in table.iter_batches(_BATCH, columns=list(file.layout.columns), use_threads=False):
                for record in batch.to_pylist():
                    yield _item(record, index, file.layout, file.path)
                    index += 1
    except pa.ArrowInvalid as error:
        raise InputError(f"{file.path}: the parquet file is damaged ({error}); download it again") from error


def read_images(file: BenchmarkFile, wanted: Collection[int]) -> Iterator[tuple[int, list[bytes]]]:
    """Read the images of some items again.

    Args:
        file: The file or folder.
        wanted: Positions of the items.

    Yields:
        Position and images, in the order of the file; row groups without a wanted item are not opened.
    """
    if file.layout is None:
        pictures = sorted(_pictures(file.path))
        yield from ((index, [pictures[index].read_bytes()]) for index in sorted(wanted))
        return
    with pq.ParquetFile(file.path) as table:
        index = 0
        for group in range(table.num_row_groups):
            rows = table.metadata.row_group(group).num_rows
            if not any(index <= position < index + rows for position in wanted):
                index += rows
                continue
            columns = list(file.layout.images)
            for batch in table.iter_batches(_BATCH, row_groups=[group], columns=columns, use_threads=False):
                for record in batch.to_pylist():
                    if index in wanted:
                        yield index, _images(record, file.layout, file.path)
                    index += 1


def count_items(file: BenchmarkFile) -> int:
    """How many items ``read_items`` will give."""
    if file.layout is None:
        return sum(1 for _ in _pictures(file.path))
    return int(pq.read_metadata(file.path).num_rows)


def _item(record: dict[str, object], index: int, layout: Layout, path: Path) -> RowPrint:
    images = [print_image(content) for content in _images(record, layout, path)]
    question = str(record[layout.question] or "") if layout.question else ""
    qid = str(record[layout.qid]) if layout.qid else str(index)
    return RowPrint(qid, index, normalise_question(question), tuple(images))


def _images(record: dict[str, object], layout: Layout, path: Path) -> list[bytes]:
    found = []
    for column in layout.images:
        cell = record[column]
        for image in cell if isinstance(cell, list) else [cell]:
            content = _content(image, column, path)
            if content:
                found.append(content)
    return found


def _content(image: object, column: str, path: Path) -> bytes | None:
    """The bytes of an image cell; None where the item has no such image."""
    if image is None:
        return None
    if not isinstance(image, dict):
        raise InputError(f"{path}: column {column} holds no {{bytes, path}}; embed the images")
    if image.get("bytes") is None and image.get("path"):
        raise InputError(f"{path}: column {column} holds paths only; embed the images, or give the folder of pictures")
    return image.get("bytes")


def _parquet(name: str, path: Path) -> BenchmarkFile:
    try:
        columns = pq.read_schema(path).names
    except pa.ArrowInvalid as error:
        raise InputError(f"{path}: no complete parquet file; download it again") from error
    layout = LAYOUTS.get(name) or _guess(columns)
    missing = [column for column in layout.columns if column not in columns]
    if missing or not layout.images:
        wanted = ", ".join(missing) or " or ".join(_ANY_IMAGES)
        raise InputError(f"--benchmark {name}={path}: no column {wanted}; it has {', '.join(columns)}")
    return BenchmarkFile(path, layout)


def _guess(columns: Sequence[str]) -> Layout:
    """The layout of a file that is none of the six."""

    def first(names: Sequence[str]) -> str:
        return next((name for name in names if name in columns), "")

    images = first(_ANY_IMAGES)
    return Layout(first(("id", "qid", "pid")), first(_ANY_QUESTION), (images,) if images else ())


def _pictures(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
