# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Anybody's rows: JSON lines, with the images beside them or in a zip or tar."""

from __future__ import annotations

import argparse
import dataclasses
import re
import string
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_prep.errors import InputError
from data_prep.file.manifest import Licence
from data_prep.file.report import Dropped
from data_prep.row.characters import writable
from data_prep.row.examples import Example, SourceImage, unreadable
from data_prep.row.gold import Gold, clean_gold, infer_geometry_type, known_choice, sole_answer, with_precise_value
from data_prep.row.options import parse_options
from data_prep.row.schema import UNKNOWN
from data_prep.sources.files import Files, open_files
from data_prep.sources.source import RLSource
from data_prep.sources.strict_json import parse
from recipe.care.verifier.reading.quantity import quantity_of

FIELDS: dict[str, tuple[type, ...]] = {
    "question": (str,),
    "answer": (str, int, float),
    "images": (str, list),
    "options": (list,),
    "id": (str, int),
    "source": (str,),
    "category": (str,),
    "precise_value": (int, float),
}
"""What a row may have, and the types of it; question and answer it must have."""
_REQUIRED = ("question", "answer")
_MOST = len(string.ascii_uppercase)
"""Images or options of a row."""
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")


class OwnReader:
    """Rows of a file of JSON lines; empty lines do not count."""

    def __init__(self, path: Path, name: str, images: Path | None) -> None:
        """Open the file.

        Args:
            path: The JSON lines.
            name: What the data is called, for rows without an id.
            images: Folder, zip or tar of the images; None for the folder of the file.

        Raises:
            InputError: There is no such file, or no line in it is a row.
        """
        if not path.is_file():
            raise InputError(f"--input {path}: there is no such file; give a file of JSON lines")
        if images is not None and not images.exists():
            raise InputError(f"--images {images}: there is no such file or folder")
        self._path, self._name = path, name
        self._images: Files = open_files(images or path.parent)
        self.files: Sequence[Path] = (path, images) if images else (path,)
        self._total = 0
        is_ours = False
        for line in self._lines():
            self._total += 1
            is_ours = is_ours or not _read(line).defect
        if not is_ours:
            raise InputError(
                f"--input {path}: no line of it is a JSON object with {' and '.join(_REQUIRED)}; each row is one line"
            )

    @property
    def total(self) -> int:
        """Number of rows."""
        return self._total

    def read(self, start: int) -> Iterator[Example]:
        """Read the rows from ``start`` on."""
        for index, line in enumerate(self._lines()):
            if index >= start:
                yield self._example(index, _read(line))

    def _lines(self) -> Iterator[bytes]:
        with self._path.open("rb") as file:
            yield from (line for line in file if line.strip())

    def _example(self, index: int, row: _Row) -> Example:
        qid = f"{self._name}-{row.id or index}"
        if row.defect:
            return unreadable(index, qid, row.defect)
        return Example(
            index=index,
            qid=qid,
            question=with_options(row.question, row.options),
            answers=(row.answer,),
            images=tuple(SourceImage(name, self._images.read(name)) for name in row.images),
            source=row.source or self._name,
            category=row.category,
            choices=row.options,
            precise_values=() if row.precise_value == UNKNOWN else (row.precise_value,),
        )


@dataclass(frozen=True)
class _Row:
    """What a line says, or why it is no row."""

    question: str = ""
    answer: str = ""
    images: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    id: str = ""
    source: str = ""
    category: str = ""
    precise_value: float = UNKNOWN
    defect: str = ""


def _read(line: bytes) -> _Row:
    try:
        values = parse(line)
    except ValueError as error:
        return _Row(defect=str(error)[:100])
    if not isinstance(values, dict):
        return _Row(defect="no JSON object")
    given = {key: value for key, value in values.items() if value is not None}
    unknown = [key for key in given if key not in FIELDS]
    if unknown:
        return _Row(defect=f"unknown field {writable(unknown[0])[:40]}; known are {', '.join(FIELDS)}")
    wrong = [key for key in _REQUIRED if key not in given]
    wrong += [key for key, value in given.items() if not isinstance(value, FIELDS[key]) or isinstance(value, bool)]
    for key in ("images", "options"):
        items = given.get(key)
        if isinstance(items, list) and not (all(isinstance(item, str) for item in items) and len(items) <= _MOST):
            wrong.append(key)
    if wrong:
        return _Row(defect=f"without a proper {', '.join(dict.fromkeys(wrong))}")
    return _Row(
        question=writable(given["question"]),
        answer=writable(given["answer"]),
        images=_texts(given.get("images", [])),
        options=_texts(given.get("options", [])),
        id=writable(given.get("id", "")),
        source=writable(given.get("source", "")),
        category=writable(given.get("category", "")),
        precise_value=float(given.get("precise_value", UNKNOWN)),
    )


def _texts(value: str | list[str]) -> tuple[str, ...]:
    return (writable(value),) if isinstance(value, str) else tuple(map(writable, value))


def with_options(question: str, options: Sequence[str]) -> str:
    """The question with its options, unless it shows them itself."""
    if not options or parse_options(question) == tuple(options):
        return question
    lines = [f"({letter}) {option}" for letter, option in zip(string.ascii_uppercase, options, strict=False)]
    return "\n".join([question, "Choices:", *lines])


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
  care data-own --kind maths --name mybook --input mybook/rows.jsonl --output data
  care data-own --kind choice --name quiz --input quiz.jsonl --images pictures.zip --output data
"""


def _options(parser: argparse.ArgumentParser, source: RLSource) -> None:
    add = parser.add_argument
    add("--input", required=True, metavar="JSONL", help="file of JSON lines")
    add("--kind", required=True, choices=KINDS, help="how answers are compared")
    add("--name", required=True, help="what the data is called")
    add("--images", metavar="PATH", help="folder, zip or tar of the images (the folder of the file)")
    add("--split", choices=source.splits, default=source.splits[0], help="(train)")
    add("--licence", default=source.licence.name, metavar="TEXT", help=f"for the manifest ({source.licence.name})")


def _chosen(source: RLSource, options: argparse.Namespace) -> RLSource:
    if not _NAME.fullmatch(options.name):
        raise InputError(f"--name {options.name}: letters, digits, dots, dashes and underscores only")
    return dataclasses.replace(
        source,
        name=options.name,
        data_source=f"{options.kind}/{options.name}",
        gold=KINDS[options.kind],
        licence=Licence(options.licence, source.licence.note),
    )


def _reader(path: Path, options: argparse.Namespace) -> OwnReader:
    return OwnReader(path, options.name, Path(options.images).expanduser() if options.images else None)


SOURCE = RLSource(
    name="own",
    command="data-own",
    licence=Licence("unknown", "as the command was told"),
    splits=("train", "val", "test"),
    reader=_reader,
    gold=maths_gold,  # or that of another kind
    own_options=_options,
    chosen=_chosen,
    description=DESCRIPTION,
    examples=EXAMPLES,
)


if __name__ == "__main__":
    sys.exit(SOURCE.main())
