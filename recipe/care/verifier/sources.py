# Copyright 2026 The CARE-verl authors
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""Which rules judge which ``data_source``; an unknown one is an error before training, not at step N."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from recipe.care.errors import CareConfigError
from recipe.care.verifier.problem import Problem, Verdict
from recipe.care.verifier.tiny import judge_tiny

Judge = Callable[[Problem, str], Verdict]


@dataclass(frozen=True)
class Source:
    """A family of data sources that share their rules."""

    name: str
    """As in ``Problem.source``."""
    judge: Judge
    """Decides about one answer; a pure function of its two arguments."""


SOURCES = {
    source.name: source
    for source in (
        Source("chartqa", judge_tiny),
        Source("geometry3k", judge_tiny),
        Source("virl39k", judge_tiny),
        Source("tiny", judge_tiny),
    )
}
KNOWN = (*(name for name in SOURCES if name != "tiny"), "tiny_*")


def find_source(data_source: str) -> Source:
    """Find the rules for a ``data_source``.

    Args:
        data_source: As in the row: a known name, a known name with ``/<category>`` behind it, or ``tiny_<task>``.

    Returns:
        The source.

    Raises:
        CareConfigError: Nothing known judges this source; the text lists what is known.
    """
    family = "tiny" if data_source.startswith("tiny_") else data_source.partition("/")[0]
    if family not in SOURCES or data_source == "tiny":
        close = difflib.get_close_matches(data_source.lower(), [name for name in SOURCES if name != "tiny"], n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise CareConfigError(f"data_source={data_source!r}: no verifier for it; known: {', '.join(KNOWN)}.{hint}")
    return SOURCES[family]


def check_sources(data_sources: Iterable[str]) -> None:
    """Make sure that every data source can be verified; call it before training starts.

    Args:
        data_sources: The distinct ``data_source`` values of the training and validation files.

    Raises:
        CareConfigError: A source is unknown.
    """
    for data_source in data_sources:
        find_source(data_source)
