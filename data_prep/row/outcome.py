# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What became of one row of a dataset, whatever kind of file it goes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from data_prep.file.report import Entry
from data_prep.file.review import Shown


class Sized(Protocol):
    """A row that is kept."""

    @property
    def size(self) -> int:
        """Bytes of its images."""


Kept = TypeVar("Kept", bound=Sized)


@dataclass(frozen=True)
class Outcome(Generic[Kept]):
    """What became of a row."""

    index: int
    """Position in the input."""
    row: Kept | None
    """None where it was dropped."""
    entries: tuple[Entry, ...]
    """What was done to it."""
    shown: Shown
    """What can be shown of it."""
