# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Parquet files as the datasets publish them, read a few rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from data_prep.errors import InputError
from data_prep.row.examples import SourceImage

BATCH = 16
BUFFER = 2**20
"""Columns are read in pieces of this size: a row group of the hub can be a gigabyte of images."""

Record = Mapping[str, object]


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _is_list(kind: pa.DataType, element: Callable[[pa.DataType], bool]) -> bool:
    return (pa.types.is_list(kind) or pa.types.is_large_list(kind)) and element(kind.value_type)


def _is_image(kind: pa.DataType) -> bool:
    return pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0


KINDS: dict[str, Callable[[pa.DataType], bool]] = {
    "text": _is_text,
    "texts": lambda kind: _is_list(kind, _is_text),
    "text or texts": lambda kind: _is_text(kind) or _is_list(kind, _is_text),
    "text or integer": lambda kind: _is_text(kind) or pa.types.is_integer(kind),
    "number": lambda kind: pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_null(kind),
    "integer": pa.types.is_integer,
    "image": _is_image,
    "images": lambda kind: _is_list(kind, _is_image),
}
"""What a column may be required to hold."""


@dataclass(frozen=True)
class Columns:
    """What a dataset's files must have, and may have."""

    required: Mapping[str, str]
    """Name to a key of ``KINDS``."""
    optional: Mapping[str, str]


class Table:
    """One or several parquet files as one table."""

    def __init__(self, paths: Sequence[Path], columns: Columns) -> None:
        """Open the files and compare their columns with what is expected.

        Args:
            paths: The files, in order.
            columns: The expected columns.

        Raises:
            InputError: A file is damaged or of another dataset.
        """
        self.files = tuple(paths)
        self._sizes: list[int] = []
        self._columns: list[list[str]] = []
        for path in paths:
            with _opened(path) as file:
                self._sizes.append(file.metadata.num_rows)
                self._columns.append(_present(path, file.schema_arrow, columns))

    @property
    def total(self) -> int:
        """Rows of all files."""
        return sum(self._sizes)

    def column(self, name: str) -> Iterator[Record]:
        """Read a single column; an absent one has no records."""
        for path, columns in zip(self.files, self._columns, strict=True):
            if name in columns:
                yield from (record for _, record in _read(path, [name], 0, 0))

    def records(self, start: int) -> Iterator[tuple[int, Record]]:
        """Read rows with their positions, from ``start`` on; row groups before it are not opened."""
        position = 0
        for path, size, columns in zip(self.files, self._sizes, self._columns, strict=True):
            if position + size > start:
                yield from _read(path, columns, position, start)
            position += size


def _opened(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path, buffer_size=BUFFER, pre_buffer=False)
    except pa.ArrowInvalid as error:
        raise InputError(f"{path}: no complete parquet file; download it again ({_one_line(error)})") from error


def _present(path: Path, schema: pa.Schema, columns: Columns) -> list[str]:
    """The known columns the file has."""
    wrong = [f"{name} ({kind})" for name, kind in columns.required.items() if not _fits(schema, name, kind)]
    if wrong:
        found = ", ".join(f"{field.name}: {field.type}" for field in schema)
        raise InputError(f"{path}: not this dataset; it lacks {', '.join(wrong)} and has {found[:400]}")
    return [*columns.required, *(name for name, kind in columns.optional.items() if _fits(schema, name, kind))]


def _fits(schema: pa.Schema, name: str, kind: str) -> bool:
    return name in schema.names and KINDS[kind](schema.field(name).type)


def _read(path: Path, columns: list[str], position: int, start: int) -> Iterator[tuple[int, Record]]:
    with _opened(path) as file:
        groups: list[int] = []
        for group in range(file.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            if not groups and position + rows <= start:
                position += rows
            else:
                groups.append(group)
        try:
            for batch in file.iter_batches(BATCH, row_groups=groups, columns=columns, use_threads=False):
                for record in _records_of(batch):
                    if position >= start:
                        yield position, record
                    position += 1
        except (pa.ArrowInvalid, OSError) as error:
            raise InputError(f"{path}: damaged at row {position}; download it again ({_one_line(error)})") from error


def _records_of(batch: pa.RecordBatch) -> list[Record]:
    """The rows of a batch; what is not UTF-8 in a text column, which some writers do not check, is a lost character."""
    try:
        return batch.to_pylist()
    except UnicodeDecodeError:
        bare = pa.table([_as_bytes(column) for column in batch.columns], names=batch.schema.names)
        return [{name: _decoded(value) for name, value in record.items()} for record in bare.to_pylist()]


def _as_bytes(column: pa.Array) -> pa.Array:
    """A text column, or one of lists of texts, as bytes; others as they are."""
    if _is_text(column.type):
        return column.cast(pa.large_binary())
    return column.cast(pa.list_(pa.large_binary())) if _is_list(column.type, _is_text) else column


def _decoded(value: object) -> object:
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return [_decoded(item) if isinstance(item, bytes) else item for item in value] if isinstance(value, list) else value


def text_in(record: Record, key: str) -> str:
    """A text of a record; null reads as empty."""
    value = record.get(key)
    return "" if value is None else str(value)


def number_in(record: Record, key: str, unknown: float) -> float:
    """A number of a record, ``unknown`` where it is null or absent."""
    value = record.get(key)
    return float(value) if isinstance(value, int | float) else unknown


def texts_in(record: Record, key: str) -> tuple[str, ...]:
    """The texts of a record's list; a single text is a list of one, and null an empty one."""
    value = record.get(key)
    if isinstance(value, str):
        return (value,)
    return tuple(str(item) for item in value if item is not None) if isinstance(value, list) else ()


def images_in(record: Record, key: str) -> tuple[SourceImage, ...]:
    """The embedded images of a record: a struct, or a list of structs; null is no image."""
    value = record.get(key)
    items = value if isinstance(value, list) else [] if value is None else [value]
    return tuple(SourceImage(f"{key}[{n}]", item.get("bytes") if item else None) for n, item in enumerate(items))


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
