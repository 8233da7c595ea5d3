# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""A whole conversion: read, convert, write in parts, put together, describe. RL and SFT files are made alike."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import pyarrow as pa

import recipe.care.verifier.sources as verifier
from data_prep.errors import InputError
from data_prep.file.manifest import (
    Counts,
    InputFile,
    Licence,
    Manifest,
    manifest_path,
    recorded_fingerprint,
    report_path,
)
from data_prep.file.output import alone, require_space, sha256_of, write_text, writing_groups
from data_prep.file.parts import Parts, fill
from data_prep.file.progress import Progress
from data_prep.file.report import Tally
from data_prep.file.review import review_path
from data_prep.row.examples import Read, Reader
from data_prep.row.outcome import Kept, Outcome
from data_prep.row.prompts import INSTRUCTION
from data_prep.sources.files import digest_of, size_of

Item = TypeVar("Item")
Got = TypeVar("Got")
ROOM = 2.1
"""Disk space as a multiple of the input: the parts and the file made of them lie side by side for a while."""


@dataclass(frozen=True)
class Form(Generic[Kept]):
    """What one kind of file is: for reinforcement learning, or for a cold start."""

    schema: pa.Schema
    to_table: Callable[[Sequence[Kept]], pa.Table]
    reasons: Mapping[str, str]
    """What the reasons in its reports mean."""


@dataclass(frozen=True)
class Job(Generic[Read, Kept]):
    """What to convert, and where to."""

    reader: Reader[Read]
    convert: Callable[[Read], Outcome[Kept]]
    form: Form[Kept]
    data_source: str
    licence: Licence
    parquet: Path
    """The file to write."""
    options: Mapping[str, object]
    """What the result depends on besides the input; no folders, so that the manifest repeats."""
    versions: Mapping[str, str]
    """Installed packages that it depends on."""
    limit: int | None
    """Only look at so many rows at the start of the input."""
    workers: int
    part_rows: int
    resume: bool
    unit: str = "rows"
    """What ``reader.total`` counts: ``rows`` or ``bytes``."""
    notes: tuple[str, ...] = ()
    """What to tell the user beside the counts."""

    @property
    def total(self) -> int:
        """How much of the input there is to look at, in its unit."""
        return min(self.reader.total, self.limit or self.reader.total) if self.unit == "rows" else self.reader.total

    @property
    def room(self) -> int:
        """Bytes of disk that it may take; none where nobody can tell how large the first rows are."""
        if self.limit is not None and self.unit != "rows":
            return 0
        return int(ROOM * self.total / max(self.reader.total, 1) * sum(map(size_of, self.reader.files)))


def run(job: Job[Read, Kept]) -> Manifest | None:
    """Do a conversion, or what is left of it.

    Args:
        job: What to do.

    Returns:
        The manifest that was written, or None where the output was there already.

    Raises:
        InputError: Input or output cannot be used.
    """
    fingerprint = _fingerprint(job)
    job.parquet.parent.mkdir(parents=True, exist_ok=True)
    with alone(job.parquet):
        return _run(job, fingerprint)


def _run(job: Job[Read, Kept], fingerprint: str) -> Manifest | None:
    parts_folder = job.parquet.with_name(f".{job.parquet.stem}.parts")
    made_before = recorded_fingerprint(job.parquet)
    if job.parquet.exists() and made_before is None and not parts_folder.exists():
        raise InputError(f"{job.parquet}: was not made by data_prep; move it away or choose another --output")
    if job.resume and job.parquet.exists() and made_before == fingerprint:
        return None
    parts = Parts(parts_folder, fingerprint if job.resume else "")
    if not job.resume:
        parts.delete()
        parts = Parts(parts_folder, fingerprint)
    require_space(job.parquet.parent, job.room - parts.size)
    if parts.next:
        print(f"going on behind row {parts.next:,} of an interrupted run")
    fill(parts, ordered_map(job.convert, _items(job, parts.next), job.workers), job.form.to_table, job.part_rows)
    return _finish(job, parts, fingerprint)


def _items(job: Job[Read, Kept], start: int) -> Iterator[Read]:
    """Read the rows from ``start`` on, and say how far it is."""
    with Progress(job.total, job.unit, done=start if job.unit == "rows" else 0) as progress:
        for item in job.reader.read(start):
            if job.limit is not None and item.index >= job.limit:
                return
            yield item
            progress.to(item.read)


def ordered_map(function: Callable[[Item], Got], items: Iterable[Item], workers: int) -> Iterator[Got]:
    """Apply a function in threads, results in the order of the items, and only a few items read ahead.

    Args:
        function: What to apply. Decoding images and hashing let other threads run, which is most of the work here.
        items: Read by the calling thread.
        workers: Threads; with 1 there are none.

    Yields:
        The results.
    """
    if workers == 1:
        yield from map(function, items)
        return
    waiting: deque[Future[Got]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _finish(job: Job[Read, Kept], parts: Parts, fingerprint: str) -> Manifest:
    """Put the parts together and describe the result; the manifest comes last and vouches for the rest."""
    tally = Tally()
    tally.add(parts.entries())
    if not parts.rows:
        reasons = ", ".join(tally.by_reason("dropped")) or "there are none"
        raise InputError(f"no row of the input can be used ({reasons}); nothing was written")
    with writing_groups(job.parquet, job.form.schema) as writer:
        parts.copy_to(writer)
        manifest_path(job.parquet).unlink(missing_ok=True)  # an old one must never stand beside the new file
    write_text(report_path(job.parquet), (entry.as_line() for entry in parts.entries()))
    write_text(review_path(job.parquet), parts.review_lines())
    counts = Counts.of(job.parquet)
    rows = counts.data_source.total()
    manifest = Manifest(
        parquet=job.parquet.name,
        sha256=sha256_of(job.parquet),
        size=job.parquet.stat().st_size,
        rows=rows,
        read=rows + sum(tally.by_reason("dropped").values()),
        dropped=tally.by_reason("dropped"),
        repaired=tally.by_reason("repaired"),
        counts=counts,
        options=job.options,
        inputs=[InputFile(path.name, size_of(path)) for path in job.reader.files],
        fingerprint=fingerprint,
        licences={job.data_source: job.licence},
        instruction=INSTRUCTION,
        versions=job.versions,
        listed=tally.by_reason("listed"),
    )
    manifest.write(manifest_path(job.parquet))
    parts.delete()
    return manifest


def _fingerprint(job: Job[Read, Kept]) -> str:
    """A hash of everything the output depends on: input, options, package versions and this program."""
    folders = (Path(__file__).parents[1], Path(verifier.__file__).parent)
    program = {f"{path.relative_to(f.parent)}": sha256_of(path) for f in folders for path in f.rglob("*.py")}
    basis = [digest_of(job.reader.files), dict(job.options), dict(job.versions), program]
    return hashlib.sha256(json.dumps(basis, sort_keys=True).encode()).hexdigest()
