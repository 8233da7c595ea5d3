# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""A whole conversion: read, convert, write in parts, put together, describe."""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

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
    versions,
)
from data_prep.file.output import alone, require_space, sha256_of, write_text, writing_groups
from data_prep.file.parts import Parts, fill
from data_prep.file.progress import Progress
from data_prep.file.report import Tally
from data_prep.file.review import review_path
from data_prep.row.convert import Outcome, Rules, convert
from data_prep.row.examples import Reader
from data_prep.row.prompts import INSTRUCTION
from data_prep.row.schema import to_table
from data_prep.sources.files import digest_of, size_of

Given = TypeVar("Given")
Got = TypeVar("Got")
ROOM = 2.1
"""Disk space as a multiple of the input: the parts and the file made of them lie side by side for a while."""


@dataclass(frozen=True)
class Job:
    """What to convert, and where to."""

    reader: Reader
    rules: Rules
    licence: Licence
    parquet: Path
    """The file to write."""
    options: Mapping[str, object]
    """What the result depends on besides the input; no folders, so that the manifest repeats."""
    limit: int | None
    """Only look at so many rows at the start of the input."""
    workers: int
    part_rows: int
    resume: bool

    @property
    def total(self) -> int:
        """Rows of the input to look at."""
        return min(self.reader.total, self.limit or self.reader.total)


def run(job: Job) -> Manifest | None:
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


def _run(job: Job, fingerprint: str) -> Manifest | None:
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
    share = job.total / max(job.reader.total, 1)
    require_space(job.parquet.parent, int(ROOM * share * sum(map(size_of, job.reader.files))) - parts.size)
    if parts.next:
        print(f"going on behind row {parts.next:,} of an interrupted run")
    fill(parts, _outcomes(job, parts.next), to_table, job.part_rows)
    return _finish(job, parts, fingerprint)


def _outcomes(job: Job, start: int) -> Iterator[Outcome]:
    """Convert the rows from ``start`` on, and say how far it is."""
    examples = itertools.takewhile(lambda example: example.index < job.total, job.reader.read(start))
    with Progress(job.total, "rows", done=start) as progress:
        for outcome in ordered_map(functools.partial(convert, rules=job.rules), examples, job.workers):
            yield outcome
            progress.to(outcome.index + 1)


def ordered_map(function: Callable[[Given], Got], items: Iterable[Given], workers: int) -> Iterator[Got]:
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


def _finish(job: Job, parts: Parts, fingerprint: str) -> Manifest:
    """Put the parts together and describe the result; the manifest comes last and vouches for the rest."""
    tally = Tally()
    tally.add(parts.entries())
    if not parts.rows:
        reasons = ", ".join(tally.by_reason("dropped")) or "there are none"
        raise InputError(f"no row of the input can be used ({reasons}); nothing was written")
    with writing_groups(job.parquet) as writer:
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
        licences={job.rules.data_source: job.licence},
        instruction=INSTRUCTION,
        versions=_versions(job),
        listed=tally.by_reason("listed"),
    )
    manifest.write(manifest_path(job.parquet))
    parts.delete()
    return manifest


def _versions(job: Job) -> dict[str, str]:
    return versions(["transformers", "qwen-vl-utils"] if job.rules.meter else [])


def _fingerprint(job: Job) -> str:
    """A hash of everything the output depends on: input, options, package versions and this program."""
    folders = (Path(__file__).parents[1], Path(verifier.__file__).parent)
    program = {f"{path.relative_to(f.parent)}": sha256_of(path) for f in folders for path in f.rglob("*.py")}
    basis = [digest_of(job.reader.files), dict(job.options), _versions(job), program]
    return hashlib.sha256(json.dumps(basis, sort_keys=True).encode()).hexdigest()
