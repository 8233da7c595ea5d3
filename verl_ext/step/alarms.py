# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The alarms of a run, from within: once a step, whatever the estimator."""

from __future__ import annotations

import logging
import numbers
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from recipe.alarms.groups import GroupFacts, Row, group_facts
from recipe.alarms.step import Step
from recipe.alarms.watch import METRIC, Watch
from recipe.care.config import AlarmsConfig
from verl_ext.step.rollouts import Batch, ScoredRow, read_rows, read_scored_rows

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

logger = logging.getLogger(__name__)

PROMPTS = 4
"""Prompts of a step that are looked at for placeholders of images."""
SECONDS = "care/timing_s/alarms"
ALARM_METRICS = {
    f"{METRIC}<name>": "1 while this alarm is on ([alarms](alarms.md)), else 0.",
    SECONDS: "Seconds spent on the alarms.",
}


class RunAlarms:
    """Watches one run."""

    def __init__(self, settings: AlarmsConfig, longest_response: int) -> None:
        self._settings = settings
        self._longest_response = longest_response
        self._watch = Watch()

    def look(self, batch: Batch, metrics: dict[str, float], step: int, tokenizer: PreTrainedTokenizerBase) -> bool:
        """Look at a step, warn of what it raises, and add the metrics of the alarms.

        Args:
            batch: The step's rows.
            metrics: All that the trainer logs of the step.
            step: Its number.
            tokenizer: The policy's.

        Returns:
            Whether the run is to end.
        """
        began = time.perf_counter()
        facts = _facts(batch, tokenizer)
        raised = self._watch.add(Step(step, dict(metrics), facts, self._longest_response))
        for alarm in raised:
            logger.warning("CARE alarm at step %d: %s", alarm.raised, alarm.describe())
        ending = [alarm.name for alarm in raised if alarm.name in self._settings.stop]
        if ending:
            logger.warning(
                "CARE ends the run with the next step: algorithm.care.alarms.stop names %s", ", ".join(ending)
            )
        metrics.update(self._watch.metrics())
        metrics[SECONDS] = time.perf_counter() - began
        return bool(ending)

    def summarise(self) -> None:
        """Say at the end of the run what it has raised, if anything."""
        if self._watch.alarms:
            logger.warning("CARE alarms of this run:\n%s", self._watch.summary())


def _facts(batch: Batch, tokenizer: PreTrainedTokenizerBase) -> GroupFacts:
    rows = read_scored_rows(batch)
    first = list({row.group: row.key for row in rows}.values())[:PROMPTS]
    prompts = read_rows(batch.select_keys(first), "prompts") if first else []
    texts = [tokenizer.decode(ids, skip_special_tokens=True) for ids in prompts]
    return group_facts(map(as_row, rows), texts)


def as_row(row: ScoredRow) -> Row:
    """One row as the alarms see it. A bare number, which verl keeps as ``acc`` without ``score``, is no verdict."""
    extras = row.extras if "score" in row.extras else {}
    verified, acc, form = (_number(extras, name) for name in ("verified", "acc", "format"))
    pred = extras.get("pred")
    return Row(
        group=row.group,
        reward=row.reward,
        acc=acc,
        verified=None if verified is None else verified > 0,
        format=form,
        answer=pred if isinstance(pred, str) and pred else None,
    )


def _number(extras: Mapping[str, object], name: str) -> float | None:
    value = extras.get(name)
    return float(value) if isinstance(value, numbers.Real) else None
