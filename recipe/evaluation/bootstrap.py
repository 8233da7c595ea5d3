# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Paired bootstrap: how far the difference of two models on the same questions may be chance."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

DRAWS = 10_000
LEVEL = 0.95


@dataclass(frozen=True)
class Paired:
    """What two models got on the same N questions."""

    before: np.ndarray
    """Shape (N,): 1.0 right, 0.0 wrong."""
    after: np.ndarray
    """Shape (N,)."""
    clusters: Sequence[Hashable]
    """N labels; questions with one label are drawn together."""

    def __post_init__(self) -> None:
        if not len(self.before) == len(self.after) == len(self.clusters) > 0:
            raise ValueError(
                f"{len(self.before)} and {len(self.after)} answers, {len(self.clusters)} labels: both models need "
                "answers to the same questions, at least one"
            )

    @property
    def delta(self) -> float:
        """Difference of the accuracies."""
        return float(np.mean(self.after) - np.mean(self.before))


@dataclass(frozen=True)
class Interval:
    """A difference with its bootstrap percentile interval, as shares."""

    delta: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether chance in the choice of questions is an unlikely cause of the difference."""
        return self.low > 0 or self.high < 0


def drawn_deltas(paired: Paired, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Differences of the accuracies on resampled questions.

    Args:
        paired: What the two models got.
        draws: R, how often to draw.
        rng: Source of chance.

    Returns:
        Shape (R,).
    """
    _, index = np.unique([str(label) for label in paired.clusters], return_inverse=True)
    clusters = int(index.max()) + 1
    gains = np.bincount(index, weights=paired.after - paired.before, minlength=clusters)
    sizes = np.bincount(index, minlength=clusters)
    deltas = np.empty(draws)
    for draw in range(draws):
        # How often each cluster is drawn, when as many are drawn as there are.
        times = np.bincount(rng.integers(clusters, size=clusters), minlength=clusters)
        deltas[draw] = (times @ gains) / (times @ sizes)
    return deltas


def interval(deltas: np.ndarray, delta: float) -> Interval:
    """The middle 95% of drawn differences around the observed one."""
    low, high = np.quantile(deltas, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(delta, float(low), float(high))


def compare(benchmarks: Sequence[Paired], draws: int = DRAWS, seed: int = 0) -> tuple[list[Interval], Interval]:
    """Intervals for each benchmark, and for their macro average.

    Args:
        benchmarks: B benchmarks. Each is resampled by itself; a draw of the macro average is the mean of B draws.
        draws: R.
        seed: Makes the intervals repeatable.

    Returns:
        B intervals, and the one of the macro average.
    """
    rng = np.random.default_rng(seed)
    drawn = [drawn_deltas(paired, draws, rng) for paired in benchmarks]
    each = [interval(deltas, paired.delta) for deltas, paired in zip(drawn, benchmarks, strict=True)]
    macro = interval(np.mean(drawn, axis=0), float(np.mean([paired.delta for paired in benchmarks])))
    return each, macro
