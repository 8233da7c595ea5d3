# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""``care report``: from the folder of a run to a page."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from data_prep.file.output import replacing
from recipe.care.errors import CareError
from recipe.report.page import page
from recipe.report.reader import Reader

DESCRIPTION = """\
One page about a run: its curves with the paper's failure signs, and its groups of rollouts, each with image, verdicts,
roles, distances, credit per token and repairs. It needs no other file and no network. Two runs are laid side by side.

RUN is the folder of a run: metrics-<attempt>.jsonl, and <step>.jsonl in records/ or rollouts/ (or where its
configuration says). A folder with a dump of stock verl will do.
"""
EPILOG = """\
examples:
  care report runs/tiny_qwen2_5_vl_care -o report.html
  care report runs/care runs/grpo -o both.html
  care report runs/care --watch
"""
MOST_RUNS = 2
GROUPS = 2000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: The command line without the program's name; None takes the process's.

    Returns:
        The exit status: 0, or 2 where the input could not be used.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    if len(options.runs) > MOST_RUNS:
        parser.error(f"{len(options.runs)} runs; at most {MOST_RUNS} fit side by side")
    try:
        reader = Reader(options.runs, options.groups, options.data, options.data_source, options.threshold)
        if options.watch:
            _watch(reader, options.out, options.every)
        # After Ctrl-C, too: a page that nobody writes anew need not load itself anew.
        print(_write(reader, options.out, 0))
    except (OSError, CareError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0


def write_report(runs: Sequence[Path], out: Path) -> str:
    """Write the page of some runs with the usual settings; says what is in it and where.

    Raises:
        CareDataError: A folder holds no run, or a file cannot be read.
        OSError: The page cannot be written.
    """
    return _write(Reader(runs, GROUPS), out, 0)


def _watch(reader: Reader, out: Path, seconds: int) -> None:
    """Write the page whenever there is something new, until Ctrl-C."""
    reader.read(growing=True)
    print(_write_read(reader, out, seconds), flush=True)
    print("watching; Ctrl-C ends it", flush=True)
    try:
        while True:
            time.sleep(seconds)
            if reader.read(growing=True):
                print(_write_read(reader, out, seconds), flush=True)
    except KeyboardInterrupt:
        print()


def _write(reader: Reader, out: Path, refresh: int) -> str:
    reader.read(growing=False)
    return _write_read(reader, out, refresh)


def _write_read(reader: Reader, out: Path, refresh: int) -> str:
    content = reader.content(refresh)
    out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(out) as draft, draft.open("w", encoding="utf-8") as file:
        file.writelines(page(content))
    groups = [
        f"{run.name}: step {run.last_step}, {_sample(len(kept), run.groups_seen)}"
        for run, kept in zip(content.runs, content.groups, strict=True)
    ]
    return f"{'; '.join(groups)}. Report: {out} ({out.stat().st_size / 2**20:.1f} MiB)"


def _sample(shown: int, seen: int) -> str:
    return f"{seen:,} groups" if shown == seen else f"{shown:,} of {seen:,} groups"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="care report", description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("runs", nargs="+", type=Path, metavar="RUN", help="the folder of a run, or of two")
    add("-o", "--out", type=Path, default=Path("report.html"), metavar="HTML", help="the page (%(default)s)")
    add("--groups", type=_count, default=GROUPS, metavar="N", help="show at most N groups of a run (%(default)s)")
    add(
        "--data",
        type=Path,
        action="append",
        default=[],
        metavar="PARQUET",
        help="the file that was trained on, for the images; by default the one that the run's configuration names",
    )
    add("--watch", action="store_true", help="write the page anew while the run goes on; an open page follows")
    add("--every", type=_count, default=20, metavar="SECONDS", help="how often --watch looks (%(default)s)")
    verdicts = parser.add_argument_group("right or wrong, for dumps of stock verl without acc (see care replay)")
    verdicts.add_argument("--data-source", metavar="NAME", help="verify again, as rows of this data source")
    verdicts.add_argument("--threshold", type=float, metavar="X", help="a score of X or more is right")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)
