# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""ChartQA to verl's parquet: ``python -m data_prep.chartqa --help``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from data_prep.file.command import execute, make_job, make_parser
from data_prep.file.job import Job
from data_prep.file.manifest import Licence
from data_prep.row.convert import Rules
from data_prep.row.gold import chart_gold
from data_prep.row.lengths import PromptMeter
from data_prep.sources.chartqa import HALVES, HUB_PATTERNS, SPLITS, open_chartqa
from data_prep.sources.locate import locate

HUB_ID = "HuggingFaceM4/ChartQA"
LICENCE = Licence("GPL-3.0", "covers the data: do not put it, or files made from it, into this project's repository")
DESCRIPTION = """\
Convert ChartQA to DIR/chartqa_<split>_<half>.parquet, with a manifest and a report of every dropped or repaired row
beside it.

The human half (7,398 training rows) has questions people wrote; the machine half (20,901) has generated ones, some of
which contradict each other about the same chart. The paper's row count only fits the human half, so that is the
default. Left out are labels that a spreadsheet has spoilt: ratios that became times of day (39:14 -> 1.634722222) and
dates that became serial numbers (44362). The data is under GPL-3.0.
"""
EXAMPLES = f"""\
  # from the hub, questions by humans
  python -m data_prep.chartqa --input {HUB_ID} --split train --output data

  # from the original release's zip (or the folder it unpacks to), everything
  python -m data_prep.chartqa --input ~/chartqa.zip --split train --half both --output data
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = make_parser("data-chartqa", DESCRIPTION, EXAMPLES)
    kinds = "hub id, snapshot folder, parquet file, or the original release as folder or zip"
    parser.add_argument("--input", default=HUB_ID, metavar="PATH|ID", help=f"{kinds} ({HUB_ID})")
    parser.add_argument("--split", choices=SPLITS, default="train", help="(train)")
    parser.add_argument("--half", choices=[*HALVES, "both"], default="human", help="who wrote the questions (human)")
    options = parser.parse_args(arguments)
    return execute(options, _job)


def _job(options: argparse.Namespace) -> Job:
    halves = HALVES if options.half == "both" else (options.half,)
    reader = open_chartqa(locate(options.input, HUB_PATTERNS), options.split, halves)

    def rules(meter: PromptMeter | None, longest: int) -> Rules:
        return Rules("chartqa", options.split, chart_gold, meter, longest)

    return make_job(options, f"chartqa_{options.split}_{options.half}", reader, rules, LICENCE)


if __name__ == "__main__":
    sys.exit(main())
