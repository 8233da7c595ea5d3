# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Where the training signal of a run came from, read off what it wrote of its rollouts.

CARE records what it gave every row; for the methods that share GRPO's advantage (DAPO and GSPO do) it is computed from
the scores here: ``(score - mean) / (deviation + 1e-6)`` over a prompt's rollouts.
"""

from __future__ import annotations

import json
import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from recipe.replay.records import read_record

CORRECT = 0.5
"""Scores above this are correct: the answer weighs 0.9, the format 0.1."""
GRPO_EPS = 1e-6
RECORDS, ROLLOUTS = "records", "rollouts"
"""Folders of a run: CARE's records, and verl's dump."""


@dataclass(frozen=True)
class Row:
    """A rollout of one step."""

    group: str
    correct: bool
    advantage: float
    role: str
    """CARE's, empty for other methods."""
    k_prime: int
    """Size of its group's subgroup, 0 without one."""


@dataclass(frozen=True)
class Signal:
    """Shares of one step."""

    failure_mass: float
    """Share of the summed ``|advantage|`` that lies on wrong rollouts."""
    zero_signal: float
    """Share of the groups whose rollouts all have advantage 0."""


@dataclass(frozen=True)
class RawAdvantages:
    """Mean ``A_raw`` of subgroups of one size, to hold against sqrt(K') and -1/sqrt(K')."""

    k_prime: int
    subgroups: int
    anchor: float
    negative: float


def read_rows(folder: Path, step: int) -> list[Row]:
    """The rows of a step, from CARE's records if there are some, else from verl's dump.

    Args:
        folder: The run's, with ``records`` or ``rollouts`` in it.
        step: Which step.
    """
    records = folder / RECORDS / f"{step}.jsonl"
    if records.exists():
        return [
            Row(one.group, (one.acc or 0.0) > CORRECT, one.advantage, one.role, one.k_prime)
            for one in map(read_record, _lines(records))
        ]
    scores = defaultdict(list)
    for one in _lines(folder / ROLLOUTS / f"{step}.jsonl"):
        # verl's key of a row is the prompt's id, the rollout's number and the turn's.
        scores[one["uid"].rsplit("_", 2)[0]].append(one["score"])
    return [
        Row(group, score > CORRECT, advantage, "", 0)
        for group, values in scores.items()
        for score, advantage in zip(values, grpo_advantages(values), strict=True)
    ]


def grpo_advantages(scores: Sequence[float]) -> list[float]:
    """GRPO's advantages of one group, as verl computes them."""
    if len(scores) == 1:
        return [0.0]
    mean, deviation = statistics.fmean(scores), statistics.stdev(scores)
    return [(score - mean) / (deviation + GRPO_EPS) for score in scores]


def signal_of(rows: Sequence[Row]) -> Signal:
    """The shares of a step."""
    total = sum(abs(row.advantage) for row in rows)
    failed = sum(abs(row.advantage) for row in rows if not row.correct)
    live: dict[str, float] = defaultdict(float)
    for row in rows:
        live[row.group] += abs(row.advantage)
    silent = sum(mass == 0 for mass in live.values())
    return Signal(failed / total if total else 0.0, silent / len(live) if live else 0.0)


def raw_advantages(rows: Iterable[Row], *, k: int | None, neg_scale: float) -> list[RawAdvantages]:
    """What the anchors and the hard negatives of real groups got, by K'.

    Equalisation and negative scaling are divided out again. Subgroups with repairs or several anchors are left out:
    the formula is for one positive.

    Args:
        rows: CARE's rows, of any number of steps; a group's name is its own among them.
        k: ``algorithm.care.k``, or None where ``algorithm.care.equalize`` is off.
        neg_scale: ``algorithm.care.neg_scale``.
    """
    groups = defaultdict(list)
    for row in rows:
        groups[row.group].append(row)
    anchors, negatives = defaultdict(list), defaultdict(list)
    for members in groups.values():
        roles = [row.role for row in members]
        if roles.count("anchor") != 1 or any(role.startswith("repaired") for role in roles):
            continue
        for row in members:
            equaliser = math.sqrt(k / row.k_prime) if k and row.k_prime else 1.0
            if row.role == "anchor":
                anchors[row.k_prime].append(row.advantage / equaliser)
            elif row.role == "hard_negative":
                negatives[row.k_prime].append(row.advantage / (neg_scale * equaliser))
    return [
        RawAdvantages(size, len(anchors[size]), statistics.fmean(anchors[size]), statistics.fmean(negatives[size]))
        for size in sorted(anchors)
    ]


def _lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]
