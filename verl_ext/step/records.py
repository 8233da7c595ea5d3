# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The records of a step: what CARE, or one of verl's estimators, made of its rows, and what they were asked."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from recipe.care.config import CareConfig
from recipe.care.method.advantage import CareResult
from recipe.care.repair.choose import Outcome
from recipe.care.repair.cue import cue_text
from recipe.care.text.regions import find_regions
from recipe.care.text.token_bytes import TokenBytes, token_bytes
from recipe.replay.records import DataRow, RepairRecord, StepRows, keep_group
from recipe.replay.writer import RecordWriter
from verl_ext.step.compute import Attempt, CareStep, Step
from verl_ext.step.rollouts import (
    Batch,
    Prompt,
    Rollouts,
    place_in_group,
    read_prompts,
    read_reward_extras,
    read_rollouts,
    read_rows,
)
from verl_ext.step.verdicts import LeftOut

if TYPE_CHECKING:
    from omegaconf import DictConfig
    from transformers import PreTrainedTokenizerBase, ProcessorMixin

HELD_UP = "care/timing_s/records"
RECORD_METRICS = {HELD_UP: "Seconds a step was held up by its records, which are written while the actor is updated."}
NO_INDEX = -1
"""Of a row whose file does not number them."""
NO_ROLE = ""
"""Of a row that another estimator than CARE has trained."""
_VERDICTS = {Outcome.PASSED: 1.0, Outcome.FAILED: 0.0}


@dataclass(frozen=True)
class Vocabulary:
    """The policy's tokenizer, and the token that stands for a piece of an image, if the policy sees some."""

    tokenizer: PreTrainedTokenizerBase
    image_token: int | None

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase, processor: ProcessorMixin | None) -> Vocabulary:
        """As verl's trainer has them."""
        return cls(tokenizer, getattr(processor, "image_token_id", None))

    def images(self, ids: torch.Tensor) -> int:
        """How many images a prompt has: runs of the image token."""
        if self.image_token is None:
            return 0
        inside_T = (ids == self.image_token).long()
        return int((torch.nn.functional.pad(inside_T, (1, 0)).diff() > 0).sum())


@dataclass(frozen=True)
class Asked:
    """A prompt as a record has it."""

    input: str
    gold: str | None
    data: DataRow

    @classmethod
    def of(cls, prompt: Prompt, words: Vocabulary) -> Asked:
        """Put a prompt into words, as verl's own dump does."""
        index, split = (prompt.extra_info.get(name) for name in ("index", "split"))
        data = DataRow(
            source=str(prompt.data_source or ""),
            index=int(index) if isinstance(index, Integral) else NO_INDEX,
            split=str(split or ""),
            images=words.images(prompt.ids),
        )
        gold = None if prompt.ground_truth is None else str(prompt.ground_truth)
        return cls(words.tokenizer.decode(prompt.ids.tolist(), skip_special_tokens=True), gold, data)

    @property
    def identity(self) -> str:
        """What tells it from others, the same in every run and epoch; verl names a prompt anew whenever it is drawn."""
        return "\n".join([self.data.source, self.data.split, str(self.data.index), str(self.gold), self.input])


class Recorder:
    """Writes what ``algorithm.care.records`` asks for."""

    def __init__(self, care: CareConfig, folder: Path) -> None:
        """Record a run into ``folder``; nothing is written before its first step."""
        self._care = care
        self._writer = RecordWriter(folder)

    @classmethod
    def of_run(cls, config: DictConfig) -> Recorder | None:
        """The recorder of a run with whichever estimator; None where no folder is named.

        Args:
            config: verl's.
        """
        node = config.algorithm.get("care")
        if node is None or not node.get("records"):
            return None
        care = CareConfig.of_run(node)
        return None if care.records.folder is None else cls(care, Path(care.records.folder).expanduser())

    def add(self, number: int, batch: Batch, step: Step, finished: CareStep, words: Vocabulary) -> dict[str, float]:
        """Record a step of CARE.

        Args:
            number: Of the step.
            batch: Its rows in the data plane.
            step: The same as CARE has read them.
            finished: What CARE made of them.
            words: The policy's.

        Returns:
            The metrics of ``RECORD_METRICS``.
        """
        began = time.perf_counter()
        asked, extras = self._kept(batch, words)
        if not self._care.regions.include_tags:
            # A record counts them, whatever the method does.
            finished = replace(finished, regions=step.bounds.regions(include_tags=True))
        attempts = {} if step.repairs is None else step.repairs.attempts
        table = token_bytes(words.tokenizer)
        repairs = {row: _repair(one, self._care, table) for row, one in attempts.items() if row in asked}
        self._write(step_rows(number, step.rollouts, finished, asked, extras, repairs), asked, table)
        return {HELD_UP: time.perf_counter() - began}

    def add_stock(self, number: int, batch: Batch, words: Vocabulary) -> None:
        """Record a step of another estimator, once verl has its advantages.

        Args:
            number: Of the step.
            batch: Its rows in the data plane.
            words: The policy's.
        """
        asked, extras = self._kept(batch, words)
        threshold = self._care.positive_threshold
        # At minus infinity nothing is refused for want of a verdict.
        rollouts = read_rollouts(batch, -math.inf if threshold is None else threshold)
        if threshold is None:
            left_out = list(rollouts.left_out)
            for row, extra in extras.items():
                if not {"score", "acc"} <= extra.keys():
                    left_out[row] = left_out[row] or LeftOut.UNVERIFIED
            rollouts = replace(rollouts, left_out=left_out)
        finished = stock_step(rollouts, read_rows(batch, "advantages"), words.tokenizer)
        self._write(step_rows(number, rollouts, finished, asked, extras, {}), asked, token_bytes(words.tokenizer))

    def close(self) -> None:
        """Wait until everything is on the disk."""
        self._writer.close()

    def _kept(self, batch: Batch, words: Vocabulary) -> tuple[dict[int, Asked], dict[int, Mapping[str, object]]]:
        """The prompts of the rows to be recorded, and what the reward function said of these besides the score."""
        asked = {row: one for row, one in _asked(batch, words).items() if self._keeps(one)}
        extras = read_reward_extras(_part(batch, list(asked))) if asked else []
        return asked, dict(zip(asked, extras, strict=True))

    def _keeps(self, asked: Asked) -> bool:
        return keep_group(asked.identity, self._care.records.share)

    def _write(self, rows: StepRows, kept: Mapping[int, Asked], table: TokenBytes) -> None:
        if not self._care.records.embeddings:
            rows = replace(rows, embeddings=None)
        self._writer.add(rows, list(kept), table)


def _part(batch: Batch, rows: Sequence[int]) -> Batch:
    return batch.select_keys([batch.keys[row] for row in rows])


def _asked(batch: Batch, words: Vocabulary) -> dict[int, Asked]:
    """What each row was asked, but for padding rows; those of a group lie together, in the order of their sessions.

    The first outputs of a group have one prompt, which is fetched once; a later one has the conversation before it.
    """
    rows = [row for row, tag in enumerate(batch.tags) if not tag.get("is_padding", False)]
    group = {row: batch.keys[row].rsplit("_", 2)[0] for row in rows}
    place = {row: place_in_group(batch.keys[row]) for row in rows}
    rows.sort(key=lambda row: (group[row], place[row]))
    name = {row: batch.keys[row] if place[row][1] else group[row] for row in rows}
    first = {name[row]: row for row in reversed(rows)}
    prompts = read_prompts(_part(batch, list(first.values()))) if first else []
    found = {one: Asked.of(prompt, words) for one, prompt in zip(first, prompts, strict=True)}
    return {row: found[name[row]] for row in rows}


def stock_step(rollouts: Rollouts, advantages: Sequence[torch.Tensor], tokenizer: PreTrainedTokenizerBase) -> CareStep:
    """A step of another estimator, as if CARE had made it.

    verl gives every token of a row the row's advantage. So that credits compare, a token's is its share here: those of
    a row add up to the row's, as CARE's do.

    Args:
        rollouts: The rows.
        advantages: verl's, of the tokens of each response.
        tokenizer: The policy's.
    """
    padded_BT = torch.nn.utils.rnn.pad_sequence(list(advantages), batch_first=True) * rollouts.response_mask
    tokens_BT = padded_BT / rollouts.response_mask.sum(dim=1, keepdim=True).clamp(min=1)
    none_B = torch.zeros(len(rollouts.keys), dtype=torch.int64)
    result = CareResult(tokens_BT.sum(dim=1), np.full(len(none_B), NO_ROLE, dtype="<U17"), none_B - 1, none_B)
    regions = find_regions(rollouts.response_ids, rollouts.response_mask, tokenizer)
    return CareStep(tokens_BT, {}, regions, result, None)


def step_rows(
    number: int,
    rollouts: Rollouts,
    finished: CareStep,
    asked: Mapping[int, Asked],
    extras: Mapping[int, Mapping[str, object]],
    repairs: Mapping[int, RepairRecord],
) -> StepRows:
    """Put together what records are made of.

    Args:
        number: Of the step.
        rollouts: The rows as trained.
        finished: Their advantages; regions with tags.
        asked: The prompt of each row that is to be recorded.
        extras: What the reward function said of each of them besides the score.
        repairs: The repairs that were tried.
    """
    result, every = finished.result, range(len(rollouts.keys))
    logp_B = None if rollouts.old_logp is None else (rollouts.old_logp.double() * rollouts.response_mask).sum(dim=1)
    return StepRows(
        step=number,
        uids=rollouts.keys,
        groups=rollouts.group,
        inputs=[asked[row].input if row in asked else "" for row in every],
        gts=[asked[row].gold if row in asked else None for row in every],
        scores=rollouts.rewards.tolist(),
        acc=[acc if why is None else None for acc, why in zip(rollouts.acc.tolist(), rollouts.left_out, strict=True)],
        formats=[_number(extras.get(row, {}).get("format")) for row in every],
        rules=[_text(extras.get(row, {}).get("rule")) for row in every],
        response_ids=rollouts.response_ids,
        response_mask=rollouts.response_mask,
        token_advantages=finished.token_advantages,
        regions=finished.regions,
        # Earlier outputs of a session are trained with the advantage of its last one.
        result=replace(result, advantages=result.advantages[rollouts.session_row]),
        distances=[math.inf for _ in every] if result.distance is None else result.distance.tolist(),
        logp=None if logp_B is None else logp_B.tolist(),
        embeddings=None if finished.embeddings is None else finished.embeddings.float().cpu().numpy(),
        data=[asked[row].data if row in asked else None for row in every],
        repairs=repairs,
    )


def _repair(attempt: Attempt, care: CareConfig, table: TokenBytes) -> RepairRecord:
    return RepairRecord(
        outcome=attempt.outcome.value,
        used=attempt.used,
        failed=_spelled(attempt.failed_ids.tolist(), table),
        failed_score=attempt.failed_reward,
        cue=cue_text(care.rgr.template).strip(),
        text=_spelled(attempt.ids, table),
        acc=_VERDICTS.get(attempt.outcome),
        rule=_text(attempt.reward_extra.get("rule")),
    )


def _spelled(ids: Sequence[int], table: TokenBytes) -> str:
    return table.spell(ids)[0].decode(errors="replace")


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, Real) and math.isfinite(value) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
