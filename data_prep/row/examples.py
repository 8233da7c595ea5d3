# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What the readers hand over: one row of a dataset as it is, before anything has been judged or changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from data_prep.row.schema import UNKNOWN


@dataclass(frozen=True)
class SourceImage:
    """An image as the dataset has it."""

    name: str
    content: bytes | None = field(repr=False)
    """The file's bytes; None where the row names a file that is not there."""


@dataclass(frozen=True)
class Example:
    """A row of a dataset."""

    index: int
    """Position in the input, counted from 0."""
    qid: str
    question: str
    answers: tuple[str, ...]
    """The golds as the dataset has them: one, if all is well."""
    images: tuple[SourceImage, ...]
    source: str = ""
    category: str = ""
    choices: tuple[str, ...] = ()
    """Answers to choose from that the question does not show."""
    right_choice: str = ""
    """The letter of the right one, where the dataset says it."""
    precise_values: tuple[float, ...] = ()
    """The choices as unrounded numbers."""
    defect: str = ""
    """Why the record cannot be read; the other fields say nothing then."""
    pass_rate_7b: float = UNKNOWN
    pass_rate_32b: float = UNKNOWN

    @property
    def read(self) -> int:
        """Rows of the input up to its end, itself included."""
        return self.index + 1


def unreadable(index: int, qid: str, defect: str) -> Example:
    """Stands for a record that is not what its dataset promises."""
    return Example(index, qid, "", (), (), defect=defect)


@dataclass(frozen=True)
class Turn:
    """One message."""

    role: str
    """``user``, ``assistant``, ``system``, or what the file says if it is none of the known names."""
    text: str


@dataclass(frozen=True)
class Conversation:
    """A row of a dataset that shows how to answer."""

    index: int
    """Position in the input, counted from 0 through all files."""
    qid: str
    origin: str
    """``llava_cot``, ``mulberry``, or the file's name."""
    turns: tuple[Turn, ...]
    images: tuple[str, ...]
    """Paths as the file has them."""
    read: int
    """Characters of the files up to its end."""
    defect: str = ""
    """Why the record cannot be read; turns and images are empty then."""


class Given(Protocol):
    """A row of a dataset, as far as its place in the input goes."""

    @property
    def index(self) -> int:
        """Position in the input, counted from 0."""

    @property
    def read(self) -> int:
        """How much of the reader's ``total`` is behind whoever has read it."""


Read = TypeVar("Read", bound=Given)
ReadAs = TypeVar("ReadAs", bound=Given, covariant=True)


class Reader(Protocol[ReadAs]):
    """A dataset that can be read from any row on."""

    @property
    def files(self) -> Sequence[Path]:
        """The files and folders everything is read from."""

    @property
    def total(self) -> int:
        """How many rows there are, or how many bytes where only reading everything would tell the rows."""

    def read(self, start: int) -> Iterator[ReadAs]:
        """Read the rows from position ``start`` on; the images of earlier ones are not opened."""
