# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""ChartQA: the hub's parquet, and the original release with its JSON files and PNG folders, zipped or not."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_prep.errors import InputError
from data_prep.file.manifest import Licence
from data_prep.file.report import Dropped, Remark
from data_prep.row.artefacts import is_date_as_number, is_ratio_as_time, may_be_ratio_as_time
from data_prep.row.characters import writable
from data_prep.row.examples import Example, Reader, SourceImage, unreadable
from data_prep.row.gold import Gold, clean_gold, sole_answer
from data_prep.row.schema import IMAGE
from data_prep.sources.files import Files, open_files
from data_prep.sources.locate import shards
from data_prep.sources.source import RLSource, add_input_and_split
from data_prep.sources.strict_json import parse
from data_prep.sources.tables import Columns, Table, images_in, text_in, texts_in
from recipe.care.verifier.reading.quantity import quantity_of

SPLITS = ("train", "val", "test")
HALVES = ("human", "machine")
COLUMNS = Columns(
    required={"image": "image", "query": "text", "label": "text or texts", "human_or_machine": "integer"},
    optional={},
)
_JSON_NAMES = {"human": "human", "machine": "augmented"}


class HubReader:
    """Rows of the hub's parquet that belong to the wanted halves."""

    def __init__(self, paths: Sequence[Path], split: str, halves: Sequence[str]) -> None:
        self._table = Table(paths, COLUMNS)
        self._split = split
        self._halves = halves
        self.files: Sequence[Path] = self._table.files

    @property
    def total(self) -> int:
        """Rows of the files, both halves."""
        return self._table.total

    def read(self, start: int) -> Iterator[Example]:
        """Read the rows of the wanted halves from ``start`` on."""
        for index, record in self._table.records(start):
            number, qid = record["human_or_machine"], f"chartqa-{self._split}-{index}"
            if number not in (0, 1):
                yield unreadable(index, qid, f"human_or_machine is {number}, not 0 or 1")
                continue
            half = HALVES[number == 1]
            if half in self._halves:
                yield Example(
                    index=index,
                    qid=qid,
                    question=IMAGE + text_in(record, "query"),
                    answers=texts_in(record, "label"),
                    images=images_in(record, "image"),
                    source=half,
                )


_KEYS = ("imgname", "label", "query")


@dataclass(frozen=True)
class _Question:
    """An entry of the original release's JSON."""

    picture: str
    query: str
    labels: tuple[str, ...]
    defect: str = ""
    """Why it cannot be read."""

    @classmethod
    def read_all(cls, content: bytes) -> list[_Question]:
        """Read a file of them.

        Raises:
            ValueError: It is no JSON, or none of ChartQA.
        """
        entries = parse(content)
        questions = [cls._read(entry) for entry in entries] if isinstance(entries, list) else []
        if not isinstance(entries, list) or (questions and all(question.defect for question in questions)):
            raise ValueError(f"no list of objects with {', '.join(_KEYS)}")
        return questions

    @classmethod
    def _read(cls, entry: object) -> _Question:
        if not isinstance(entry, dict):
            return cls("", "", (), f"{writable(entry)[:40]} is no object")
        labels = entry.get("label")
        labels = labels if isinstance(labels, list) else [labels]
        wrong = [key for key in ("imgname", "query") if not isinstance(entry.get(key), str)]
        wrong += [] if all(isinstance(label, str | int | float) for label in labels) else ["label"]
        if wrong:
            return cls("", "", (), f"without a proper {', '.join(wrong)}")
        return cls(writable(entry["imgname"]), writable(entry["query"]), tuple(map(writable, labels)))


class OriginalReader:
    """Questions of the original release: those by humans first, then those by machine."""

    def __init__(self, files: Files, split: str, halves: Sequence[str]) -> None:
        self._files = files
        self._split = split
        self._halves = halves
        names = files.names()
        self._lists = {half: self._questions(names, half) for half in HALVES}
        self.files: Sequence[Path] = (files.path,)

    @property
    def total(self) -> int:
        """Questions of the split, both halves."""
        return sum(len(questions) for _, questions in self._lists.values())

    def read(self, start: int) -> Iterator[Example]:
        """Read the questions of the wanted halves from ``start`` on."""
        index = 0
        for half, (folder, questions) in self._lists.items():
            for number, question in enumerate(questions):
                if index >= start and half in self._halves:
                    yield self._example(index, f"{half}-{number}", folder, question)
                index += 1

    def _example(self, index: int, name: str, folder: str, question: _Question) -> Example:
        qid = f"chartqa-{self._split}-{name}"
        if question.defect:
            return unreadable(index, qid, question.defect)
        return Example(
            index=index,
            qid=qid,
            question=IMAGE + question.query,
            answers=question.labels,
            images=(SourceImage(question.picture, self._files.read(f"{folder}png/{question.picture}")),),
            source=name.split("-")[0],
        )

    def _questions(self, names: Sequence[str], half: str) -> tuple[str, list[_Question]]:
        """The questions of one half, and the folder their images are in."""
        wanted = f"{self._split}/{self._split}_{_JSON_NAMES[half]}.json"
        found = [name for name in names if name == wanted or name.endswith(f"/{wanted}")]
        found = [name for name in found if not name.startswith("__MACOSX")]
        if len(found) != 1:
            raise InputError(f"{self._files.path}: {wanted} is there {len(found)} times, not once")
        try:
            questions = _Question.read_all(self._files.read(found[0]) or b"")
        except ValueError as error:
            raise InputError(f"{self._files.path}: {found[0]} cannot be used ({error}); download it again") from error
        return found[0].removesuffix(wanted.split("/")[1]), questions


def open_chartqa(path: Path, split: str, halves: Sequence[str]) -> Reader[Example]:
    """Recognise which form of ChartQA a path is.

    Args:
        path: A parquet file, the hub's snapshot, the original release's zip, or the folder it unpacks to.
        split: One of ``SPLITS``.
        halves: Which of ``HALVES`` to read.

    Returns:
        The reader.

    Raises:
        InputError: It is none of them.
    """
    if path.suffix == ".parquet":
        return HubReader([path], split, halves)
    parquet = shards(path, split) if path.is_dir() else []
    return HubReader(parquet, split, halves) if parquet else OriginalReader(open_files(path), split, halves)


def chart_gold(example: Example, question: str) -> Gold:
    """The gold of a ChartQA row, unless a spreadsheet has made something else of it."""
    text, remarks = clean_gold(sole_answer(example))
    if is_ratio_as_time(text, question):
        raise Dropped("ratio_as_time", f"{text}: {question}")
    if is_date_as_number(text, question):
        raise Dropped("date_as_number", f"{text}: {question}")
    if may_be_ratio_as_time(text, question):
        remarks = (*remarks, Remark("may_be_ratio_as_time", f"{text}: {question}"))
    return Gold(text, "number" if quantity_of(text) is not None else "text", remarks=remarks)


DESCRIPTION = """\
Convert ChartQA to DIR/chartqa_<split>_<half>.parquet, with a manifest and a report of every dropped or repaired row
beside it.

The human half (7,398 training rows) has questions people wrote; the machine half (20,901) has generated ones, some of
which contradict each other about the same chart. The paper's row count only fits the human half, so that is the
default. Left out are labels that a spreadsheet has spoilt: ratios that became times of day (39:14 -> 1.634722222) and
dates that became serial numbers (44362). The data is under GPL-3.0.
"""
EXAMPLES = """\
  # from the hub, questions by humans
  care data-chartqa --input HuggingFaceM4/ChartQA --split train --output data

  # from the original release's zip (or the folder it unpacks to), everything
  care data-chartqa --input ~/chartqa.zip --split train --half both --output data
"""


def _options(parser: argparse.ArgumentParser, source: RLSource) -> None:
    add_input_and_split(parser, source)
    parser.add_argument("--half", choices=[*HALVES, "both"], default="human", help="who wrote the questions (human)")


def _chosen(source: RLSource, options: argparse.Namespace) -> RLSource:
    return dataclasses.replace(source, suffix=options.half)


def _reader(path: Path, options: argparse.Namespace) -> Reader[Example]:
    return open_chartqa(path, options.split, HALVES if options.half == "both" else (options.half,))


SOURCE = RLSource(
    name="chartqa",
    command="data-chartqa",
    hub_id="HuggingFaceM4/ChartQA",
    hub_files=("data/*.parquet",),
    licence=Licence("GPL-3.0", "covers the data: do not put it, or files made from it, into this project's repository"),
    splits=SPLITS,
    reader=_reader,
    gold=chart_gold,
    own_options=_options,
    chosen=_chosen,
    input_help="hub id, snapshot folder, parquet file, or the original release as folder or zip",
    description=DESCRIPTION,
    examples=EXAMPLES,
)


if __name__ == "__main__":
    sys.exit(SOURCE.main())
