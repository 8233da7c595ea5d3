# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The command: score a file of predictions and show which rule decided what, and what a person should look at."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from recipe.care.errors import CareDataError, CareError
from recipe.care.verifier.report import Case, Report
from recipe.care.verifier.score import compute_score

RESPONSE_KEYS = ("solution_str", "response", "output")
GOLD_KEYS = ("ground_truth", "gts")
DESCRIPTION = """\
Score a JSONL file of predictions with CARE's verifier.

Each line is an object with
  data_source   chartqa, geometry3k, virl39k, tiny_<task>, or maths, choice, chart, text for rows of your own
                (or one for all lines: --data-source)
  solution_str  the model's response with its <think> and <answer> tags (also: response, output)
  ground_truth  the gold answer (also: gts)
  extra_info    optional: answer_type, options, question, tolerance, precise_value, as in the training files
  acc           optional: somebody else's verdict on the line, 0 or 1
The files that verl writes to trainer.validation_data_dir have this form, but for data_source.

Prints a table by data source and rule, then the disputed cases: verifications that failed, verdicts that differ from
the line's own acc, and rejected answers that contain the gold.
"""
EPILOG = """\
example:
  care verify outputs/step_100.jsonl --data-source geometry3k --disputed 30
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: The command line without the program's name; None takes the process's.

    Returns:
        The exit status: 0, or 2 where the input could not be used.
    """
    options = _parser().parse_args(arguments)
    report = Report()
    try:
        with Path(options.predictions).open(encoding="utf-8") as lines:
            for case in _score(lines, options):
                report.add(case)
    except (OSError, UnicodeDecodeError, CareError) as error:
        print(f"error: {options.predictions}: {_one_line(error)}", file=sys.stderr)
        return 2
    if not report.cases:
        print(f"error: {options.predictions}: there is no prediction in it", file=sys.stderr)
        return 2
    print(report.table())
    print(report.disputes(options.disputed))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="care verify",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("predictions", help="the JSONL file")
    parser.add_argument("--data-source", metavar="NAME", help="data source of the lines that do not name their own")
    parser.add_argument("--disputed", type=int, default=10, metavar="N", help="how many disputed cases to show (10)")
    parser.add_argument(
        "--prompt-opens-think",
        action="store_true",
        help="the chat template wrote <think>, so well-formed responses do not open it",
    )
    return parser


def _score(lines: Iterator[str], options: argparse.Namespace) -> Iterator[Case]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = _read_row(line)
            source = str(row.get("data_source") or options.data_source or "")
            if not source:
                raise CareDataError("the line has no data_source; add it, or give --data-source")
            response, gold = _text(row, RESPONSE_KEYS), _text(row, GOLD_KEYS)
            extra_info = row.get("extra_info")
            if not isinstance(extra_info, Mapping | None):
                raise CareDataError("extra_info must be an object")
            score = compute_score(source, response, gold, extra_info, prompt_opens_think=options.prompt_opens_think)
        except CareError as error:
            raise CareDataError(f"line {number}: {_one_line(error)}") from error
        yield Case(number, source, gold, score, row.get("acc"))


def _read_row(line: str) -> Mapping[str, object]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise CareDataError(f"not JSON ({error})") from error
    if not isinstance(row, dict):
        raise CareDataError("not a JSON object")
    return row


def _text(row: Mapping[str, object], keys: tuple[str, ...]) -> str:
    """The first of ``keys`` that the row has."""
    for key in keys:
        value = row.get(key)
        if isinstance(value, str):
            return value
    raise CareDataError(f"the line has no text under {' or '.join(keys)}; it has {', '.join(row) or 'nothing'}")


def _one_line(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split())
