# Copyright 2026 The CARE-verl authors
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""Several converted files to one training file, without duplicates and benchmark items: ``--help``."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from data_prep import benchmarks, fingerprints
from data_prep.command import supervise
from data_prep.errors import InputError
from data_prep.fingerprints import RowPrint
from data_prep.manifest import (
    Counts,
    InputFile,
    Manifest,
    manifest_path,
    recorded_fingerprint,
    report_path,
    versions,
)
from data_prep.mix_input import Benchmark, InputTable, PrintStore, open_benchmarks, open_tables
from data_prep.mix_output import Place, shuffled, write_in_order, write_shuffled
from data_prep.mix_report import Checked, Noted, check_of, overlap_json, summary
from data_prep.output import alone, require_space, sha256_of, write_text
from data_prep.overlap import find_benchmark, find_duplicates
from data_prep.prompts import INSTRUCTION
from data_prep.sources.files import digest_of

DESCRIPTION = f"""\
Put converted files together as DIR/NAME.parquet, without rows that benchmarks have too and without duplicates.

Give the inputs in the order of your trust: of two rows with the same image, question and gold the one of the earlier
file is kept. Everything is compared by the bytes and the look of the images and the words of the questions. Beside the
parquet file lie
  NAME.report.jsonl   every row that was dropped, and for which other row or item
  NAME.inspect.jsonl  pairs a person should look at; these rows are kept
  NAME.overlap.json   what was compared with which benchmark, and which benchmarks nobody checked
  NAME.manifest.json  counts, hashes, licences
Inputs are RL files, or SFT files of vision_r1_cold; not both at once. An interrupted run goes on with the fingerprints
it has (DIR/.fingerprints, which you may delete); rows are read twice and never held.

Benchmarks are files that you downloaded: parquet, or folders of it, in the columns they have on the hub:
  {", ".join(benchmarks.LAYOUTS)}
Any other name stands for a parquet file with a column image or images, or for a folder of pictures.
"""
EXAMPLES = """\
examples:
  # the paper's mixture; datasets with cleaner golds first
  python -m data_prep.mix --output data/mix --seed 1 \\
      --input data/geometry3k_train.parquet data/chartqa_train_human.parquet data/chartqa_val_human.parquet \\
              data/virl39k_train.parquet \\
      --benchmark mathvista=MathVista/data/testmini-00000-of-00001.parquet mathverse=MathVerse-lmmseval \\
                  mathvision=MathVision/data mmmu=MMMU "mmmu_pro_standard=MMMU_Pro/standard (10 options)" \\
                  mmmu_pro_vision=MMMU_Pro/vision

  # only take benchmark items out of the cold-start set
  python -m data_prep.mix --input data/vision_r1_cold.parquet --output data/cold --benchmark mathvista=MathVista
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

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise InputError(f"--workers {self.workers}: must be at least 1")
        if not self.name or Path(self.name).name != self.name or self.name.startswith("."):
            raise InputError(f"--name {self.name}: must be a plain file name without suffix")
        if self.parquet.resolve() in [table.path.resolve() for table in self.tables]:
            raise InputError(f"{self.parquet}: is an input; choose another --output or --name")

    @property
    def parquet(self) -> Path:
        """The file to write."""
        return self.output / f"{self.name}.parquet"

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
        return {"seed": self.seed, "benchmarks": [benchmark.name for benchmark in self.benchmarks]}


@dataclass(frozen=True)
class Survey:
    """What is known after the first reading."""

    prints: Mapping[Place, RowPrint]
    noted: tuple[Noted, ...]
    checked: tuple[Checked, ...]

    @property
    def kept(self) -> list[Place]:
        """The rows that stay, in the order of the inputs."""
        lost = {entry.finding.row for entry in self.noted if entry.finding.drops}
        return [place for number, place in enumerate(self.prints) if number not in lost]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m data_prep.mix",
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
    add("--benchmark", nargs="+", action="extend", default=[], metavar="NAME=PATH", help="evaluation data to keep out")
    add("--seed", type=int, metavar="N", help="shuffle; without it the order of the inputs stays, and verl shuffles")
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
    if settings.resume and settings.parquet.exists() and made_before == fingerprint:
        return f"{settings.parquet} is up to date; --no-resume makes it again"
    size = sum(table.path.stat().st_size for table in settings.tables)
    require_space(settings.output, int(size * (1.05 if settings.seed is None else 2.1)))
    survey = _survey(settings)
    if not survey.kept:
        raise InputError("no row is left, all of them are benchmark items or duplicates; nothing was written")
    settings.begun.touch()
    manifest_path(settings.parquet).unlink(missing_ok=True)
    if settings.seed is None:
        write_in_order(settings.parquet, settings.tables, survey.kept)
    else:
        places = shuffled(survey.kept, survey.prints, settings.seed)
        sizes = [survey.prints[place].size for place in places]
        scratch = settings.parquet.with_name(f".{settings.name}.shuffle")
        write_shuffled(settings.parquet, settings.tables, places, sizes, scratch)
    _describe(settings, survey, fingerprint)
    settings.begun.unlink()
    lines = summary(settings.tables, list(survey.prints.values()), survey.noted, survey.checked)
    return "\n".join([*lines, f"wrote {settings.parquet} ({settings.parquet.stat().st_size / 2**20:,.2f} MiB)"])


def _settings(options: argparse.Namespace) -> Settings:
    return Settings(
        tables=tuple(open_tables([Path(path).expanduser() for path in options.input])),
        benchmarks=tuple(open_benchmarks(options.benchmark)),
        output=Path(options.output).expanduser(),
        name=options.name,
        seed=options.seed,
        workers=options.workers,
        resume=options.resume,
    )


def _survey(settings: Settings) -> Survey:
    """Read everything once, and decide about every row."""
    store = PrintStore(settings.fingerprints, settings.workers)
    prints = {
        Place(number, row): print_
        for number, table in enumerate(settings.tables)
        for row, print_ in enumerate(store.of_table(table))
    }
    rows = list(prints.values())
    strongest: dict[int, Noted] = {}
    items = {benchmark.name: store.of_benchmark(benchmark) for benchmark in settings.benchmarks}
    for name, own in items.items():
        for finding in find_benchmark(rows, own):
            known = strongest.get(finding.row)
            if known is None or finding.order < known.finding.order:
                strongest[finding.row] = Noted(finding, rows[finding.row], name, own[finding.other])
    # Benchmark items first: how many there are does not depend on how many duplicates the mixture has.
    left = [n for n in range(len(rows)) if n not in strongest or not strongest[n].finding.drops]
    tables = [place.table for place in prints]
    for finding in find_duplicates([rows[n] for n in left], [tables[n] for n in left]):
        own_row, other = left[finding.row], left[finding.other]
        found = replace(finding, row=own_row, other=other)
        if found.drops or own_row not in strongest:
            strongest[own_row] = Noted(found, rows[own_row], "", rows[other])
    noted = tuple(strongest[n] for n in sorted(strongest))
    return Survey(prints, noted, tuple(check_of(name, own, noted) for name, own in items.items()))


def _describe(settings: Settings, survey: Survey, fingerprint: str) -> None:
    """Write what lies beside the parquet file; the manifest comes last and vouches for the rest."""
    dropped = [noted for noted in survey.noted if noted.finding.drops]
    parquet = settings.parquet
    write_text(report_path(parquet), (noted.entry.as_line() for noted in dropped))
    write_text(parquet.with_suffix(".inspect.jsonl"), (noted.line for noted in survey.noted if not noted.finding.drops))
    write_text(parquet.with_suffix(".overlap.json"), [overlap_json(survey.checked, survey.noted)])
    Manifest(
        parquet=parquet.name,
        sha256=sha256_of(parquet),
        size=parquet.stat().st_size,
        rows=len(survey.kept),
        read=len(survey.prints),
        dropped=dict(sorted(Counter(noted.finding.reason for noted in dropped).items())),
        repaired={},
        counts=Counts.of(parquet),
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
    program = [sha256_of(path) for path in sorted(Path(__file__).parent.rglob("*.py"))]
    basis = [settings.options, settings.name, inputs, program, versions(), fingerprints.VERSION]
    return hashlib.sha256(json.dumps(basis, sort_keys=True).encode()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
