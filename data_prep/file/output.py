# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Parquet files that are complete or absent, the same bytes for the same rows, and written in bounded memory."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from data_prep.errors import InputError
from data_prep.row.schema import SCHEMA, Row, to_table

GROUP_BYTES = 32 * 2**20
"""A row group is closed when its images reach this size, so that writer and reader hold that much and no more."""
GROUP_ROWS = 1000


class GroupWriter:
    """Writes tables as row groups of one file. Nothing in the bytes depends on the time or the machine."""

    def __init__(self, path: Path, schema: pa.Schema = SCHEMA) -> None:
        # Images are compressed already; a codec, a dictionary or statistics would only copy them around.
        self._file = pq.ParquetWriter(
            path, schema, compression="none", use_dictionary=False, write_statistics=False, store_schema=True
        )

    def write(self, table: pa.Table) -> None:
        """Write a table as one row group; an empty one writes none."""
        if table.num_rows:
            self._file.write_table(table, row_group_size=table.num_rows)

    def close(self) -> None:
        """Write the footer."""
        self._file.close()


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``, and move the file there into place once the block has ended well.

    Args:
        path: The file to write or replace.

    Yields:
        Where to write it. After an error, or Ctrl-C, what is there is deleted and ``path`` is as it was.
    """
    draft = path.with_name(f".{path.name}.unfinished")
    try:
        yield draft
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def writing_groups(path: Path, schema: pa.Schema = SCHEMA) -> Iterator[GroupWriter]:
    """Write a parquet file group by group; ``path`` appears when the block has ended well, or not at all."""
    with replacing(path) as draft:
        writer = GroupWriter(draft, schema)
        try:
            yield writer
        finally:
            writer.close()


def write_table(path: Path, table: pa.Table) -> None:
    """Write a table as a file of one row group.

    The writer is gone when this returns: Python ignores a Ctrl-C that comes inside a ``__del__`` such as pyarrow's
    writer has, and one that is sent as soon as a part is finished must not meet it.
    """
    with writing_groups(path, table.schema) as writer:
        writer.write(table)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Keep a second run from writing the same file at the same time.

    Args:
        path: The file to write.

    Raises:
        InputError: Somebody is writing it. A run that was killed holds nothing.
    """
    lock = path.with_name(f".{path.name}.lock")
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(f"{path}: another run is writing it; wait for that one or end it") from error
        try:
            yield
        finally:
            lock.unlink()


def write_rows(path: Path, rows: Iterable[Row]) -> int:
    """Write rows as they come; for a step that is quick enough to need no resuming.

    Args:
        path: The parquet file to write or replace.
        rows: The rows.

    Returns:
        How many there were.
    """
    count = 0
    with writing_groups(path) as writer:
        for group in groups_of(rows):
            writer.write(to_table(group))
            count += len(group)
    return count


def groups_of(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Collect rows into groups of ``GROUP_BYTES`` or ``GROUP_ROWS``, whichever is reached first."""
    group: list[Row] = []
    size = 0
    for row in rows:
        group.append(row)
        size += row.size
        if size >= GROUP_BYTES or len(group) >= GROUP_ROWS:
            yield group
            group, size = [], 0
    if group:
        yield group


def write_text(path: Path, chunks: Iterable[str]) -> None:
    """Write a text file that is complete or absent."""
    with replacing(path) as draft, draft.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(chunks)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(2**20):
            digest.update(piece)
    return digest.hexdigest()


def require_space(folder: Path, needed: int) -> None:
    """Raise if a folder's disk has too little room.

    Args:
        folder: An existing folder.
        needed: Bytes that are going to be written.

    Raises:
        InputError: With both figures.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise InputError(
            f"{folder}: {needed / 2**30:.1f} GiB are needed there and {free / 2**30:.1f} GiB are free; "
            "free some space or choose another --output"
        )
