# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""A conversion that can be interrupted anywhere: finished parts are kept, and the next run goes on behind the last.

A part is a parquet file with one row group, its report, and a note of the position in the input that comes next. The
note is written last; a part without it never happened. Where a part ends depends on the rows alone, so an interrupted
run and an uninterrupted one end up with the same bytes.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from data_prep.file.output import GROUP_BYTES, GroupWriter, write_table, write_text
from data_prep.file.report import Entry, read_entries
from data_prep.file.review import Exhibit, Gallery
from data_prep.row.outcome import Kept, Outcome

_FINGERPRINT = "fingerprint.txt"


@dataclass(frozen=True)
class Part:
    """A stretch of the input that is done."""

    parquet: Path
    report: Path
    note: Path
    review: Path
    """Rows to look at, of those that were dropped or changed."""

    @property
    def next(self) -> int:
        """Position in the input behind it."""
        return int(json.loads(self.note.read_text(encoding="utf-8"))["next"])


class Parts:
    """The finished parts of one conversion."""

    def __init__(self, folder: Path, fingerprint: str) -> None:
        """Open the folder; what another conversion left there is deleted.

        Args:
            folder: Where the parts are; it is created.
            fingerprint: Of input, options and program.
        """
        self.folder = folder
        record = folder / _FINGERPRINT
        if folder.exists() and not (record.is_file() and record.read_text(encoding="utf-8") == fingerprint):
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_text(record, [fingerprint])
        self._count = 0
        while self._part(self._count).note.is_file():
            self._count += 1
        self.gallery = Gallery(self.review_lines())

    @property
    def next(self) -> int:
        """Position in the input from which on there is something to do."""
        return self._part(self._count - 1).next if self._count else 0

    @property
    def size(self) -> int:
        """Bytes of the finished parts."""
        return sum(part.parquet.stat().st_size for part in self)

    @property
    def rows(self) -> int:
        """Rows in the finished parts."""
        return sum(pq.read_metadata(part.parquet).num_rows for part in self)

    def __iter__(self) -> Iterator[Part]:
        return map(self._part, range(self._count))

    def add(self, table: pa.Table, entries: Iterable[Entry], exhibits: Iterable[Exhibit], following: int) -> None:
        """Write a part.

        Args:
            table: Its rows, of whatever schema; all parts need the same one.
            entries: What was dropped and repaired in it.
            exhibits: What ``gallery`` took of it.
            following: Position in the input behind it.
        """
        part = self._part(self._count)
        write_table(part.parquet, table)
        write_text(part.report, (entry.as_line() for entry in entries))
        write_text(part.review, (exhibit.as_line() for exhibit in exhibits))
        write_text(part.note, [json.dumps({"next": following})])
        self._count += 1

    def copy_to(self, writer: GroupWriter) -> None:
        """Put the parts together in one file, a row group each."""
        for part in self:
            writer.write(pq.read_table(part.parquet, use_threads=False, pre_buffer=False))

    def entries(self) -> Iterator[Entry]:
        """What was dropped and repaired, in the order of the input."""
        for part in self:
            with part.report.open(encoding="utf-8") as lines:
                yield from read_entries(lines)

    def review_lines(self) -> Iterator[str]:
        """What the gallery took, in the order of the input."""
        for part in self:
            with part.review.open(encoding="utf-8") as lines:
                yield from lines

    def delete(self) -> None:
        """Delete the folder, once the result is in its place."""
        shutil.rmtree(self.folder)

    def _part(self, number: int) -> Part:
        stem = self.folder / f"part-{number:05d}"
        suffixes = (".parquet", ".jsonl", ".json", ".review.jsonl")
        return Part(*(stem.with_suffix(suffix) for suffix in suffixes))


def fill(
    parts: Parts, outcomes: Iterable[Outcome[Kept]], to_table: Callable[[Sequence[Kept]], pa.Table], part_rows: int
) -> None:
    """Write outcomes as parts; a part ends after ``GROUP_BYTES`` of images or ``part_rows`` rows that were read.

    Args:
        parts: Where they go.
        outcomes: What became of the rows, in the order of the input, from ``parts.next`` on.
        to_table: Puts rows into a table.
        part_rows: Most rows of the input in a part.
    """
    rows: list[Kept] = []
    entries: list[Entry] = []
    exhibits: list[Exhibit] = []
    size = seen = 0
    for outcome in outcomes:
        entries += outcome.entries
        exhibits += parts.gallery.take(outcome.entries, outcome.shown)
        seen += 1
        if outcome.row:
            rows.append(outcome.row)
            size += outcome.row.size
        if size >= GROUP_BYTES or seen >= part_rows:
            parts.add(to_table(rows), entries, exhibits, outcome.index + 1)
            rows, entries, exhibits, size, seen = [], [], [], 0, 0
    if seen:
        parts.add(to_table(rows), entries, exhibits, outcome.index + 1)
