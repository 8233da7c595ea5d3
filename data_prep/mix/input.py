# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The files a mixture is made of, and their fingerprints, which are kept on disk so that they are made only once."""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from data_prep.errors import InputError
from data_prep.file.job import ordered_map
from data_prep.file.manifest import Licence, read_manifest
from data_prep.file.output import write_text
from data_prep.file.progress import Progress
from data_prep.mix import fingerprints
from data_prep.mix.benchmarks import BenchmarkFile, benchmark_files, count_items, read_items
from data_prep.mix.fingerprints import (
    ImagePrint,
    RowPrint,
    normalise_gold,
    normalise_question,
    normalise_whole,
    print_image,
)
from data_prep.row.options import parse_options
from data_prep.row.schema import SCHEMA
from data_prep.row.sft_schema import SFT_SCHEMA
from data_prep.sources.files import digest_of

_BATCH = 16


@dataclass(frozen=True)
class InputTable:
    """A file that a converter wrote."""

    path: Path
    schema: pa.Schema
    rows: int
    read: int
    """Rows of the dataset that the converter looked at; as many as ``rows`` if its manifest is gone."""
    licences: Mapping[str, Licence]


@dataclass(frozen=True)
class Benchmark:
    """An evaluation set the user has."""

    name: str
    files: tuple[BenchmarkFile, ...]


def open_table(path: Path) -> InputTable:
    """Look at a file, and make sure that it can be mixed.

    Args:
        path: A parquet file of ``SCHEMA`` or ``SFT_SCHEMA``.

    Returns:
        The input.

    Raises:
        InputError: It is something else.
    """
    if not path.is_file():
        raise InputError(f"--input {path}: there is no such file")
    try:
        found, rows = pq.read_schema(path), pq.read_metadata(path).num_rows
    except pa.ArrowInvalid as error:
        raise InputError(f"--input {path}: no complete parquet file; run its converter again") from error
    schema = next((known for known in (SCHEMA, SFT_SCHEMA) if found.equals(known)), None)
    if schema is None:
        wrong = [field.name for field in SCHEMA if field.name not in found.names or found.field(field.name) != field]
        raise InputError(
            f"--input {path}: not a file of data_prep's converters ({', '.join(wrong)} missing or of another type); "
            "make it with care data-virl39k, geometry3k, chartqa, own or vision_r1_cold"
        )
    record = read_manifest(path)
    unknown = {path.stem: Licence("unknown", "there was no manifest beside the input")}
    licences = unknown if record.licences is None else record.licences
    return InputTable(path, schema, rows, rows if record.read is None else record.read, licences)


def open_tables(paths: Sequence[Path]) -> list[InputTable]:
    """Look at all inputs; they have to fit together."""
    tables = [open_table(path) for path in paths]
    names = [table.path.resolve() for table in tables]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise InputError(f"--input {twice}: given twice")
    other = next((table for table in tables if not table.schema.equals(tables[0].schema)), None)
    if other:
        raise InputError(f"--input {other.path}: RL and SFT files do not mix; run the command once for each kind")
    return tables


def sources_of(tables: Sequence[InputTable]) -> list[str]:
    """The data sources that the inputs have; no image is read."""
    found: set[str] = set()
    for table in tables:
        found |= set(pq.read_table(table.path, columns=["data_source"]).column("data_source").to_pylist())
    return sorted(found)


def open_benchmarks(given: Sequence[str]) -> list[Benchmark]:
    """Read ``name=path`` arguments; the same name may come several times."""
    files: dict[str, list[BenchmarkFile]] = {}
    for argument in given:
        name, equals, path = argument.partition("=")
        if not (name and equals and path):
            raise InputError(
                f"--benchmark {argument}: must be name=path or name=hub id, such as mathvista=AI4Math/MathVista"
            )
        files.setdefault(name.lower(), []).extend(benchmark_files(name.lower(), path))
    return [Benchmark(name, tuple(found)) for name, found in files.items()]


class PrintStore:
    """Fingerprints by the content of the file they were made of."""

    def __init__(self, folder: Path, workers: int) -> None:
        """Keep fingerprints in ``folder``, and make missing ones in ``workers`` threads."""
        self._folder = folder
        self._workers = workers

    def of_table(self, table: InputTable) -> list[RowPrint]:
        """The fingerprints of an input's rows; one row group of images is in memory at a time."""
        folder = self._folder / _key(table.path, "rows")
        prints: list[RowPrint] = []
        with (
            pq.ParquetFile(table.path) as file,
            Progress(table.rows, "rows", table.path.name) as progress,
        ):
            for group in range(file.num_row_groups):
                records = _records(file, group, table.schema)
                found = self._stored(folder / f"{group:05d}.jsonl", functools.partial(self._print_rows, records))
                prints += found
                progress.add(len(found))
        return prints

    def of_benchmark(self, benchmark: Benchmark) -> list[RowPrint]:
        """The fingerprints of a benchmark's items."""
        prints: list[RowPrint] = []
        for file in benchmark.files:
            path = self._folder / _key(file.path, repr(file.layout)) / "items.jsonl"
            prints += self._stored(path, functools.partial(_print_items, benchmark.name, file))
        return prints

    def _print_rows(self, records: Iterable[dict]) -> Iterator[RowPrint]:
        return ordered_map(_print_row, records, self._workers)

    def _stored(self, path: Path, make: Callable[[], Iterable[RowPrint]]) -> list[RowPrint]:
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, (json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in make()))
        with path.open(encoding="utf-8") as lines:
            return [_from_json(json.loads(line)) for line in lines]


def _print_items(name: str, file: BenchmarkFile) -> Iterator[RowPrint]:
    with Progress(count_items(file), "items", name) as progress:
        for item in read_items(file):
            yield item
            progress.add()


def _key(path: Path, reading: str) -> str:
    """Changes with the file's content and with how it is read."""
    basis = f"{digest_of([path])}/{reading}/{fingerprints.VERSION}"
    return hashlib.sha256(basis.encode()).hexdigest()[:16]


def _from_json(record: dict) -> RowPrint:
    return RowPrint(**record | {"images": tuple(ImagePrint(**image) for image in record["images"])})


def _records(file: pq.ParquetFile, group: int, schema: pa.Schema) -> Iterator[dict]:
    """The rows of a row group; nothing is read before the first one is asked for."""
    columns = [name for name in ("data_source", "images", "reward_model", "extra_info") if name in schema.names]
    table = file.read_row_group(group, columns=columns, use_threads=False)
    return itertools.chain.from_iterable(batch.to_pylist() for batch in table.to_batches(_BATCH))


def _print_row(record: dict) -> RowPrint:
    extra = record["extra_info"]
    images = [image["bytes"] for image in record["images"]]
    gold = record["reward_model"]["ground_truth"] if "reward_model" in record else extra["answer"]
    # SFT files and other sources leave options in the question.
    options = extra["options"] or parse_options(extra["question"])
    return RowPrint(
        qid=extra["qid"],
        index=extra["index"],
        text=normalise_question(extra["question"]),
        images=tuple(map(print_image, images)),
        gold=normalise_gold(gold, options),
        size=sum(map(len, images)),
        data_source=record["data_source"],
        source=extra["source"],
        answer_type=extra["answer_type"],
        whole="" if options else normalise_whole(extra["question"]),
    )
