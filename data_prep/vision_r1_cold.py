# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Vision-R1-cold to verl's multi-turn SFT parquet: ``python -m data_prep.vision_r1_cold --help``."""

from __future__ import annotations

import argparse
import functools
import hashlib
import itertools
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_prep.errors import InputError
from data_prep.file.command import check_numbers, supervise
from data_prep.file.job import ROOM, ordered_map
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
from data_prep.file.report import REASONS, Tally
from data_prep.file.review import review_path
from data_prep.row import cold
from data_prep.row.cold import DATA_SOURCE, ColdOutcome, ColdRules, convert, to_sft_table
from data_prep.row.lengths import PromptMeter
from data_prep.row.prompts import INSTRUCTION
from data_prep.row.sft_schema import SFT_SCHEMA
from data_prep.sources.files import digest_of, size_of
from data_prep.sources.locate import locate
from data_prep.sources.vision_r1 import JSON_PATTERNS, ImagePool, image_archives, json_files, read_conversations

LICENCE = Licence(
    "CC-BY-NC-SA-4.0",
    "NonCommercial: nothing trained on it can be offered under a permissive licence without legal review",
)
DESCRIPTION = """\
Convert the cold-start set Osilly/Vision-R1-cold to DIR/vision_r1_cold.parquet for verl's MultiTurnSFTDataset, with a
manifest and a report of every dropped or repaired row beside it.

The set is two JSON files without images (63,019 and 197,975 rows). The images are those of Xkev/LLaVA-CoT-100k (a zip
in parts: put them together with cat) and of HuanjinYao/Mulberry-SFT (a tar); folders, zips and tars can be given as
they are. The prompt carries the instruction of the RL files. "Final Answer:" is taken out of the answers. Left out are
rows without exactly one rationale and one answer in their tags, without their image, that go in circles, that change
to Chinese on the way, that lost a character, or that are too long. Licence: CC-BY-NC-SA-4.0, not for commercial use.

It contains ChartQA, AI2D and GeoQA images: run data_prep.mix with --benchmark on the result.
"""
EXAMPLES = """\
examples:
  python -m data_prep.vision_r1_cold --output data --model Qwen/Qwen2.5-VL-7B-Instruct --max-length 4096 \\
      --input Osilly/Vision-R1-cold --images ~/llava_cot_images HuanjinYao/Mulberry-SFT

  # one of the two files, lengths in characters, the first thousand rows
  python -m data_prep.vision_r1_cold --output data --limit 1000 \\
      --input ~/Vision-R1-cold/vision_r1_llava_cot_full.json --images ~/image.zip
"""
HUB_ID = "Osilly/Vision-R1-cold"
MAX_LENGTH = 4096
MAX_CHARACTERS = 16_000
PART_ROWS = 1000


@dataclass(frozen=True)
class ColdJob:
    """What to convert, and where to."""

    files: tuple[Path, ...]
    images: tuple[Path, ...]
    rules: ColdRules
    parquet: Path
    options: Mapping[str, object]
    """What the result depends on besides the input."""
    limit: int | None
    part_rows: int
    workers: int
    resume: bool


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="care data-cold-start",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--input",
        nargs="+",
        action="extend",
        required=True,
        metavar="PATH",
        help=f"the JSON files, their folder, or {HUB_ID}",
    )
    text = "folders, zips or tars with the images, or hub ids of datasets that are zips or tars"
    add("--images", nargs="+", action="extend", required=True, metavar="PATH", help=text)
    add("--output", required=True, metavar="DIR", help="folder for the files; it is created")
    add("--model", help="hub id or folder: measure rows with its processor, images included")
    add(
        "--max-length",
        type=int,
        metavar="N",
        help=f"with --model: most tokens of a row; data.max_length ({MAX_LENGTH})",
    )
    add("--max-characters", type=int, metavar="N", help=f"without: most characters of a row ({MAX_CHARACTERS:,})")
    add("--limit", type=int, metavar="N", help="look at the first N rows only")
    add("--workers", type=int, default=1, metavar="N", help="threads that check images (1); the output is the same")
    add("--part-rows", type=int, default=PART_ROWS, metavar="N", help=f"rows after which to save ({PART_ROWS})")
    text = "go on with an interrupted run, keep a finished one (default); --no-resume starts again"
    add("--resume", action=argparse.BooleanOptionalAction, default=True, help=text)
    options = parser.parse_args(arguments)
    return supervise(lambda: run(_job(options)))


def run(job: ColdJob) -> str:
    """Do a conversion, or what is left of it.

    Args:
        job: What to do.

    Returns:
        The account to print.

    Raises:
        InputError: Input or output cannot be used.
    """
    fingerprint = _fingerprint(job)
    job.parquet.parent.mkdir(parents=True, exist_ok=True)
    with alone(job.parquet):
        return _run(job, fingerprint)


def _run(job: ColdJob, fingerprint: str) -> str:
    folder = job.parquet.with_name(f".{job.parquet.stem}.parts")
    made_before = recorded_fingerprint(job.parquet)
    if job.parquet.exists() and made_before is None and not folder.exists():
        raise InputError(f"{job.parquet}: was not made by data_prep; move it away or choose another --output")
    if job.resume and job.parquet.exists() and made_before == fingerprint:
        return f"{job.parquet} is up to date; --no-resume makes it again"
    parts = Parts(folder, fingerprint if job.resume else "")
    if not job.resume:
        parts.delete()
        parts = Parts(folder, fingerprint)
    if job.limit is None:
        require_space(job.parquet.parent, int(ROOM * sum(map(size_of, job.images))) - parts.size)
    if parts.next:
        print(f"going on behind row {parts.next:,} of an interrupted run")
    fill(parts, _outcomes(job, parts.next), to_sft_table, job.part_rows)
    return _finish(job, parts, fingerprint)


def _outcomes(job: ColdJob, start: int) -> Iterator[ColdOutcome]:
    """Convert the rows from ``start`` on; progress is that in the JSON files' characters."""
    rows = itertools.takewhile(
        lambda row: job.limit is None or row.index < job.limit, read_conversations(job.files, start)
    )
    with Progress(sum(map(size_of, job.files)), "bytes") as progress:
        for outcome in ordered_map(functools.partial(convert, rules=job.rules), rows, job.workers):
            yield outcome
            progress.to(outcome.read)


def _finish(job: ColdJob, parts: Parts, fingerprint: str) -> str:
    """Put the parts together and describe the result; the manifest comes last and vouches for the rest."""
    tally = Tally()
    tally.add(parts.entries())
    rows, read = parts.rows, parts.next
    if not rows:
        reasons = ", ".join(tally.by_reason("dropped")) or "there are none"
        raise InputError(f"no row of the input can be used ({reasons}); nothing was written")
    manifest_path(job.parquet).unlink(missing_ok=True)
    with writing_groups(job.parquet, SFT_SCHEMA) as writer:
        parts.copy_to(writer)
    write_text(report_path(job.parquet), (entry.as_line() for entry in parts.entries()))
    write_text(review_path(job.parquet), parts.review_lines())
    Manifest(
        parquet=job.parquet.name,
        sha256=sha256_of(job.parquet),
        size=job.parquet.stat().st_size,
        rows=rows,
        read=read,
        dropped=tally.by_reason("dropped"),
        repaired=tally.by_reason("repaired"),
        counts=Counts.of(job.parquet),
        options=job.options,
        inputs=[InputFile(path.name, size_of(path)) for path in (*job.files, *job.images)],
        fingerprint=fingerprint,
        licences={DATA_SOURCE: LICENCE},
        instruction=INSTRUCTION,
        versions=_versions(job),
    ).write(manifest_path(job.parquet))
    parts.delete()
    return _summary(job, tally, rows, read)


def _summary(job: ColdJob, tally: Tally, rows: int, read: int) -> str:
    meaning = REASONS | cold.DROPS | cold.REPAIRS
    lines = [f"{read:,} rows read, {rows:,} kept, {read - rows:,} dropped"]
    for action in ("dropped", "repaired"):
        counts = sorted(tally.by_reason(action).items(), key=lambda item: (-item[1], item[0]))
        lines += [f"  {action:<8} {count:>7,}  {reason}: {meaning[reason]}" for reason, count in counts]
    if job.rules.meter is None:
        lines.append("lengths were measured in characters; give --model to count tokens")
    lines.append(f"licence {LICENCE.name}: {LICENCE.note}")
    return "\n".join([*lines, f"wrote {job.parquet} ({job.parquet.stat().st_size / 2**20:,.2f} MiB)"])


def _job(options: argparse.Namespace) -> ColdJob:
    check_numbers(options)
    if options.max_length is not None and not options.model:
        raise InputError("--max-length needs --model, whose processor measures the rows; else give --max-characters")
    if options.max_characters is not None and options.model:
        raise InputError("--max-characters is for runs without --model; give --max-length")
    longest = MAX_LENGTH if options.max_length is None else options.max_length
    characters = MAX_CHARACTERS if options.max_characters is None else options.max_characters
    files = json_files([locate(given, JSON_PATTERNS) for given in options.input])
    images = tuple(archive for given in options.images for archive in image_archives(given))
    pool = ImagePool(images)
    meter = PromptMeter(options.model) if options.model else None
    chosen: dict[str, object] = {"limit": options.limit, "part_rows": options.part_rows}
    if meter:
        chosen |= {"max_length": longest, "processor": meter.identity, "patch_size": meter.patch_size}
    else:
        chosen["max_characters"] = characters
    return ColdJob(
        files=tuple(files),
        images=images,
        rules=ColdRules(pool, meter, longest, characters),
        parquet=Path(options.output).expanduser() / f"{DATA_SOURCE}.parquet",
        options=chosen,
        limit=options.limit,
        part_rows=options.part_rows,
        workers=options.workers,
        resume=options.resume,
    )


def _versions(job: ColdJob) -> dict[str, str]:
    return versions(["transformers", "qwen-vl-utils"] if job.rules.meter else [])


def _fingerprint(job: ColdJob) -> str:
    """A hash of everything the output depends on."""
    program = [sha256_of(path) for path in sorted(Path(__file__).parent.rglob("*.py"))]
    basis = [digest_of([*job.files, *job.images]), dict(job.options), _versions(job), program]
    return hashlib.sha256(json.dumps(basis, sort_keys=True).encode()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
