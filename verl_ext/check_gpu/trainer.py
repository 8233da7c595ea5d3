# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""A trainer that changes the method with every step and leaves what two of its steps computed.

Whatever slows the machine then slows all methods.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray
import torch

from recipe.care.config import CareConfig
from verl_ext.check_gpu.settings import METHOD, METHODS, OUT, RECORDS, method_of
from verl_ext.engine.engine import EMBEDDINGS, POOL_MASK
from verl_ext.step.compute import Step, finish_step
from verl_ext.step.records import Recorder, Vocabulary
from verl_ext.step.rollouts import Batch, read_objects, read_rows

if TYPE_CHECKING:
    from verl_ext.check_gpu.worker import SwitchedManager

KEPT_ROWS = 8
"""Rows that are computed again."""
FIELDS = ("input_ids", "position_ids", "responses", "response_mask", "old_log_probs", "rollout_log_probs", POOL_MASK)


class AlternatingMixin:
    """Put before CARE's trainer; ``care`` is what that one looks at in each of its methods."""

    config: Any
    care: CareConfig | None
    global_steps: int
    agent_loop_manager: SwitchedManager
    tokenizer: Any
    processor: Any
    _step: Step | None
    _skips_dead_rows: bool
    _skips_unread_rows: bool

    def __init__(self, config: Any) -> None:
        super().__init__(config)  # type: ignore[call-arg]
        assert self.care is not None
        self._chosen = self.care
        self._folder = Path(os.environ[OUT])
        self._folder.mkdir(parents=True, exist_ok=True)

    def on_step_begin(self) -> None:
        """Choose the step's method before its prompts are sent out."""
        super().on_step_begin()  # type: ignore[misc]
        name = method_of(self.global_steps)
        method = name.removesuffix("_live")
        self._skips_dead_rows = name != method
        self._skips_unread_rows = name != method
        self.care = {"grpo": None, "care": self._chosen, "care_no_rgr": self._without_repairs()}[method]
        self.config.algorithm.adv_estimator = "grpo" if method == "grpo" else "care"
        ray.get([worker.repair.remote(method == "care") for worker in self.agent_loop_manager.agent_loop_workers])

    def _without_repairs(self) -> CareConfig:
        return dataclasses.replace(self._chosen, rgr=dataclasses.replace(self._chosen.rgr, enable=False))

    def _compute_old_log_prob(self, batch: Batch, metrics: dict[str, float]) -> Batch:
        compute = super()._compute_old_log_prob  # type: ignore[misc]
        if self.global_steps != 1:
            return compute(batch, metrics=metrics)
        # GRPO's step all the same; but what CARE would choose here can be compared with what it chooses elsewhere.
        self.care = self._without_repairs()
        batch = compute(batch, metrics=metrics)
        assert self._step is not None
        finished = finish_step(self._step, self.care)
        recorder = Recorder(self.care, self._folder / RECORDS)
        words = Vocabulary.of(self.tokenizer, self.processor)
        recorder.add(self.global_steps, batch, self._step, finished, words)
        recorder.close()
        self.care = None
        return batch

    def _compute_advantage(self, batch: Batch, metrics: dict[str, float]) -> Batch:
        step = self._step
        batch = super()._compute_advantage(batch, metrics=metrics)  # type: ignore[misc]
        metrics[METHOD] = METHODS.index(method_of(self.global_steps))
        if self.global_steps <= 2:
            assert step is not None
            self._leave(batch, step)
        return batch

    def _leave(self, batch: Batch, step: Step) -> None:
        """Write the rollouts of this step with CARE's part in them, and some rows as the model sees them."""
        repaired_B = torch.zeros(len(batch), dtype=torch.bool) if step.repairs is None else step.repairs.repaired
        real = [row for row, tag in enumerate(batch.tags) if not tag.get("is_padding", False)]
        rows = sorted(real, key=lambda row: (not repaired_B[row], row))[:KEPT_ROWS]
        part = batch.select_keys([batch.keys[row] for row in rows])
        columns = {name: read_rows(part, name) for name in (*FIELDS, EMBEDDINGS)}
        columns["multi_modal_inputs"] = read_objects(part, "multi_modal_inputs")
        advantages = torch.nn.utils.rnn.pad_sequence(read_rows(batch, "advantages"), batch_first=True)
        left = {
            "method": method_of(self.global_steps),
            "care": self._chosen,
            "loss_agg_mode": self.config.actor_rollout_ref.actor.loss_agg_mode,
            "rollouts": step.rollouts,
            "repairs": step.repairs,
            "advantages": advantages,
            "repaired": repaired_B[rows],
            "rows": columns,
        }
        torch.save(left, self._folder / f"step{self.global_steps}.pt")
