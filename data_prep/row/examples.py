# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What the readers hand over: one row of a dataset as it is, before anything has been judged or changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

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


def unreadable(index: int, qid: str, defect: str) -> Example:
    """Stands for a record that is not what its dataset promises."""
    return Example(index, qid, "", (), (), defect=defect)


class Reader(Protocol):
    """A dataset that can be read from any row on."""

    @property
    def files(self) -> Sequence[Path]:
        """The files and folders everything is read from."""

    @property
    def total(self) -> int:
        """How many rows there are."""

    def read(self, start: int) -> Iterator[Example]:
        """Read the rows from position ``start`` on; the images of earlier ones are not opened."""
