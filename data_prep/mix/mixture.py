# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Several converted files to one training file, without duplicates and benchmark items: ``--help``."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from data_prep.errors import InputError
from data_prep.file.command import check_numbers, supervise
from data_prep.file.manifest import (
    Counts,
    InputFile,
    Manifest,
    manifest_path,
    recorded_fingerprint,
    report_path,
    versions,
)
from data_prep.file.output import alone, require_space, sha256_of, write_text
from data_prep.file.review import review_path
from data_prep.mix import benchmarks, fingerprints
from data_prep.mix.input import Benchmark, InputTable, PrintStore, open_benchmarks, open_tables, sources_of
from data_prep.mix.output import shuffled, write_in_order, write_shuffled
from data_prep.mix.report import exhibits_of, overlap_json, selection_lines, summary, to_inspect
from data_prep.mix.select import Selection, Shares, read_shares, select
from data_prep.mix.survey import Survey, survey
from data_prep.row.prompts import INSTRUCTION
from data_prep.sources.files import digest_of

DESCRIPTION = f"""\
Put converted files together as DIR/NAME.parquet, without rows that benchmarks have too and without duplicates.

Give the inputs in the order of your trust: of two rows with the same image, question and gold the one of the earlier
file is kept. Everything is compared by the bytes and the look of the images and the words of the questions. Beside the
parquet file lie
  NAME.report.jsonl   every row that was dropped, and for which other row or item
  NAME.inspect.jsonl  pairs a person should look at; these rows are kept
  NAME.review.jsonl   some of both with their pictures, for data_prep.viewer
  NAME.overlap.json   what was compared with which benchmark, and which benchmarks nobody checked
  NAME.manifest.json  counts, hashes, licences
Inputs are RL files, or SFT files of vision_r1_cold; not both at once. An interrupted run goes on with the fingerprints
it has (DIR/.fingerprints, which you may delete); rows are read twice and never held.

Benchmarks are hub ids, or files that you downloaded: parquet, or folders of it, in the columns they have on the hub:
  {", ".join(benchmarks.LAYOUTS)}
Any other name stands for a parquet file with a column image or images, or for a folder of pictures.
"""
EXAMPLES = """\
examples:
  # the paper's mixture; datasets with cleaner golds first
  care mix --output data/mix --seed 1 \\
      --input data/geometry3k_train.parquet data/chartqa_train_human.parquet data/chartqa_val_human.parquet \\
              data/virl39k_train.parquet \\
      --benchmark mathvista=AI4Math/MathVista mathverse=CaraJ/MathVerse-lmmseval mathvision=MathLLMs/MathVision \\
                  mmmu=lmms-lab/MMMU mmmu_pro_standard=MMMU/MMMU_Pro mmmu_pro_vision=MMMU/MMMU_Pro

  # only take benchmark items out of the cold-start set
  care mix --input data/vision_r1_cold.parquet --output data/cold --benchmark mathvista=MathVista
"""


@dataclass(frozen=True)
class Settings:
    """What to mix."""

    tables: tuple[InputTable, ...]
    benchmarks: tuple[Benchmark, ...]
    output: Path
    name: str
    seed: int | None
    """None keeps the order of the inputs."""
    workers: int
    resume: bool
    shares: Shares = field(default_factory=Shares)
    dry_run: bool = False
    """Only say what would be written."""

    def __post_init__(self) -> None:
        if not self.name or Path(self.name).name != self.name or self.name.startswith("."):
            raise InputError(f"--name {self.name}: must be a plain file name without suffix")
        if self.parquet.resolve() in [table.path.resolve() for table in self.tables]:
            raise InputError(f"{self.parquet}: is an input; choose another --output or --name")
        self.shares.check(sources_of(self.tables))

    @property
    def parquet(self) -> Path:
        """The file to write."""
        return self.output / f"{self.name}.parquet"

    @property
    def validation(self) -> Path | None:
        """The validation file to write."""
        return self.output / f"{self.name}_val.parquet" if self.shares.validation else None

    @property
    def fingerprints(self) -> Path:
        """Where fingerprints are kept for the next run."""
        return self.output / ".fingerprints"

    @property
    def begun(self) -> Path:
        """Lies there from before the file is written until its manifest is: what a killed run leaves is known by it."""
        return self.output / f".{self.name}.begun"

    @property
    def options(self) -> dict[str, object]:
        """What the manifest says of the command."""
        names = [benchmark.name for benchmark in self.benchmarks]
        return {"seed": self.seed, "benchmarks": names} | self.shares.options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="care mix",
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
        metavar="FILE",
        help="converted files, the most trusted first",
    )
    add("--output", required=True, metavar="DIR", help="folder for the files; it is created")
    add("--name", default="mix", help="of the files (mix)")
    add(
        "--benchmark",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=PATH|ID",
        help="evaluation data to keep out",
    )
    add("--seed", type=int, metavar="N", help="shuffle; without it the order of the inputs stays, and verl shuffles")
    text = "most rows of a data source, chosen by the seed"
    add("--cap", nargs="+", action="extend", default=[], metavar="SOURCE=N", help=text)
    text = "how often each row of a data source comes: 2 twice, 0.5 every other row"
    add("--weight", nargs="+", action="extend", default=[], metavar="SOURCE=W", help=text)
    text = "rows of a data source for DIR/NAME_val.parquet; no other row with their images stays"
    add("--validation", nargs="+", action="extend", default=[], metavar="SOURCE=N", help=text)
    add("--dry-run", action="store_true", help="only print the counts; fingerprints are kept for the real run")
    add("--workers", type=int, default=1, metavar="N", help="threads that decode images (1); the output is the same")
    add(
        "--resume",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="keep a finished output (default); --no-resume makes it again",
    )
    options = parser.parse_args(arguments)
    return supervise(lambda: mix(_settings(options)))


def mix(settings: Settings) -> str:
    """Make a mixture.

    Args:
        settings: What to mix, and where to.

    Returns:
        The account to print.

    Raises:
        InputError: Inputs, benchmarks or output cannot be used.
    """
    fingerprint = _fingerprint(settings)
    settings.output.mkdir(parents=True, exist_ok=True)
    with alone(settings.parquet):
        return _mix(settings, fingerprint)


def _mix(settings: Settings, fingerprint: str) -> str:
    made_before = recorded_fingerprint(settings.parquet)
    # Without a manifest it is only ours if a run that was to write it has not ended.
    if settings.parquet.exists() and made_before is None and not settings.begun.exists():
        raise InputError(f"{settings.parquet}: was not made by data_prep; move it away or choose another --output")
    held_out = settings.validation
    if held_out and held_out.exists() and recorded_fingerprint(held_out) is None and not settings.begun.exists():
        raise InputError(f"{held_out}: was not made by data_prep; move it away or choose another --output")
    is_complete = settings.parquet.exists() and (held_out is None or held_out.exists())
    if settings.resume and is_complete and made_before == fingerprint and not settings.dry_run:
        return f"{settings.parquet} is up to date; --no-resume makes it again"
    size = sum(table.path.stat().st_size for table in settings.tables)
    require_space(settings.output, int(size * (1.05 if settings.seed is None else 2.1)))
    found = survey(settings.tables, settings.benchmarks, PrintStore(settings.fingerprints, settings.workers))
    if not found.kept:
        raise InputError("no row is left, all of them are benchmark items or duplicates; nothing was written")
    chosen = select(found.kept, found.prints, settings.shares, settings.seed or 0)
    lines = summary(settings.tables, list(found.prints.values()), found.noted, found.checked)
    lines += selection_lines(chosen, found.prints) if settings.shares != Shares() else []
    if settings.dry_run:
        return "\n".join([*lines, f"dry run: {settings.parquet} was not written"])
    _write(settings, found, chosen, fingerprint)
    return "\n".join([*lines, f"wrote {settings.parquet} ({settings.parquet.stat().st_size / 2**20:,.2f} MiB)"])


def _write(settings: Settings, found: Survey, chosen: Selection, fingerprint: str) -> None:
    settings.begun.touch()
    manifest_path(settings.parquet).unlink(missing_ok=True)
    if settings.seed is None:
        write_in_order(settings.parquet, settings.tables, chosen.train)
    else:
        places = shuffled(chosen.train, found.prints, settings.seed)
        sizes = [found.prints[place].size for place in places]
        scratch = settings.parquet.with_name(f".{settings.name}.shuffle")
        write_shuffled(settings.parquet, settings.tables, places, sizes, scratch)
    if settings.validation:
        write_in_order(settings.validation, settings.tables, chosen.validation)
    _describe(settings, found, chosen, fingerprint)
    settings.begun.unlink()


def _settings(options: argparse.Namespace) -> Settings:
    check_numbers(options)
    return Settings(
        tables=tuple(open_tables([Path(path).expanduser() for path in options.input])),
        benchmarks=tuple(open_benchmarks(options.benchmark)),
        output=Path(options.output).expanduser(),
        name=options.name,
        seed=options.seed,
        workers=options.workers,
        resume=options.resume,
        shares=Shares(
            caps={source: int(rows) for source, rows in read_shares("--cap", options.cap).items()},
            weights=read_shares("--weight", options.weight),
            validation={source: int(rows) for source, rows in read_shares("--validation", options.validation).items()},
        ),
        dry_run=options.dry_run,
    )


def _describe(settings: Settings, found: Survey, chosen: Selection, fingerprint: str) -> None:
    """Write what lies beside the parquet files; the manifest comes last and vouches for the rest."""
    dropped = [noted for noted in found.noted if noted.finding.drops]
    parquet = settings.parquet
    write_text(report_path(parquet), (noted.entry.as_line() for noted in dropped))
    write_text(parquet.with_suffix(".inspect.jsonl"), (noted.line for noted in to_inspect(found.noted)))
    write_text(parquet.with_suffix(".overlap.json"), [overlap_json(found.checked, found.noted)])
    write_text(review_path(parquet), (exhibit.as_line() for exhibit in exhibits_of(found.noted, found.album)))
    counts = dict(sorted(Counter(noted.finding.reason for noted in dropped).items()))
    if settings.validation:
        _manifest(settings, settings.validation, fingerprint, len(chosen.validation), {})
    _manifest(settings, parquet, fingerprint, len(found.prints), counts)


def _manifest(settings: Settings, parquet: Path, fingerprint: str, read: int, dropped: Mapping[str, int]) -> None:
    counts = Counts.of(parquet)
    Manifest(
        parquet=parquet.name,
        sha256=sha256_of(parquet),
        size=parquet.stat().st_size,
        rows=counts.data_source.total(),
        read=read,
        dropped=dropped,
        repaired={},
        counts=counts,
        options=settings.options,
        inputs=[InputFile(table.path.name, table.path.stat().st_size) for table in settings.tables],
        fingerprint=fingerprint,
        licences={name: licence for table in settings.tables for name, licence in table.licences.items()},
        instruction=INSTRUCTION,
        versions=versions(),
    ).write(manifest_path(parquet))


def _fingerprint(settings: Settings) -> str:
    """A hash of everything the output depends on."""
    files = [file.path for benchmark in settings.benchmarks for file in benchmark.files]
    inputs = [digest_of([path]) for path in [*(table.path for table in settings.tables), *files]]
    program = [sha256_of(path) for path in sorted(Path(__file__).parents[1].rglob("*.py"))]
    basis = [settings.options, settings.name, inputs, program, versions(), fingerprints.VERSION]
    return hashlib.sha256(json.dumps(basis, sort_keys=True).encode()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
