# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What a parquet file holds and how it came about, as JSON beside it, without times or paths: it repeats exactly."""

from __future__ import annotations

import importlib.metadata
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import pyarrow.parquet as pq

from data_prep.errors import InputError
from data_prep.file.output import write_text
from data_prep.sources.strict_json import parse

PACKAGES = ("verl-care", "verl", "pyarrow", "pillow", "math-verify")


@dataclass
class Counts:
    """Rows by what they are."""

    data_source: Counter[str] = field(default_factory=Counter)
    source: Counter[str] = field(default_factory=Counter)
    category: Counter[str] = field(default_factory=Counter)
    answer_type: Counter[str] = field(default_factory=Counter)
    images: Counter[str] = field(default_factory=Counter)
    """Rows by their number of images."""

    @classmethod
    def of(cls, parquet: Path) -> Counts:
        """Count the rows of a file of ``SCHEMA``; its images are not read."""
        counts = cls()
        with pq.ParquetFile(parquet) as file:
            for batch in file.iter_batches(columns=["data_source", "extra_info"], use_threads=False):
                for record in batch.to_pylist():
                    counts._add(record["data_source"], record["extra_info"])
        return counts

    def _add(self, data_source: str, extra_info: Mapping[str, object]) -> None:
        self.data_source[data_source] += 1
        for name in ("source", "category", "answer_type"):
            getattr(self, name)[extra_info[name]] += 1
        hashes = extra_info["image_sha256"]
        self.images[str(len(hashes) if isinstance(hashes, list) else 0)] += 1


@dataclass(frozen=True)
class Licence:
    """Under which terms the data came."""

    name: str
    note: str


@dataclass(frozen=True)
class InputFile:
    """A file that was read."""

    name: str
    size: int


@dataclass(frozen=True)
class Manifest:
    """The record of one output file."""

    parquet: str
    """Name of the file beside the manifest."""
    sha256: str
    size: int
    rows: int
    read: int
    """Rows of the input that were looked at."""
    dropped: Mapping[str, int]
    repaired: Mapping[str, int]
    counts: Counts
    options: Mapping[str, object]
    """What the command was told, without folders."""
    inputs: Sequence[InputFile]
    fingerprint: str
    """Of input, options and program: an equal one means there is nothing to do again."""
    licences: Mapping[str, Licence]
    """By data set."""
    instruction: str
    versions: Mapping[str, str]
    listed: Mapping[str, int] = field(default_factory=dict)
    """Rows that were kept and that a person should look at."""

    def write(self, path: Path) -> None:
        """Write the manifest; it appears complete or not at all."""
        counts = {name: dict(counter) for name, counter in vars(self.counts).items()}
        record = asdict(replace(self, counts=Counts())) | {"counts": counts}
        write_text(path, [json.dumps(record, indent=2, sort_keys=True, ensure_ascii=False), "\n"])


def manifest_path(parquet: Path) -> Path:
    """Where the manifest of a parquet file lies."""
    return parquet.with_suffix(".manifest.json")


def report_path(parquet: Path) -> Path:
    """Where the report of a parquet file lies."""
    return parquet.with_suffix(".report.jsonl")


@dataclass(frozen=True)
class Recorded:
    """What the manifest of an input says; None stands for what it does not say."""

    fingerprint: str | None = None
    read: int | None = None
    licences: Mapping[str, Licence] | None = None


def recorded_fingerprint(parquet: Path) -> str | None:
    """The fingerprint a finished output was made with; None where there is none."""
    return read_manifest(parquet).fingerprint


def read_manifest(parquet: Path) -> Recorded:
    """The manifest of a parquet file; nothing in it where there is none.

    Raises:
        InputError: There is something else in its place.
    """
    path = manifest_path(parquet)
    try:
        record = parse(path.read_bytes()) if path.is_file() else {}
    except ValueError as error:
        raise InputError(f"{path}: no manifest ({error}); delete it, and make {parquet.name} again") from error
    if not isinstance(record, dict):
        raise InputError(f"{path}: no manifest; delete it, and make {parquet.name} again")
    fingerprint, read, licences = (record.get(name) for name in ("fingerprint", "read", "licences"))
    return Recorded(
        fingerprint if isinstance(fingerprint, str) else None,
        read if isinstance(read, int) else None,
        {name: Licence(**terms) for name, terms in licences.items()} if isinstance(licences, dict) else None,
    )


def versions(extra: Sequence[str] = ()) -> dict[str, str]:
    """The installed versions of what shapes the output."""
    return {name: importlib.metadata.version(name) for name in (*PACKAGES, *extra)}
