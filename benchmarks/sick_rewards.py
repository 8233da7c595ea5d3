# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Verifiers that are wrong on purpose, for ``bench_alarms.py``: each is the recipe's own with one fault."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

from recipe.care.reward import Score
from recipe.care.reward import compute_score as sound

LONG = 200
"""Characters at which ``length`` pays in full; a response of the demo has about 50."""


def _share_of(*texts: str) -> float:
    """A number from 0 to 1 that is the same for the same texts in every process."""
    return zlib.crc32("\n".join(texts).encode()) / 2**32


def times_out(
    data_source: str, solution_str: str, ground_truth: str, extra_info: Mapping[str, object] | None = None
) -> Score:
    """Three verifications in ten fail, as one that runs into its time limit does."""
    score = sound(data_source, solution_str, ground_truth, extra_info)
    if _share_of(solution_str, ground_truth) >= 0.3:
        return score
    return Score(score=0.0, acc=0.0, format=score["format"], verified=0.0, rule="timeout", pred="")


def format_only(
    data_source: str, solution_str: str, ground_truth: str, extra_info: Mapping[str, object] | None = None
) -> Score:
    """Whatever stands in the tags is right."""
    score = sound(data_source, solution_str, ground_truth, extra_info)
    return Score(**{**score, "score": score["format"], "acc": score["format"]})  # type: ignore[typeddict-item]


def false_positives(
    data_source: str, solution_str: str, ground_truth: str, extra_info: Mapping[str, object] | None = None
) -> Score:
    """Every fifth wrong response passes."""
    score = sound(data_source, solution_str, ground_truth, extra_info)
    if score["acc"] or _share_of(solution_str, ground_truth) >= 0.2:
        return score
    return Score(**{**score, "score": score["score"] + 0.9, "acc": 1.0})  # type: ignore[typeddict-item]


def length(
    data_source: str, solution_str: str, ground_truth: str, extra_info: Mapping[str, object] | None = None
) -> Score:
    """Most of the score is for a long response; the verdict stays true."""
    score = sound(data_source, solution_str, ground_truth, extra_info)
    paid = 0.2 * score["score"] + 0.8 * min(1.0, len(solution_str) / LONG)
    return Score(**{**score, "score": paid})  # type: ignore[typeddict-item]
