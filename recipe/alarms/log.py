# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The steps of a run from outside: what verl's file logger and ``trainer.rollout_data_dir`` have written so far."""

from __future__ import annotations

import json
import math
import re
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from recipe.alarms.groups import GroupFacts, Row, group_facts
from recipe.alarms.step import Step
from recipe.care.errors import CareDataError
from recipe.care.verifier.extraction import extract_answer, has_format
from recipe.tiny.metrics import metrics_files, read_attempts

if TYPE_CHECKING:
    from recipe.replay.dump import Rollout

VALIDATION = "val-"
SETTLED_S = 2.0
"""A dump that was written to more recently may still be incomplete: verl writes it in a thread."""
PROMPTS = 8
"""Prompts of a step that are looked at for placeholders."""
_BOXED = re.compile(r"\\boxed\{([^{}]*)\}")


@dataclass(frozen=True)
class RunFiles:
    """Where a run's traces are."""

    metrics: Path | None
    """A file of verl's file logger, or a folder with ``metrics-<attempt>.jsonl``."""
    dump: Path | None
    """A folder with ``<step>.jsonl``."""
    longest_response: int | None
    """``data.max_response_length``."""


def find_run(path: Path, dump: Path | None = None, longest_response: int | None = None) -> RunFiles:
    """Look for a run's files.

    Args:
        path: The run's folder, a file of verl's file logger, or a folder of rollout dumps.
        dump: The folder of rollout dumps, where it is not ``rollouts`` in the run's folder.
        longest_response: ``data.max_response_length``, where the run's folder does not say.

    Raises:
        CareDataError: There is nothing to watch, or no telling which of several files.
    """
    if not path.exists():
        raise CareDataError(f"{path}: there is no such file or folder")
    if not path.is_dir():
        return RunFiles(path, dump, longest_response)
    if longest_response is None:
        longest_response = _configured_length(path)
    if dump is None and (path / "rollouts").is_dir():
        dump = path / "rollouts"
    if metrics_files(path):
        return RunFiles(path, dump, longest_response)
    files = sorted(path.glob("*.jsonl"))
    if dump is None and files and all(file.stem.isdecimal() for file in files):
        return RunFiles(None, path, longest_response)
    if len(files) == 1:
        return RunFiles(files[0], dump, longest_response)
    if dump is not None:
        return RunFiles(None, dump, longest_response)
    found = f"several files ({', '.join(file.name for file in files[:4])}); name one" if files else "nothing to watch"
    raise CareDataError(
        f"{path}: {found}. Wanted is a file of verl's file logger (trainer.logger=[file]), a folder with "
        "metrics-<attempt>.jsonl, or one with rollout dumps (trainer.rollout_data_dir)"
    )


def _configured_length(folder: Path) -> int | None:
    """``data.max_response_length`` of the configuration that Hydra left beside the run."""
    file = folder / "hydra" / ".hydra" / "config.yaml"
    if not file.is_file():
        return None
    from omegaconf import OmegaConf  # seconds, and most runs to be watched have no such file

    length = OmegaConf.select(OmegaConf.load(file), "data.max_response_length")
    return length if isinstance(length, int) else None


class RunLog:
    """Reads a run as it grows."""

    def __init__(self, files: RunFiles) -> None:
        self._files = files
        self._last = 0
        self.steps = 0

    def new_steps(self) -> Iterator[Step]:
        """The steps that were not there at the last call; one whose dump is still being written comes later.

        After a resumed run goes back, its steps are new again where the last one that was read is passed.
        """
        for number, metrics in self._metrics():
            if number <= self._last:
                continue
            file = None if self._files.dump is None else self._files.dump / f"{number}.jsonl"
            if file is not None and file.exists() and time.time() - file.stat().st_mtime < SETTLED_S:
                return
            dumped = [] if file is None else _read(file)
            if self._files.metrics is None:
                metrics = _of_scores(dumped)
            self._last = number
            self.steps += 1
            yield Step(number, metrics, _facts(dumped), self._files.longest_response)

    def _metrics(self) -> Iterator[tuple[int, dict[str, float]]]:
        if self._files.metrics is None:
            assert self._files.dump is not None  # there is one of the two
            numbers = sorted(int(file.stem) for file in self._files.dump.glob("*.jsonl") if file.stem.isdecimal())
            yield from ((number, {}) for number in numbers)
            return
        try:
            steps = read_attempts(metrics_files(self._files.metrics))
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise CareDataError(f"{self._files.metrics}: not written by verl's file logger ({error!r})") from error
        for step in steps:
            # A file has null for what was not finite. Validation before training is no step.
            metrics = {name: math.nan if value is None else value for name, value in step.data.items()}
            if any(not name.startswith(VALIDATION) for name in metrics):
                yield step.number, metrics


def _read(file: Path) -> list[Rollout]:
    from recipe.replay.dump import NoDumpError, ReadCounts, read_steps  # torch takes seconds; a run may have no dump

    if not file.exists():
        return []
    try:
        return [rollout for step in read_steps([file], ReadCounts()) for rollout in step]
    except NoDumpError:
        return []  # an empty step; the metrics are there all the same


def _facts(rollouts: list[Rollout]) -> GroupFacts | None:
    if not rollouts:
        return None
    prompts = {rollout.group: rollout.input for rollout in rollouts}
    # verl's V1 trainers dump no more than the score.
    has_verdicts = any(rollout.unverified or rollout.acc is not None for rollout in rollouts)
    return group_facts([_row(rollout, has_verdicts) for rollout in rollouts], list(prompts.values())[:PROMPTS])


def _row(rollout: Rollout, has_verdicts: bool) -> Row:
    text = rollout.output
    boxed = _BOXED.findall(text)
    answer = extract_answer(text).body or (boxed[-1].strip() if boxed else "")
    tagged = "<answer>" in text
    return Row(
        group=rollout.group,
        reward=rollout.score,
        acc=rollout.acc,
        verified=not rollout.unverified if has_verdicts else None,
        # The chat template may have opened the rationale.
        format=float(has_format(text, False) or has_format(text, True)) if tagged else None,
        answer=answer or None,
    )


def _of_scores(rollouts: list[Rollout]) -> dict[str, float]:
    """The metrics verl logs of the reward, where there is only a dump."""
    scores = [rollout.score for rollout in rollouts]
    if not scores:
        return {}
    mean, low, high = statistics.fmean(scores), min(scores), max(scores)
    return {"critic/score/mean": mean, "critic/score/min": low, "critic/score/max": high}
