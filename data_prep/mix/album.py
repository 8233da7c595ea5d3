# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The images of a mixture and its benchmarks by their SHA-256, read again where the fingerprints are not enough."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from data_prep.mix.benchmarks import BenchmarkFile, count_items, read_images
from data_prep.mix.fingerprints import RowPrint
from data_prep.mix.input import Benchmark, InputTable
from data_prep.mix.pictures import shows_the_same, small_picture

MOST_HELD = 128
"""Small pictures that are in memory at the same time, of at most 640 KB each."""


@dataclass(frozen=True)
class _Page:
    """Where an image is."""

    place: int
    """Number of the table or benchmark file."""
    row: int
    image: int


class Album:
    """Finds images by their SHA-256."""

    def __init__(
        self,
        tables: Iterable[tuple[InputTable, Sequence[RowPrint]]],
        benchmarks: Iterable[tuple[Benchmark, Sequence[RowPrint]]],
    ) -> None:
        """Note where the images are.

        Args:
            tables: The inputs with the fingerprints of their rows, in the order of the rows.
            benchmarks: The benchmarks with the fingerprints of their items, in the order of their files.
        """
        self._places: list[InputTable | BenchmarkFile] = []
        self._pages: dict[str, _Page] = {}
        for table, rows in tables:
            self._note(table, rows)
        for benchmark, items in benchmarks:
            begin = 0
            for file in benchmark.files:
                end = begin + count_items(file)
                self._note(file, items[begin:end])
                begin = end

    def _note(self, place: InputTable | BenchmarkFile, rows: Sequence[RowPrint]) -> None:
        self._places.append(place)
        for row, found in enumerate(rows):
            for image, print_ in enumerate(found.images):
                self._pages.setdefault(print_.sha256, _Page(len(self._places) - 1, row, image))

    def contents(self, wanted: Collection[str]) -> Iterator[tuple[str, bytes]]:
        """Read images.

        Args:
            wanted: Their SHA-256.

        Yields:
            SHA-256 and bytes, each once.
        """
        by_place: dict[int, dict[tuple[int, int], str]] = defaultdict(dict)
        for sha256 in wanted:
            page = self._pages[sha256]
            by_place[page.place][page.row, page.image] = sha256
        for number, names in sorted(by_place.items()):
            place = self._places[number]
            rows = {row for row, _ in names}
            found = _read_rows(place, rows) if isinstance(place, InputTable) else read_images(place, rows)
            for row, images in found:
                for image, content in enumerate(images):
                    if (row, image) in names:
                        yield names[row, image], content

    def same(self, pairs: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        """Look at pairs of images a second time.

        Args:
            pairs: The SHA-256 of both.

        Returns:
            The pairs that show the same.
        """
        confirmed: set[tuple[str, str]] = set()
        waiting = sorted(pairs)
        while waiting:
            held: set[str] = set()
            count = 0
            while count < len(waiting) and len(held | {*waiting[count]}) <= MOST_HELD:
                held |= {*waiting[count]}
                count += 1
            pictures: dict[str, Image.Image | None] = {
                sha256: small_picture(content) for sha256, content in self.contents(held)
            }
            for left, right in waiting[:count]:
                one, other = pictures[left], pictures[right]
                if one is not None and other is not None and shows_the_same(one, other):
                    confirmed.add((left, right))
            del waiting[:count]
        return confirmed


def _read_rows(table: InputTable, rows: Collection[int]) -> Iterator[tuple[int, list[bytes]]]:
    with pq.ParquetFile(table.path) as file:
        first = 0
        for group in range(file.num_row_groups):
            size = file.metadata.row_group(group).num_rows
            inside = sorted(row - first for row in rows if first <= row < first + size)
            if inside:
                column = file.read_row_group(group, columns=["images"], use_threads=False).column("images")
                for row, images in zip(inside, column.take(pa.array(inside)).to_pylist(), strict=True):
                    yield first + row, [image["bytes"] for image in images]
            first += size
