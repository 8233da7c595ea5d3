# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Which rules judge which ``data_source``; an unknown one is an error before training, not at step N."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from recipe.care.errors import CareConfigError
from recipe.care.verifier.kinds import tiny, virl
from recipe.care.verifier.kinds.charts import judge_chart
from recipe.care.verifier.kinds.choice import judge_choice
from recipe.care.verifier.kinds.maths import judge_maths
from recipe.care.verifier.kinds.numbers import NumberPolicy
from recipe.care.verifier.kinds.text import judge_text
from recipe.care.verifier.parser.pool import require_parser
from recipe.care.verifier.problem import Problem, Verdict

Judge = Callable[[Problem, str], Verdict]


@dataclass(frozen=True)
class Source:
    """A family of data sources that share their rules."""

    name: str
    """As in ``Problem.source``."""
    answer_type: Callable[[Problem], str]
    """Names the kind of answer a row asks for."""
    judges: Mapping[str, Judge]
    """What decides about an answer of each kind; pure functions."""
    needs_parser: bool
    """Whether some answers may reach math-verify."""


def _judge_geometry(problem: Problem, body: str) -> Verdict:
    policy = NumberPolicy(rounds_golds=True, tolerance=problem.tolerance, precise_value=problem.precise_value)
    return judge_maths(problem, body, policy)


def _judge_virl(problem: Problem, body: str) -> Verdict:
    return judge_maths(problem, body, NumberPolicy(tolerance=problem.tolerance))


def _judge_own_maths(problem: Problem, body: str) -> Verdict:
    policy = NumberPolicy(tolerance=problem.tolerance, precise_value=problem.precise_value)
    return judge_maths(problem, body, policy)


def _of_one_kind(name: str, answer_type: str, judge: Judge, *, needs_parser: bool = False) -> Source:
    return Source(name, lambda problem: answer_type, {answer_type: judge}, needs_parser)


DATASETS = (
    _of_one_kind("chartqa", "chart", judge_chart),
    # The options of Geometry3K are not in its prompts, so there is nothing a letter could stand for.
    _of_one_kind("geometry3k", "latex", _judge_geometry, needs_parser=True),
    Source(
        "virl39k",
        virl.answer_type,
        {"choice": judge_choice, "text": judge_text, "number": _judge_virl, "latex": _judge_virl},
        needs_parser=True,
    ),
)
KINDS = (
    _of_one_kind("maths", "latex", _judge_own_maths, needs_parser=True),
    _of_one_kind("choice", "choice", judge_choice),
    _of_one_kind("chart", "chart", judge_chart),
    _of_one_kind("text", "text", judge_text),
)
"""For anybody's rows: the kind of answer, and behind a slash whatever the data is called."""
TINY = Source(
    "tiny",
    tiny.answer_type,
    {"choice": judge_choice, "text": judge_text, "number": tiny.judge_plain_number},
    needs_parser=False,
)
SOURCES: dict[str, Source] = {source.name: source for source in (*DATASETS, *KINDS, TINY)}
KNOWN = (*(source.name for source in DATASETS), "tiny_<task>", *(f"{source.name}/<name>" for source in KINDS))


@functools.cache
def find_source(data_source: str) -> Source:
    """Find the rules for a ``data_source``.

    Args:
        data_source: As in the row: a dataset or a kind of answer, either with ``/<anything>`` behind it, or
            ``tiny_<task>``.

    Returns:
        The source.

    Raises:
        CareConfigError: Nothing known judges this source (the text lists what is known), or math-verify is missing.
    """
    family = "tiny" if data_source.startswith("tiny_") else data_source.partition("/")[0]
    if family not in SOURCES or data_source == "tiny":
        close = difflib.get_close_matches(family.lower(), [name for name in SOURCES if name != "tiny"], n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise CareConfigError(f"data_source={data_source!r}: no verifier for it; known: {', '.join(KNOWN)}.{hint}")
    if SOURCES[family].needs_parser:
        require_parser()
    return SOURCES[family]


def check_sources(data_sources: Iterable[str]) -> None:
    """Make sure that every data source can be verified; call it before training starts.

    Args:
        data_sources: The distinct ``data_source`` values of the training and validation files.

    Raises:
        CareConfigError: A source is unknown, or needs a package that is not installed.
    """
    for data_source in data_sources:
        find_source(data_source)
