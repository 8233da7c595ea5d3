# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""``care watch``: the alarms of a run, from its files."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from recipe.alarms.log import RunLog, find_run
from recipe.alarms.step import Step
from recipe.alarms.table import WATCHERS
from recipe.alarms.watch import Alarm, Watch
from recipe.care.errors import CareDataError

POLL_S = 2.0
PAPER_WIDTH = 120
"""Columns where there is no terminal."""
QUIET, RAISED, UNREADABLE = 0, 1, 2
"""Exit statuses."""
DESCRIPTION = """\
Does a run go wrong? Looks at what it has written, while it trains or afterwards, and says what, since when, and what
to do.

RUN is a run's folder, a file of verl's file logger (trainer.logger=[file]), or a folder of rollout dumps.
"""
EPILOG = """\
exit status:
  0  no alarm
  1  at least one alarm
  2  RUN could not be read

examples:
  care watch runs/tiny_qwen2_5_vl_care
  care watch my_project/my_experiment.jsonl --dump outputs/rollouts --follow
  care watch runs/mine --follow --first || kill "$TRAINER"
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: The command line without the program's name; None takes the process's.

    Returns:
        The exit status.
    """
    options = _parser().parse_args(arguments)
    out = Console(highlight=False, markup=False, emoji=False)
    if not out.is_terminal:
        out.width = PAPER_WIDTH
    watch = Watch()
    judged: set[str] = set()
    try:
        log = RunLog(find_run(options.run, options.dump, options.max_response_length))
        _watch(log, watch, judged, options, _teller(options, out))
    except (OSError, CareDataError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return UNREADABLE
    except KeyboardInterrupt:
        pass  # the way to end --follow
    silent = [watcher.name for watcher in WATCHERS if watcher.name not in judged]
    if options.json:
        print(json.dumps({"run": str(options.run), "steps": log.steps, "alarms": len(watch.alarms), "silent": silent}))
    else:
        _show(log.steps, watch.alarms, silent, out)
    return RAISED if watch.alarms else QUIET


def _watch(
    log: RunLog, watch: Watch, judged: set[str], options: argparse.Namespace, tell: Callable[[Alarm], None]
) -> None:
    """Take steps until there are no more: at once, or with ``--follow`` until nothing has come for some time."""
    last = time.monotonic()
    while True:
        for step in log.new_steps():
            last = time.monotonic()
            judged |= _judged(step)
            for alarm in watch.add(step):
                tell(alarm)
            if watch.alarms and options.first:
                return
        if not options.follow or time.monotonic() - last > options.quiet_for:
            return
        time.sleep(POLL_S)


def _judged(step: Step) -> set[str]:
    return {watcher.name for watcher in WATCHERS if watcher.needs(step) is not None}


def _teller(options: argparse.Namespace, out: Console) -> Callable[[Alarm], None]:
    """What is said at once; afterwards all of it comes in one table."""

    def tell(alarm: Alarm) -> None:
        if options.json:
            print(json.dumps(dataclasses.asdict(alarm)), flush=True)
        elif options.follow:
            out.print(f"step {alarm.raised}: {alarm.name}: {alarm.seen}", style="bold red")

    return tell


def _show(steps: int, alarms: Sequence[Alarm], silent: Sequence[str], out: Console) -> None:
    if not steps:
        out.print("There is no step yet.")
        return
    out.print(f"{steps} steps, {len(alarms) or 'no'} alarm{'s' * (len(alarms) != 1)}.")
    if alarms:
        table = Table("alarm", "since", "told", "what it means, and what was seen", "what to do", box=box.SIMPLE_HEAD)
        for one in alarms:
            table.add_row(one.name, str(one.since), str(one.raised), f"{one.means}: {one.seen}", one.remedy)
        out.print(table)
    if silent:
        out.print(f"Not judged, for want of what they read: {', '.join(silent)}.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="care watch",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", type=Path, metavar="RUN")
    parser.add_argument("--dump", type=Path, metavar="DIR", help="what trainer.rollout_data_dir was set to")
    parser.add_argument(
        "--max-response-length", type=int, metavar="N", help="data.max_response_length, where RUN does not say"
    )
    parser.add_argument("--follow", action="store_true", help="go on while the run does; Ctrl-C ends it")
    parser.add_argument(
        "--quiet-for",
        type=float,
        default=3600.0,
        metavar="S",
        help="with --follow: end after so many seconds without a step (default: %(default)s)",
    )
    parser.add_argument("--first", action="store_true", help="end with the first alarm")
    parser.add_argument("--json", action="store_true", help="one JSON object a line: each alarm, then a summary")
    return parser
