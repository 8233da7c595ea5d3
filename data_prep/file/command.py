# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What the converters' command lines share: options, the summary, and one clear line for whatever goes wrong."""

from __future__ import annotations

import argparse
import errno
import sys
import warnings
from collections.abc import Callable, Mapping

from data_prep.errors import InputError
from data_prep.file.job import Job, run
from data_prep.file.manifest import Manifest, report_path
from data_prep.row.examples import Read
from data_prep.row.outcome import Kept
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


def add_run_options(parser: argparse.ArgumentParser, part_rows: str) -> None:
    """Add the options that say how to run, and not what to make.

    Args:
        parser: Of a converter.
        part_rows: What ``--part-rows`` is for.
    """
    add = parser.add_argument
    add("--limit", type=int, metavar="N", help="look at the first N rows of the input only")
    add("--workers", type=int, default=1, metavar="N", help="threads that check images (1); the output is the same")
    add("--part-rows", type=int, default=PART_ROWS, metavar="N", help=part_rows)
    add(
        "--resume",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="go on with an interrupted run, keep a finished one (default); --no-resume starts again",
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


def execute(options: argparse.Namespace, prepare: Callable[[argparse.Namespace], Job[Read, Kept]]) -> int:
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
        print(work())
    except KeyboardInterrupt:
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


def _summary(job: Job[Read, Kept], manifest: Manifest) -> str:
    lines = [f"{manifest.read:,} rows read, {manifest.rows:,} kept, {sum(manifest.dropped.values()):,} dropped"]
    for action, counts in _actions(manifest):
        by_count = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        lines += [f"  {action:<8} {count:>7,}  {reason}: {job.form.reasons[reason]}" for reason, count in by_count]
    lines += [f"  kept     {count:>7,}  {kind}" for kind, count in sorted(manifest.counts.answer_type.items()) if kind]
    without = manifest.counts.images["0"]
    lines += [f"  kept     {without:>7,}  without an image"] * bool(without)
    lines += job.notes
    lines.append(
        f"wrote {job.parquet} ({manifest.size / 2**20:,.2f} MiB), its manifest, and {report_path(job.parquet)}"
    )
    return "\n".join(lines)
