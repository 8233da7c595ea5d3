# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Write the rows of several files as one, in their order or shuffled, without ever holding many of them."""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data_prep.file.output import GROUP_BYTES, writing_groups
from data_prep.file.progress import Progress
from data_prep.mix.fingerprints import RowPrint
from data_prep.mix.input import InputTable

MOST_BUCKETS = 200
_POSITION = "__position"


@dataclass(frozen=True, order=True)
class Place:
    """Where a row is among the inputs."""

    table: int
    row: int


def shuffled(places: Sequence[Place], prints: Mapping[Place, RowPrint], seed: int) -> list[Place]:
    """Order rows by a hash of the seed and their identity.

    Args:
        places: The rows; one that is to come several times is there several times.
        prints: Their fingerprints.
        seed: Another seed, another order.

    Returns:
        The same order for the same rows, whatever order they came in and whatever the NumPy version.
    """
    copies: Counter[Place] = Counter()

    def key(place: Place) -> tuple[bytes, int, int]:
        row = prints[place]
        copies[place] += 1
        again = f"/{copies[place]}" if copies[place] > 1 else ""
        name = f"{seed}/{row.data_source}/{row.qid}/{row.index}{again}"
        return hashlib.sha256(name.encode()).digest(), place.table, place.row

    return sorted(places, key=key)


def write_in_order(parquet: Path, tables: Sequence[InputTable], places: Sequence[Place]) -> None:
    """Write rows in the order of the inputs.

    Args:
        parquet: The file to write or replace.
        tables: The inputs.
        places: The rows to write; their order does not matter, how often one is there does.
    """
    wanted = Counter(places)
    with writing_groups(parquet, tables[0].schema) as writer:
        for number, first, group in _groups(tables):
            rows = [row for row in range(group.num_rows) for _ in range(wanted[Place(number, first + row)])]
            writer.write(group.take(pa.array(rows, pa.int64())))


def write_shuffled(
    parquet: Path, tables: Sequence[InputTable], places: Sequence[Place], sizes: Sequence[int], scratch: Path
) -> None:
    """Write rows in any order.

    The output is cut into stretches that fit into memory. One reading of the inputs sorts the rows into a file for each
    stretch; then one stretch after the other is put in order. The rows lie on the disk twice meanwhile.

    Args:
        parquet: The file to write or replace.
        tables: The inputs.
        places: The rows in the order they are wanted.
        sizes: Bytes of the images of each of them.
        scratch: Folder for the stretches; it is emptied first and deleted at the end, also after an error.
    """
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        files = _scatter(tables, places, _stretches(sizes), scratch)
        with (
            writing_groups(parquet, tables[0].schema) as writer,
            Progress(len(files), "stretches", "shuffle") as progress,
        ):
            for file in files:
                with pa.OSFile(str(file)) as stream:
                    table = pa.ipc.open_stream(stream).read_all()
                writer.write(table.sort_by(_POSITION).drop_columns([_POSITION]).combine_chunks())
                progress.add()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _stretches(sizes: Sequence[int]) -> np.ndarray:
    """The number of the stretch that each position of the output belongs to."""
    before = np.cumsum([0, *sizes])[:-1]
    return before // max(GROUP_BYTES, -(-sum(sizes) // MOST_BUCKETS))


def _scatter(tables: Sequence[InputTable], places: Sequence[Place], stretches: np.ndarray, scratch: Path) -> list[Path]:
    positions: dict[Place, list[int]] = defaultdict(list)
    for number, place in enumerate(places):
        positions[place].append(number)
    schema = tables[0].schema.append(pa.field(_POSITION, pa.int64()))
    files = {int(number): scratch / f"{number:05d}.arrow" for number in np.unique(stretches)}
    with ExitStack() as stack:
        writers = {
            number: stack.enter_context(pa.ipc.new_stream(stack.enter_context(pa.OSFile(str(path), "wb")), schema))
            for number, path in files.items()
        }
        for number, first, group in _groups(tables):
            by_stretch: dict[int, list[tuple[int, int]]] = defaultdict(list)
            for row in range(group.num_rows):
                for target in positions.get(Place(number, first + row), ()):
                    by_stretch[int(stretches[target])].append((row, target))
            for stretch, found in by_stretch.items():
                rows, targets = zip(*found, strict=True)
                part = group.take(pa.array(rows, pa.int64()))
                writers[stretch].write_table(part.append_column(schema.field(_POSITION), pa.array(targets, pa.int64())))
    return [files[number] for number in sorted(files)]


def _groups(tables: Sequence[InputTable]) -> Iterator[tuple[int, int, pa.Table]]:
    """The row groups of all inputs, with the number of the input and of the group's first row."""
    with Progress(sum(table.rows for table in tables), "rows", "write") as progress:
        for number, table in enumerate(tables):
            first = 0
            with pq.ParquetFile(table.path) as file:
                for index in range(file.num_row_groups):
                    group = file.read_row_group(index, use_threads=False).replace_schema_metadata(None)
                    yield number, first, group
                    first += group.num_rows
                    progress.add(group.num_rows)
