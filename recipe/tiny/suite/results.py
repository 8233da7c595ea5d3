# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What a run came to, and tables of many: means, 95% intervals, paired differences."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipe.tiny.metrics import Step
from recipe.tiny.suite.signal import RawAdvantages, Signal
from recipe.tiny.suite.tables import Method, Table

T_975 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131)
"""Student's t at 97.5% for 1, 2, ... degrees of freedom; a normal quantile takes over behind them."""
Z_975 = 1.960

COLUMNS = ("seeds", "accuracy", "difference", "at equal tokens", "tokens (1,000)", "s a step", "repaired")

DROPPED = ("evicted_samples", "discarded_surplus_samples")
"""What verl's replay buffer calls groups it decoded for nothing, under ``.../filter_groups/``."""

LENGTH = "response_length/mean"
SAMPLED = "care/acc_sampled"
PASS_RATE = "care/rgr/pass_rate"
SERIES = (
    LENGTH,
    "critic/score/mean",
    "actor/entropy",
    SAMPLED,
    PASS_RATE,
)
"""Metrics of every step that a result keeps, where the method has them."""


@dataclass(frozen=True)
class Look:
    """One look at the held-out questions."""

    step: int
    tokens: int
    """Decoded for training so far, repairs included."""
    accuracy: float
    """Greedy; the mean over the families of questions."""


@dataclass(frozen=True)
class Result:
    """One finished run.

    Attributes:
        method: What it was called.
        algorithm: The demo's ``METHOD``.
        overrides: Everything the run was started with besides the demo's settings.
        seed: Of data order and rollouts.
        data: Hash of the questions and the model it started from.
        steps: Updates.
        looks: Held-out accuracy while it trained, oldest first.
        families: Held-out accuracy at the end, by family of questions.
        seconds: Of all steps.
        repaired: Share of repairs that passed, the mean over the steps that had some; 0 without repairs.
        series: Some metrics, step by step; None where a step has none.
        failure_mass: By step, the share of ``|advantage|`` on wrong rollouts.
        zero_signal: By step, the share of groups that train nothing.
        raw_advantages: Of CARE's subgroups, by size; empty for other methods.
        commit: Of the code.
    """

    method: str
    algorithm: str
    overrides: tuple[str, ...]
    seed: int
    data: str
    steps: int
    looks: tuple[Look, ...]
    families: dict[str, float]
    seconds: float
    repaired: float
    series: dict[str, list[float | None]]
    failure_mass: tuple[float, ...]
    zero_signal: tuple[float, ...]
    raw_advantages: tuple[RawAdvantages, ...]
    commit: str

    @property
    def accuracy(self) -> float:
        """At the end."""
        return self.looks[-1].accuracy

    @property
    def tokens(self) -> int:
        """Decoded for training, repairs included."""
        return self.looks[-1].tokens

    def accuracy_at(self, tokens: int) -> float:
        """Accuracy once ``tokens`` were decoded, on a straight line between looks; the last one's behind it."""
        for before, after in itertools.pairwise(self.looks):
            if tokens <= after.tokens:
                share = max(0.0, (tokens - before.tokens) / (after.tokens - before.tokens))
                return before.accuracy + share * (after.accuracy - before.accuracy)
        return self.accuracy

    def is_of(self, method: Method) -> bool:
        """Whether this is a run of ``method``, whatever it was called then."""
        return self.algorithm == method.algorithm and self.overrides == method.overrides


@dataclass(frozen=True)
class Estimate:
    """A mean and the half width of its 95% interval; infinite for a single value."""

    mean: float
    half: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Estimate:
        """From independent values, by Student's t."""
        mean, count = statistics.fmean(values), len(values)
        if count < 2:
            return cls(mean, math.inf)
        quantile = T_975[count - 2] if count - 2 < len(T_975) else Z_975
        return cls(mean, quantile * statistics.stdev(values) / math.sqrt(count))

    def points(self, *, signed: bool = False) -> str:
        """In percentage points."""
        mean = f"{100 * self.mean:{'+' if signed else ''}.1f}"
        return mean if math.isinf(self.half) else f"{mean} ± {100 * self.half:.1f}"


def summarise(
    method: Method,
    seed: int,
    data: str,
    steps: Sequence[Step],
    signals: Sequence[Signal],
    raw: Sequence[RawAdvantages] = (),
    *,
    prompts: int,
    group: int,
    commit: str,
    start: float | None = None,
) -> Result:
    """The result of a run from its metrics.

    Args:
        method: What was run.
        seed: Its seed.
        data: Hash of what it started from.
        steps: What the run logged, validations included.
        signals: Of every step.
        raw: Of CARE's subgroups, by size.
        prompts: Groups a step trains on.
        group: Rollouts a prompt.
        commit: Of the code.
        start: Held-out accuracy before training, where the run itself did not look.
    """
    trained = [step for step in steps if step.number > 0]
    passed = [value for value in _series(trained, PASS_RATE) if value is not None]
    looks, tokens = [], 0.0
    for step in steps:
        if step.number > 0:
            rows = (prompts + _dropped_groups(step)) * group
            tokens += step.data["response_length/mean"] * rows + step.data.get("care/rgr/tokens", 0)
        if step.val_accuracy is not None:
            looks.append(Look(step.number, round(tokens), step.val_accuracy))
    if start is not None and looks[0].step > 0:
        looks.insert(0, Look(0, 0, start))
    return Result(
        method=method.name,
        algorithm=method.algorithm,
        overrides=method.overrides,
        seed=seed,
        data=data,
        steps=trained[-1].number,
        looks=tuple(looks),
        families={name: round(value, 4) for name, value in trained[-1].val_by_source.items()},
        seconds=round(sum(step.seconds or 0.0 for step in trained), 1),
        repaired=statistics.fmean(passed) if passed else 0.0,
        series={name: kept for name in SERIES if (kept := _series(trained, name))},
        failure_mass=tuple(round(one.failure_mass, 4) for one in signals),
        zero_signal=tuple(round(one.zero_signal, 4) for one in signals),
        raw_advantages=tuple(raw),
        commit=commit,
    )


def _series(steps: Sequence[Step], name: str) -> list[float | None]:
    """A metric step by step, with gaps; empty if no step has it. Where nothing was repaired, no share has passed."""
    values = [step.data.get(name) for step in steps]
    if name == PASS_RATE:
        pairs = zip(steps, values, strict=True)
        values = [value if step.data.get("care/rgr/triggered", 0) > 0 else None for step, value in pairs]
    return [] if all(value is None for value in values) else [None if one is None else round(one, 4) for one in values]


def _dropped_groups(step: Step) -> float:
    """Groups dynamic sampling has decoded and thrown away; they are taken to be as long as those it kept."""
    return sum(value for name, value in step.data.items() if name.partition("/filter_groups/")[2] in DROPPED)


def read_results(path: Path) -> list[Result]:
    """The results in a file, none if it is not there."""
    if not path.exists():
        return []
    records = [json.loads(line) for line in path.read_text().splitlines()]
    return [_result(record) for record in records]


def _result(record: dict[str, Any]) -> Result:
    looks = tuple(Look(**look) for look in record["looks"])
    tuples = {name: tuple(record[name]) for name in ("overrides", "failure_mass", "zero_signal")}
    raw = tuple(RawAdvantages(**one) for one in record["raw_advantages"])
    return Result(**{**record, **tuples, "looks": looks, "raw_advantages": raw})


def add_result(path: Path, result: Result) -> None:
    """Append one result."""
    with open(path, "a") as file:
        file.write(json.dumps(dataclasses.asdict(result)) + "\n")


def markdown(table: Table, results: Sequence[Result]) -> str:
    """The table, as far as it has been run; differences are to the first method on the same seeds."""
    runs_of = by_seed(table.methods, results)
    baseline = runs_of[table.methods[0].name]
    lines = [f"| {table.title} | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    for name, runs in runs_of.items():
        if runs:
            lines.append("| " + " | ".join([name, *_cells(runs, baseline)]) + " |")
    return "\n".join(lines)


def by_seed(methods: Sequence[Method], results: Sequence[Result]) -> dict[str, dict[int, Result]]:
    """Name of the method -> seed -> its run."""
    return {method.name: {one.seed: one for one in results if one.is_of(method)} for method in methods}


def differences(runs: Mapping[int, Result], baseline: Mapping[int, Result]) -> tuple[Estimate, Estimate] | None:
    """Of accuracy over the seeds both have: after the same updates, and at equal tokens; None if they share none."""
    pairs = [(runs[seed], baseline[seed]) for seed in sorted(runs.keys() & baseline.keys())]
    if not pairs:
        return None
    budgets = [(one, base, min(one.tokens, base.tokens)) for one, base in pairs]
    return (
        Estimate.of([one.accuracy - base.accuracy for one, base in pairs]),
        Estimate.of([one.accuracy_at(budget) - base.accuracy_at(budget) for one, base, budget in budgets]),
    )


def _cells(runs: Mapping[int, Result], baseline: Mapping[int, Result]) -> list[str]:
    values = list(runs.values())
    found = None if runs is baseline else differences(runs, baseline)
    return [
        str(len(runs)),
        Estimate.of([run.accuracy for run in values]).points(),
        *(["", ""] if found is None else [one.points(signed=True) for one in found]),
        f"{statistics.fmean(run.tokens for run in values) / 1000:.0f}",
        f"{statistics.median(run.seconds / run.steps for run in values):.1f}",
        f"{100 * statistics.fmean(run.repaired for run in values):.0f}%",
    ]
