# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Read verl's file logger: one JSON line per step, one file per attempt of a run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SHOWN = {
    "critic/score/mean": "reward",
    "care/acc_sampled": "sampled accuracy",
    "care/groups_mixed": "mixed",
    "care/rgr/pass_rate": "repaired",
}
"""Metrics of a step that are printed while it trains, and what they are called there."""


@dataclass(frozen=True)
class Step:
    """The metrics of one step. Step 0 holds the validation before training."""

    number: int
    data: Mapping[str, float]

    @property
    def val_by_source(self) -> dict[str, float]:
        """Validation accuracy by source of the questions; empty if this step did not validate."""
        found = {
            name.split("/")[1]: value
            for name, value in self.data.items()
            if name.startswith("val-core/") and "/acc/mean@" in name
        }
        return dict(sorted(found.items()))

    @property
    def val_accuracy(self) -> float | None:
        """Mean of the sources' validation accuracies, if this step validated."""
        found = self.val_by_source
        return sum(found.values()) / len(found) if found else None

    @property
    def seconds(self) -> float | None:
        """Wall time of the step."""
        return self.data.get("timing_s/step")

    def describe(self) -> str:
        """One line for a person who waits."""
        parts = [f"step {self.number:3d}"]
        for name, label in SHOWN.items():
            if name in self.data:
                parts.append(f"{label} {self.data[name]:.3f}")
        if self.seconds is not None:
            parts.append(f"{self.seconds:.1f} s")
        if self.val_accuracy is not None:
            parts.append(f"validation accuracy {self.val_accuracy:.3f}")
        return "  ".join(parts)


def metrics_files(path: Path) -> list[Path]:
    """The JSONL files of a run, oldest attempt first; ``path`` is a run folder or one such file."""
    if not path.is_dir():
        return [path]
    return sorted(path.glob("metrics-*.jsonl"), key=lambda file: int(file.stem.removeprefix("metrics-")))


def read_attempts(files: Sequence[Path]) -> list[Step]:
    """The steps of a run, in order; where attempts overlap the later one counts.

    A resumed run validates once more before it goes on; that does not overwrite the training metrics of the step it
    resumes from. A last line still being written is left for the next call.
    """
    steps: dict[int, dict[str, float]] = {}
    for file in files:
        if not file.exists():
            continue
        for line in file.read_text().splitlines(keepends=True):
            if line.endswith("\n"):
                record = json.loads(line)
                steps.setdefault(record["step"], {}).update(record["data"])
    return [Step(number, steps[number]) for number in sorted(steps)]
