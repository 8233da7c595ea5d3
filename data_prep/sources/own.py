# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Anybody's rows: JSON lines, with the images beside them or in a zip or tar."""

from __future__ import annotations

import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_prep.errors import InputError
from data_prep.row.examples import Example, SourceImage, unreadable
from data_prep.row.options import parse_options
from data_prep.row.schema import UNKNOWN
from data_prep.sources.characters import writable
from data_prep.sources.files import Files, open_files
from data_prep.sources.strict_json import parse

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
