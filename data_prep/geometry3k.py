# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Geometry3K to verl's parquet: ``python -m data_prep.geometry3k --help``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from data_prep.file.command import execute, make_job, make_parser
from data_prep.file.job import Job
from data_prep.file.manifest import Licence
from data_prep.row.convert import Rules
from data_prep.row.gold import geometry_gold
from data_prep.row.lengths import PromptMeter
from data_prep.sources.geometry3k import HUB_PATTERNS, SPLITS, open_geometry
from data_prep.sources.locate import locate

HUB_ID = "hiyouga/geometry3k"
LICENCE = Licence("MIT", "hub card and original release (lupantech/InterGPS) alike")
DESCRIPTION = """\
Convert Geometry3K (2,101 training, 300 validation, 601 test rows) to DIR/geometry3k_<split>.parquet, with a manifest
and a report of every dropped or repaired row beside it.

The options are not in the prompts: it is a free-form task, and the gold is the text of the right option. The original
release also has the unrounded values behind the golds, which the verifier then uses; the hub's files do not. Both
revisions of those are read, and a row whose answer is not the choice marked as right is left out.

Train on the train split only: MathVista and MathVerse contain problems of Geometry3K.
"""
EXAMPLES = f"""\
  # from the hub
  python -m data_prep.geometry3k --input {HUB_ID} --split train --output data

  # from the original release: the repository, its data folder, train.zip or the unpacked folder train/
  python -m data_prep.geometry3k --input ~/InterGPS/data/geometry3k --split train --output data
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = make_parser("data-geometry3k", DESCRIPTION, EXAMPLES)
    kinds = "hub id, snapshot folder, parquet file, or the original release as folder or zip"
    parser.add_argument("--input", default=HUB_ID, metavar="PATH|ID", help=f"{kinds} ({HUB_ID})")
    parser.add_argument("--split", choices=SPLITS, default="train", help="(train)")
    options = parser.parse_args(arguments)
    return execute(options, _job)


def _job(options: argparse.Namespace) -> Job:
    reader = open_geometry(locate(options.input, HUB_PATTERNS), options.split)

    def rules(meter: PromptMeter | None, longest: int) -> Rules:
        return Rules("geometry3k", options.split, geometry_gold, meter, longest)

    return make_job(options, f"geometry3k_{options.split}", reader, rules, LICENCE)


if __name__ == "__main__":
    sys.exit(main())
