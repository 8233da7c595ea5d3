# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What the converters' command lines share: options, the summary, and one clear line for whatever goes wrong."""

from __future__ import annotations

import argparse
import errno
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

from data_prep.errors import InputError
from data_prep.file.interrupts import kept_interrupts
from data_prep.file.job import Job, run
from data_prep.file.manifest import Licence, Manifest, report_path
from data_prep.file.report import REASONS
from data_prep.row.convert import Rules
from data_prep.row.examples import Reader
from data_prep.row.lengths import PromptMeter
from recipe.care.errors import CareError

FAILED = 2
RESUMES = "the same command goes on where it stopped"
_PASSING = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EAGAIN}
    | {errno.ETIMEDOUT, errno.ESTALE, errno.ECONNRESET, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EBUSY}
)
"""Faults that the same command may not meet again: a full disk, a server that was away."""
_LEAST = dict.fromkeys(
    ("limit", "workers", "part_rows", "max_prompt_length", "max_length", "max_characters", "rows"), 1
)
_LEAST["seed"] = 0
PART_ROWS = 1000
MAX_PROMPT_LENGTH = 2048


def make_parser(command: str, description: str, examples: str) -> argparse.ArgumentParser:
    """A parser with the options every converter has.

    Args:
        command: Its name under ``care``.
        description: What it reads, writes and leaves out.
        examples: Command lines to copy.

    Returns:
        The parser, to which a converter may add its own options.
    """
    parser = argparse.ArgumentParser(
        prog=f"care {command}",
        description=description,
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--output", required=True, metavar="DIR", help="folder for the files; it is created")
    add("--model", help="hub id or folder of the model to train: measure every prompt with its processor")
    add(
        "--max-prompt-length",
        type=int,
        metavar="N",
        help=f"with --model: leave out prompts of more tokens; data.max_prompt_length ({MAX_PROMPT_LENGTH})",
    )
    add("--limit", type=int, metavar="N", help="look at the first N rows of the input only")
    add("--workers", type=int, default=1, metavar="N", help="threads that check images (1); the output is the same")
    add(
        "--part-rows",
        type=int,
        default=PART_ROWS,
        metavar="N",
        help=f"rows after which an interrupted run can go on ({PART_ROWS}), and most rows of a row group",
    )
    add(
        "--resume",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="go on with an interrupted run, keep a finished one (default); --no-resume starts again",
    )
    return parser


def make_job(
    options: argparse.Namespace,
    name: str,
    reader: Reader,
    rules: Callable[[PromptMeter | None, int], Rules],
    licence: Licence,
) -> Job:
    """A conversion from a command line.

    Args:
        options: The parsed command line.
        name: Name of the output, without suffix.
        reader: The input.
        rules: Makes the rules, given the meter and the longest prompt.
        licence: Of the data.

    Returns:
        The job.
    """
    longest = MAX_PROMPT_LENGTH if options.max_prompt_length is None else options.max_prompt_length
    meter = PromptMeter(options.model) if options.model else None
    where = ("input", "output", "images", "workers", "resume", "model")
    chosen = {key: value for key, value in sorted(vars(options).items()) if key not in where}
    if meter:
        name_of_model = Path(options.model).name
        chosen |= {"model": name_of_model, "processor": meter.identity, "patch_size": meter.patch_size}
        chosen["max_prompt_length"] = longest
    return Job(
        reader=reader,
        rules=rules(meter, longest),
        licence=licence,
        parquet=Path(options.output).expanduser() / f"{name}.parquet",
        options=chosen,
        limit=options.limit,
        workers=options.workers,
        part_rows=options.part_rows,
        resume=options.resume,
    )


def check_numbers(options: argparse.Namespace) -> None:
    """Refuse numbers that cannot be meant, before anything is read or fetched.

    Args:
        options: The parsed command line of any of the commands.

    Raises:
        InputError: A number is too small, or goes with another option.
    """
    for name, least in _LEAST.items():
        value = getattr(options, name, None)
        if value is not None and value < least:
            raise InputError(f"--{name.replace('_', '-')} {value}: must be at least {least}")
    if getattr(options, "max_prompt_length", None) is not None and not options.model:
        raise InputError("--max-prompt-length needs --model, whose processor measures the prompts")


def execute(options: argparse.Namespace, prepare: Callable[[argparse.Namespace], Job]) -> int:
    """Run a converter and say how it went.

    Args:
        options: The parsed command line.
        prepare: Makes the job from it.

    Returns:
        The exit status: 0, or 2 with one line on stderr.
    """

    def work() -> str:
        check_numbers(options)
        job = prepare(options)
        manifest = run(job)
        return _summary(job, manifest) if manifest else f"{job.parquet} is up to date; --no-resume makes it again"

    return supervise(work)


def supervise(work: Callable[[], str], again: str = RESUMES) -> int:
    """Do the work of a command, and print what it says or, in one line, what went wrong.

    Args:
        work: Returns the text to print.
        again: What to do after an interrupt, or once the disk has room again.

    Returns:
        The exit status: 0, or 2 with one line on stderr.
    """
    warnings.filterwarnings("ignore", module="PIL")  # what Pillow says of damaged images, the report does
    try:
        with kept_interrupts():
            print(work())
    except KeyboardInterrupt:
        # CPython 3.11 counts an interrupt inside an ``exec`` of a string, as dataclasses do, as unhandled and would end
        # with the signal whatever is returned here; the next such ``exec`` resets that. Can go when CPython sees to it.
        exec("")
        return _fail(f"interrupted; {again}")
    except CareError as error:
        return _fail(str(error))
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        passes = f"; {again}" if error.errno in _PASSING else ""
        return _fail(f"{place}{error.strerror or error}{passes}")
    return 0


def _fail(text: str) -> int:
    print(f"error: {' '.join(text.split())}", file=sys.stderr)
    return FAILED


def _actions(manifest: Manifest) -> tuple[tuple[str, Mapping[str, int]], ...]:
    return ("dropped", manifest.dropped), ("repaired", manifest.repaired), ("look at", manifest.listed)


def _summary(job: Job, manifest: Manifest) -> str:
    lines = [f"{manifest.read:,} rows read, {manifest.rows:,} kept, {sum(manifest.dropped.values()):,} dropped"]
    for action, counts in _actions(manifest):
        by_count = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        lines += [f"  {action:<8} {count:>7,}  {reason}: {REASONS[reason]}" for reason, count in by_count]
    lines += [f"  kept     {count:>7,}  {kind}" for kind, count in sorted(manifest.counts.answer_type.items())]
    without = manifest.counts.images["0"]
    lines += [f"  kept     {without:>7,}  without an image"] * bool(without)
    if job.rules.meter is None:
        lines.append("prompt lengths were not measured; give --model, or let verl filter")
    lines.append(
        f"wrote {job.parquet} ({manifest.size / 2**20:,.2f} MiB), its manifest, and {report_path(job.parquet)}"
    )
    return "\n".join(lines)
