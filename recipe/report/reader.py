# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The runs of a page, read once and read on as they grow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from data_prep.file.progress import Progress
from recipe.care.errors import CareDataError
from recipe.replay.dump import Rollout
from recipe.replay.verdicts import Judge
from recipe.report.curves import Curve, curves, merge
from recipe.report.folder import RunFolder, find_run
from recipe.report.groups import Collector, Kept
from recipe.report.images import TrainingFiles
from recipe.report.page import Content, RunView
from recipe.report.signs import find_signs
from recipe.tiny.metrics import Step, read_attempts


class Reader:
    """The runs of a page."""

    def __init__(
        self,
        runs: Sequence[Path],
        most_groups: int,
        data: Sequence[Path] = (),
        data_source: str | None = None,
        threshold: float | None = None,
    ) -> None:
        """Find the runs.

        Args:
            runs: Their folders.
            most_groups: Groups to show of each.
            data: The training files; those of a run's configuration where none is given.
            data_source: Of rollouts without a verdict that do not name theirs.
            threshold: A score at or above it is right, where a rollout has no verdict.

        Raises:
            CareDataError: A folder holds no run, or a file cannot be read.
        """
        self._runs = [_Run(path, most_groups, data, data_source, threshold) for path in runs]

    def read(self, growing: bool) -> bool:
        """Read what is new.

        Args:
            growing: Leave a file that has changed since the last call for the next one: it may still be written.

        Returns:
            Whether there was anything new.
        """
        news = [run.read(growing) for run in self._runs]
        return any(news)

    def content(self, refresh: int) -> Content:
        """Everything for the page, which loads itself anew after ``refresh`` seconds; 0 for never."""
        groups = [run.collector.groups for run in self._runs]
        steps = [run.steps() for run in self._runs]
        return Content(
            runs=[
                run.view(own_steps, drawn, kept)
                for run, own_steps, drawn, kept in zip(self._runs, steps, curves(steps), groups, strict=True)
            ],
            groups=groups,
            pictures=[run.pictures(kept) for run, kept in zip(self._runs, groups, strict=True)],
            written=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S %Z"),
            refresh=refresh,
        )


class _Run:
    """One run."""

    def __init__(
        self, path: Path, most: int, data: Sequence[Path], data_source: str | None, threshold: float | None
    ) -> None:
        self._path = path
        self._folder: RunFolder = find_run(path)
        given = list(data) or self._folder.data
        self._files = TrainingFiles(given) if given else None
        self._data_source, self._threshold = data_source, threshold
        self._judge: Judge | None = None
        self.collector = Collector(most, self._files, self._verdict)
        self._taken: set[Path] = set()
        self._sizes: dict[Path, int] = {}
        self._metrics_size = 0
        self._refused: list[str] = []

    def _verdict(self, rollout: Rollout) -> float | None:
        """Of a rollout of stock verl: by its ``acc``, else by the verifier if it is known what was trained on."""
        if self._judge is None:
            (questions,) = self._files.questions if self._files is not None and self._files.count == 1 else (None,)
            self._judge = Judge(self._data_source, questions, self._threshold)
        return self._judge.acc(rollout)

    def read(self, growing: bool) -> bool:
        self._folder = find_run(self._path)
        new = [file for file in self._folder.step_files() if file not in self._taken]
        if growing:
            before, self._sizes = self._sizes, {file: file.stat().st_size for file in new}
            new = [file for file in new if before.get(file) == self._sizes[file]]
        total = sum(file.stat().st_size for file in new)
        with Progress(total, "bytes", f"report {self._folder.name}") as progress:
            self.collector.read(new, progress.add, lambda error: self._refused.append(str(error)))
        self._taken |= set(new)
        size, before_size = sum(file.stat().st_size for file in self._folder.metrics), self._metrics_size
        self._metrics_size = size
        return bool(new) or size != before_size

    def steps(self) -> list[Step]:
        steps = merge(read_attempts(self._folder.metrics), self.collector.by_step)
        if not steps:
            raise CareDataError(f"{self._path}: {self._refused[0] if self._refused else 'no step has ended yet'}")
        return steps

    def view(self, steps: Sequence[Step], drawn: Mapping[str, Curve], kept: Sequence[Kept]) -> RunView:
        return RunView(
            name=self._folder.name,
            method=self._folder.method,
            last_step=steps[-1].number,
            curves=drawn,
            signs=find_signs(drawn, self._folder.config),
            groups_seen=self.collector.seen,
            notes=self._notes(kept),
        )

    def _notes(self, kept: Sequence[Kept]) -> list[str]:
        """What a reader of the page has to know about its data."""
        seen, damaged = self.collector.seen, self.collector.counts.damaged
        notes = []
        if not self._folder.metrics:
            notes.append(
                "no metrics-<attempt>.jsonl: the curves are from the rollouts alone (add file to trainer.logger)"
            )
        if self._folder.rollouts is None:
            notes.append("no rollouts: this run wrote neither records nor trainer.rollout_data_dir")
        elif len(kept) < seen:
            notes.append(
                f"{len(kept):,} of {seen:,} groups are shown, drawn evenly from all steps; the curves have all"
            )
        if seen and self._files is None:
            notes.append("no images: give --data with the file that was trained on")
        if damaged:
            notes.append(f"{damaged:,} damaged lines were left out, the first: {self.collector.counts.damages[0]}")
        return notes + [f"left out: {why}" for why in self._refused]

    def pictures(self, kept: Sequence[Kept]) -> dict[int, list[str]]:
        if self._files is None:
            return {}
        return self._files.pictures(one.row for one in kept if one.row is not None)
