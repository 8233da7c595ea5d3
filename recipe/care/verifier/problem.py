# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What a row asks for, and what was decided about one answer to it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from recipe.care.errors import CareDataError

ANSWER_TYPES = ("", "number", "choice", "text", "latex")
"""Values of ``extra_info["answer_type"]``; empty means: read it off the gold."""

_ASKS_FOR_YEAR = re.compile(r"\b(?:years?|when|dates?|decades?|seasons?)\b", re.IGNORECASE)
_ASKS_FOR_RATIO = re.compile(r"\b(?:ratios?|proportions?|scale|odds)\b|比", re.IGNORECASE)
_ASKS_FOR_SEVERAL = re.compile(
    r"\b(?:which|name|list|identify)\s+(?:the\s+)?(?:two|three|four|five|[2-5])\b", re.IGNORECASE
)
_ASKS_FOR_ORDER = re.compile(
    r"\b(?:respectively|orders?|ordered|ascending|descending|rank(?:ed|ing)?|sequence|first|second|former|latter"
    r"|coordinates?|from\b.+\bto)\b|\b\w+est\b.+\band\b.+\b\w+est\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Problem:
    """The part of a row that decides whether an answer is right. Hashable: half of the cache's key."""

    source: str
    """The family of the row's ``data_source``: a key of ``sources.SOURCES``."""
    gold: str
    """The gold answer as the row has it."""
    answer_type: str = ""
    """One of ``ANSWER_TYPES``."""
    options: tuple[str, ...] = ()
    """Texts of options A, B, C, ...; empty where the row shows none."""
    asks_for_year: bool = False
    """Whether the question mentions a year, a season or a date, or says "when"."""
    asks_for_ratio: bool = False
    """Whether the question mentions a ratio, so that ``10:30`` is no time of day."""
    any_order: bool = False
    """Whether the question says "which two" and nothing of an order, so that a list may be given in any."""
    tolerance: float | None = None
    """Relative tolerance of a number; None leaves it to the source."""
    precise_value: float | None = None
    """The unrounded number behind a rounded gold, where the dataset has it."""


@dataclass(frozen=True)
class Verdict:
    """What a rule decided about one answer."""

    correct: bool
    """Whether the answer is right."""
    rule: str
    """The rule that decided: a key of ``recipe.care.verifier.rules.RULES``."""
    pred: str = ""
    """The answer as the rule read it."""
    verified: bool = True
    """False where the verification itself failed, so that "not correct" says nothing about the answer."""


def read_problem(source: str, ground_truth: object, extra_info: Mapping[str, object] | None) -> Problem:
    """Collect what the rules need from a row.

    Args:
        source: The family of the row's data source.
        ground_truth: ``reward_model.ground_truth`` of the row.
        extra_info: ``extra_info`` of the row, in the schema of the converters; None and absent keys mean unknown.

    Returns:
        The problem.

    Raises:
        CareDataError: A field has a type or value that no converter writes.
    """
    if not isinstance(ground_truth, str):
        raise CareDataError(f"reward_model.ground_truth={ground_truth!r}: must be a string.")
    info = extra_info or {}
    answer_type = info.get("answer_type") or ""
    if answer_type not in ANSWER_TYPES:
        known = ", ".join(repr(name) for name in ANSWER_TYPES)
        raise CareDataError(f"extra_info.answer_type={answer_type!r}: must be one of {known}.")
    question = str(info.get("question") or "")
    return Problem(
        source=source,
        gold=ground_truth,
        answer_type=str(answer_type),
        options=_options(info.get("options")),
        asks_for_year=_ASKS_FOR_YEAR.search(question) is not None,
        asks_for_ratio=_ASKS_FOR_RATIO.search(question) is not None,
        any_order=_ASKS_FOR_SEVERAL.search(question) is not None and _ASKS_FOR_ORDER.search(question) is None,
        tolerance=_known_number(info.get("tolerance"), "tolerance"),
        precise_value=_known_number(info.get("precise_value"), "precise_value"),
    )


def _options(value: object) -> tuple[str, ...]:
    """The options as a tuple; parquet readers hand them over as a list or as a numpy array."""
    if value is None:
        return ()
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        raise CareDataError(f"extra_info.options={value!r}: must be a list of option texts.")
    return tuple(str(option) for option in value)


def _known_number(value: object, key: str) -> float | None:
    """A number of ``extra_info``; the schema writes an unknown one as -1, since parquet columns hold no null there."""
    if value is None:
        return None
    if not isinstance(value, int | float):
        raise CareDataError(f"extra_info.{key}={value!r}: must be a number, or -1 where it is unknown.")
    return None if value == -1 or not math.isfinite(value) else float(value)
