# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Anybody's rows to verl's parquet: ``python -m data_prep.own --help``."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from data_prep.errors import InputError
from data_prep.file.command import execute, make_job, make_parser
from data_prep.file.job import Job
from data_prep.file.manifest import Licence
from data_prep.file.report import Dropped
from data_prep.row.convert import Rules
from data_prep.row.examples import Example
from data_prep.row.gold import Gold, clean_gold, infer_geometry_type, known_choice, sole_answer, with_precise_value
from data_prep.row.lengths import PromptMeter
from data_prep.row.options import parse_options
from data_prep.sources.own import FIELDS, OwnReader
from recipe.care.reward import check_sources
from recipe.care.verifier.reading.quantity import quantity_of

DESCRIPTION = f"""\
Convert rows of your own to DIR/NAME_SPLIT.parquet, with a manifest and a report of every dropped or repaired row beside
it. The input is a file of JSON lines, one row each:

  {{"question": "How long is BC?", "answer": "5", "images": ["triangles/1.png"]}}

Fields: {", ".join(FIELDS)}; only question and answer are needed. Images are paths below the file's folder or
below --images. The kind says how the verifier compares an answer with the gold, and becomes the data source KIND/NAME:

  maths   numbers, formulas, equations, sets: whatever is mathematically the same
  choice  the letter of an option; the options come from "options" or are read out of the question
  chart   numbers within 5 percent, other texts as they are
  text    the same words
"""
EXAMPLES = """\
  python -m data_prep.own --kind maths --name mybook --input mybook/rows.jsonl --output data
  python -m data_prep.own --kind choice --name quiz --input quiz.jsonl --images pictures.zip --output data
"""
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")


def maths_gold(example: Example, question: str) -> Gold:
    """A number or a formula, with the number behind it where it is known."""
    del question
    text, remarks = clean_gold(sole_answer(example))
    if text == "None":
        raise Dropped("gold_none", text)
    gold = Gold(text, infer_geometry_type(text), remarks=remarks)
    return with_precise_value(gold, *example.precise_values)


def choice_gold(example: Example, question: str) -> Gold:
    """The letter of an option, or of one among several that nobody could read."""
    text, remarks = clean_gold(sole_answer(example))
    options = example.choices or parse_options(question)
    if options:
        return known_choice(text, options, remarks)
    if not re.fullmatch("[A-Z]", text):
        raise Dropped("gold_not_an_option", f"{text}: no options were given or could be read")
    return Gold(text, "choice", remarks=remarks)


def chart_gold(example: Example, question: str) -> Gold:
    """A number or a text."""
    del question
    text, remarks = clean_gold(sole_answer(example))
    return Gold(text, "number" if quantity_of(text) is not None else "text", remarks=remarks)


def text_gold(example: Example, question: str) -> Gold:
    """Words."""
    del question
    text, remarks = clean_gold(sole_answer(example))
    return Gold(text, "text", remarks=remarks)


KINDS: Mapping[str, Callable[[Example, str], Gold]] = {
    "maths": maths_gold,
    "choice": choice_gold,
    "chart": chart_gold,
    "text": text_gold,
}
"""How a gold is read, by the kind of answer; the verifier knows the same kinds."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = make_parser("data-own", DESCRIPTION, EXAMPLES)
    parser.add_argument("--input", required=True, metavar="JSONL", help="file of JSON lines")
    parser.add_argument("--kind", required=True, choices=KINDS, help="how answers are compared")
    parser.add_argument("--name", required=True, help="what the data is called")
    parser.add_argument("--images", metavar="PATH", help="folder, zip or tar of the images (the folder of the file)")
    parser.add_argument("--split", choices=["train", "val", "test"], default="train", help="(train)")
    parser.add_argument("--licence", default="unknown", metavar="TEXT", help="for the manifest (unknown)")
    options = parser.parse_args(arguments)
    return execute(options, _job)


def _job(options: argparse.Namespace) -> Job:
    if not _NAME.fullmatch(options.name):
        raise InputError(f"--name {options.name}: letters, digits, dots, dashes and underscores only")
    data_source = f"{options.kind}/{options.name}"
    check_sources([data_source])
    images = Path(options.images).expanduser() if options.images else None
    reader = OwnReader(Path(options.input).expanduser(), options.name, images)

    def rules(meter: PromptMeter | None, longest: int) -> Rules:
        return Rules(data_source, options.split, KINDS[options.kind], meter, longest)

    licence = Licence(options.licence, "as the command was told")
    return make_job(options, f"{options.name}_{options.split}", reader, rules, licence)


if __name__ == "__main__":
    sys.exit(main())
