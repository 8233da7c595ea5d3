# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Geometry3K: the hub's parquet in both revisions, and the original release's problem folders, zipped or not."""

from __future__ import annotations

import argparse
import re
import string
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_prep.errors import InputError
from data_prep.file.manifest import Licence
from data_prep.file.report import Dropped
from data_prep.row.characters import writable
from data_prep.row.examples import Example, Reader, SourceImage, unreadable
from data_prep.row.gold import Gold, clean_gold, infer_geometry_type, sole_answer, with_precise_value
from data_prep.row.schema import IMAGE, UNKNOWN
from data_prep.sources.files import Files, open_files
from data_prep.sources.locate import shards
from data_prep.sources.source import RLSource
from data_prep.sources.strict_json import parse
from data_prep.sources.tables import Columns, Table, images_in, text_in, texts_in

SPLITS = ("train", "validation", "test")
COLUMNS = Columns(
    required={"images": "images", "problem": "text", "answer": "text"},
    optional={"id": "integer", "choices": "texts", "ground_truth": "text"},
)
_ORIGINAL_NAMES = {"train": "train", "validation": "val", "test": "test"}
_PROBLEM = re.compile(r"(?:(.*)/)?([0-9]+)/data\.json")


@dataclass(frozen=True)
class _Problem:
    """What is needed of a problem's ``data.json``."""

    text: str
    choices: tuple[str, ...]
    letter: str
    precise_values: tuple[float, ...]
    """The choices as unrounded numbers; empty where they are not one number for each."""
    goal: str

    @classmethod
    def read(cls, content: bytes) -> _Problem:
        """Read a ``data.json``.

        Raises:
            ValueError: It is no JSON, or none of Geometry3K.
        """
        data = parse(content)
        if not isinstance(data, dict):
            raise ValueError("no object")
        kinds = {"annotat_text": str, "choices": list, "answer": str, "precise_value": list}
        wrong = [key for key, kind in kinds.items() if not isinstance(data.get(key), kind)]
        if wrong:
            raise ValueError(f"without a proper {', '.join(wrong)}")
        choices, values = tuple(map(writable, data["choices"])), data["precise_value"]
        are_numbers = len(values) == len(choices) and all(map(_is_number, values))
        goals = data.get("problem_type_goal")
        return cls(
            text=writable(data["annotat_text"]),
            choices=choices,
            letter=writable(data["answer"]),
            precise_values=tuple(map(float, values)) if are_numbers else (),
            goal=writable(goals[0]) if isinstance(goals, list) and goals else "",
        )

    @property
    def answers(self) -> tuple[str, ...]:
        """The right choice; empty where the letter stands for none."""
        position = string.ascii_uppercase.find(self.letter) if len(self.letter) == 1 else -1
        return self.choices[position : position + 1] if position >= 0 else ()


def _is_number(value: object) -> bool:
    """Whether a value of a JSON file is a number, and one that a float can hold."""
    return isinstance(value, float) or (isinstance(value, int) and abs(value) < 2**1000)


class HubReader:
    """Rows of the hub's parquet; the newer revision also says which choice was right."""

    def __init__(self, paths: Sequence[Path], split: str) -> None:
        self._table = Table(paths, COLUMNS)
        self._split = split
        self.files: Sequence[Path] = self._table.files

    @property
    def total(self) -> int:
        """Rows of the files."""
        return self._table.total

    def read(self, start: int) -> Iterator[Example]:
        """Read the rows from ``start`` on."""
        for index, record in self._table.records(start):
            number = record.get("id")
            yield Example(
                index=index,
                qid=f"geometry3k-{self._split}-{index}" if number is None else f"geometry3k-{number}",
                question=text_in(record, "problem"),
                answers=(text_in(record, "answer"),),
                images=images_in(record, "images"),
                source="geometry3k",
                choices=texts_in(record, "choices"),
                right_choice=text_in(record, "ground_truth"),
            )


class OriginalReader:
    """Problem folders of the original release, by number; they have the unrounded values."""

    def __init__(self, files: Files, split: str) -> None:
        self._files = files
        self._names = _problems(files, _ORIGINAL_NAMES[split])
        if not self._names:
            raise InputError(f"{files.path}: no folders <number>/data.json of the split {split!r} in it")
        self.files: Sequence[Path] = (files.path,)

    @property
    def total(self) -> int:
        """Number of problems."""
        return len(self._names)

    def read(self, start: int) -> Iterator[Example]:
        """Read the problems from ``start`` on."""
        for index, name in enumerate(self._names[start:], start=start):
            qid = f"geometry3k-{name.split('/')[-2]}"
            try:
                problem = _Problem.read(self._files.read(name) or b"")
            except ValueError as error:
                yield unreadable(index, qid, f"{name} cannot be used ({error})")
                continue
            picture = name.replace("data.json", "img_diagram.png")
            yield Example(
                index=index,
                qid=qid,
                question=IMAGE + problem.text,
                answers=problem.answers,
                images=(SourceImage(picture, self._files.read(picture)),),
                source="geometry3k",
                category=problem.goal,
                choices=problem.choices,
                right_choice=problem.letter,
                precise_values=problem.precise_values,
            )


def _problems(files: Files, split: str) -> list[str]:
    """Names of the ``data.json`` of a split, by number; folders named after other splits are left out."""
    others = set(_ORIGINAL_NAMES.values()) - {split}
    found = []
    for name in files.names():
        match = _PROBLEM.fullmatch(name)
        folders = set((match[1] or "").split("/")) if match else set()
        if match and not folders & (others | {"__MACOSX"}):
            found.append((int(match[2]), name))
    return [name for _, name in sorted(found)]


def open_geometry(path: Path, split: str) -> Reader[Example]:
    """Recognise which form of Geometry3K a path is.

    Args:
        path: A parquet file, the hub's snapshot, a zip of the original release, or a folder with its zips or problems.
        split: One of ``SPLITS``.

    Returns:
        The reader.

    Raises:
        InputError: It is none of them.
    """
    if path.suffix == ".parquet":
        return HubReader([path], split)
    if path.is_file():
        return OriginalReader(open_files(path), split)
    parquet = shards(path, split)
    if parquet:
        return HubReader(parquet, split)
    name = _ORIGINAL_NAMES[split]
    for folder in (path, path / "data" / "geometry3k"):
        for candidate in (folder / name, folder / f"{name}.zip"):
            if candidate.exists():
                return OriginalReader(open_files(candidate), split)
    return OriginalReader(open_files(path), split)


def geometry_gold(example: Example, question: str) -> Gold:
    """The gold of a Geometry3K row: the text of the right choice, with the number behind it where it is known."""
    del question
    raw = sole_answer(example)
    text, remarks = clean_gold(raw)
    if text == "None":
        raise Dropped("gold_none", text)
    value = UNKNOWN
    if example.right_choice:
        position = string.ascii_uppercase.find(example.right_choice)
        marked = example.choices[position] if 0 <= position < len(example.choices) else ""
        if "".join(marked.split()) != "".join(raw.split()):
            raise Dropped("gold_differs_from_choice", f"{raw} against {example.right_choice}: {marked}")
        value = example.precise_values[position] if example.precise_values else UNKNOWN
    return with_precise_value(Gold(text, infer_geometry_type(text), remarks=remarks), value)


DESCRIPTION = """\
Convert Geometry3K (2,101 training, 300 validation, 601 test rows) to DIR/geometry3k_<split>.parquet, with a manifest
and a report of every dropped or repaired row beside it.

The options are not in the prompts: it is a free-form task, and the gold is the text of the right option. The original
release also has the unrounded values behind the golds, which the verifier then uses; the hub's files do not. Both
revisions of those are read, and a row whose answer is not the choice marked as right is left out.

Train on the train split only: MathVista and MathVerse contain problems of Geometry3K.
"""
EXAMPLES = """\
  # from the hub
  care data-geometry3k --input hiyouga/geometry3k --split train --output data

  # from the original release: the repository, its data folder, train.zip or the unpacked folder train/
  care data-geometry3k --input ~/InterGPS/data/geometry3k --split train --output data
"""


def _reader(path: Path, options: argparse.Namespace) -> Reader[Example]:
    return open_geometry(path, options.split)


SOURCE = RLSource(
    name="geometry3k",
    command="data-geometry3k",
    hub_id="hiyouga/geometry3k",
    hub_files=("data/*.parquet",),
    licence=Licence("MIT", "hub card and original release (lupantech/InterGPS) alike"),
    splits=SPLITS,
    reader=_reader,
    gold=geometry_gold,
    input_help="hub id, snapshot folder, parquet file, or the original release as folder or zip",
    description=DESCRIPTION,
    examples=EXAMPLES,
)


if __name__ == "__main__":
    sys.exit(SOURCE.main())
