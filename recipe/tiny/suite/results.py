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
"""What a run came to, and tables of many: means, 95% intervals, paired differences."""

from __future__ import annotations

import dataclasses
import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recipe.tiny.metrics import Step
from recipe.tiny.suite.tables import Table

T_975 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131)
"""Student's t at 97.5% for 1, 2, ... degrees of freedom; a normal quantile takes over behind them."""
Z_975 = 1.960

COLUMNS = ("seeds", "accuracy before", "accuracy after", "difference", "tokens (1,000)", "s a step", "repaired")


@dataclass(frozen=True)
class Result:
    """One finished run.

    Attributes:
        table: Which table it belongs to.
        method: Which line.
        seed: Of data order and rollouts.
        accuracy_before: Greedy, on held-out questions.
        accuracy: The same after training.
        steps: Updates.
        generated: Tokens decoded for training, repairs included.
        seconds: Of all steps.
        repaired: Mean share of repairs that passed; 0 without repairs.
        overrides: Everything the run was started with besides the demo's settings.
        commit: Of the code.
    """

    table: str
    method: str
    seed: int
    accuracy_before: float
    accuracy: float
    steps: int
    generated: int
    seconds: float
    repaired: float
    overrides: tuple[str, ...]
    commit: str


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
    table: str, method: str, seed: int, steps: Sequence[Step], rollouts: int, overrides: tuple[str, ...], commit: str
) -> Result:
    """The result of a run from its metrics.

    Args:
        table: Name of the table.
        method: Name of the method.
        seed: Its seed.
        steps: What the run logged, validations included.
        rollouts: Rows a step samples.
        overrides: What it was started with.
        commit: Of the code.
    """
    validated = [step.val_accuracy for step in steps if step.val_accuracy is not None]
    trained = [step for step in steps if step.number > 0]
    tokens = sum(step.data["response_length/mean"] * rollouts + step.data.get("care/rgr/tokens", 0) for step in trained)
    return Result(
        table=table,
        method=method,
        seed=seed,
        accuracy_before=validated[0],
        accuracy=validated[-1],
        steps=trained[-1].number,
        generated=round(tokens),
        seconds=round(sum(step.seconds or 0.0 for step in trained), 1),
        repaired=statistics.fmean(step.data.get("care/rgr/pass_rate", 0.0) for step in trained),
        overrides=overrides,
        commit=commit,
    )


def read_results(path: Path) -> list[Result]:
    """The results in a file, none if it is not there."""
    if not path.exists():
        return []
    records = [json.loads(line) for line in path.read_text().splitlines()]
    return [Result(**{**record, "overrides": tuple(record["overrides"])}) for record in records]


def add_result(path: Path, result: Result) -> None:
    """Append one result."""
    with open(path, "a") as file:
        file.write(json.dumps(dataclasses.asdict(result)) + "\n")


def markdown(table: Table, results: Sequence[Result]) -> str:
    """The table, as far as it has been run; differences are to the first method on the same seeds."""
    by_method = {
        method.name: {result.seed: result for result in results if result.method == method.name}
        for method in table.methods
    }
    baseline = by_method[table.methods[0].name]
    lines = [
        f"| {table.title} | " + " | ".join(COLUMNS) + " |",
        "|---" * (len(COLUMNS) + 1) + "|",
    ]
    for name, runs in by_method.items():
        if not runs:
            continue
        values = list(runs.values())
        shared = sorted(runs.keys() & baseline.keys())
        paired = Estimate.of([runs[seed].accuracy - baseline[seed].accuracy for seed in shared]) if shared else None
        cells = (
            name,
            str(len(runs)),
            Estimate.of([run.accuracy_before for run in values]).points().split(" ")[0],
            Estimate.of([run.accuracy for run in values]).points(),
            "" if runs is baseline or paired is None else paired.points(signed=True),
            f"{statistics.fmean(run.generated for run in values) / 1000:.0f}",
            f"{statistics.median(run.seconds / run.steps for run in values):.1f}",
            f"{100 * statistics.fmean(run.repaired for run in values):.0f}%",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
