# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""ViRL39K to verl's parquet: ``python -m data_prep.virl39k --help``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from data_prep.errors import InputError
from data_prep.file.command import execute, make_job, make_parser
from data_prep.file.job import Job
from data_prep.file.manifest import Licence
from data_prep.row.convert import Rules
from data_prep.row.gold import virl_gold
from data_prep.row.lengths import PromptMeter
from data_prep.sources.locate import locate
from data_prep.sources.virl39k import HUB_PATTERNS, open_virl

HUB_ID = "TIGER-Lab/ViRL39K"
LICENCE = Licence("MIT", "as its card says; it was put together from other datasets, which have terms of their own")
DESCRIPTION = """\
Convert ViRL39K (38,870 rows) to DIR/virl39k_train.parquet, with a manifest and a report of every dropped or repaired
row beside it.

Golds lose their \\boxed{}; options are read out of the questions, and the gold becomes the letter of one. Left out are
rows whose gold is empty, "None", unbalanced, unreadable for the verifier or none of the options, and rows whose image
is missing, damaged or of an impossible shape. Pass rates are kept and nothing is filtered by them.

The images are read out of the zip one by one; about 400 MiB of memory are enough. The output is as large as the
images, and twice that is needed on the disk while it is made.
"""
EXAMPLES = f"""\
  # from the hub, prompts measured for the model to train
  python -m data_prep.virl39k --input {HUB_ID} --output data --model Qwen/Qwen2.5-VL-7B-Instruct

  # from a folder with 39Krelease.parquet and images.zip (or images/), without the rows that hardly need a picture
  python -m data_prep.virl39k --input ~/ViRL39K --output data --exclude-source DeepScaleR --text-only drop
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = make_parser("data-virl39k", DESCRIPTION, EXAMPLES)
    parser.add_argument("--input", default=HUB_ID, metavar="PATH|ID", help=f"snapshot folder or hub id ({HUB_ID})")
    parser.add_argument("--images", metavar="PATH", help="images.zip or the unpacked folder, where it lies elsewhere")
    parser.add_argument("--split", choices=["train"], default="train", help="the only one there is")
    parser.add_argument("--text-only", choices=["keep", "drop"], default="keep", help="rows without an image (keep)")
    parser.add_argument("--exclude-source", action="append", default=[], metavar="NAME", help="leave a source out")
    options = parser.parse_args(arguments)
    return execute(options, _job)


def _job(options: argparse.Namespace) -> Job:
    reader = open_virl(locate(options.input, HUB_PATTERNS), Path(options.images) if options.images else None)

    excluded = frozenset(options.exclude_source)
    unknown = sorted(excluded - set(reader.sources())) if excluded else []
    if unknown:
        known = ", ".join(filter(None, reader.sources())) or "none"
        raise InputError(f"--exclude-source {unknown[0]}: no row comes from there; the sources are {known}")

    def rules(meter: PromptMeter | None, longest: int) -> Rules:
        return Rules("virl39k", options.split, virl_gold, meter, longest, options.text_only == "drop", excluded)

    return make_job(options, "virl39k_train", reader, rules, LICENCE)


if __name__ == "__main__":
    sys.exit(main())
