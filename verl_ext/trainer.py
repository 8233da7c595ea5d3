# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""CARE-aware trainers: verl's own V1 trainers, with two steps extended when the estimator is ``care``.

Each trainer class in verl's registry is replaced by a subclass that calls ``super()`` unchanged unless CARE is chosen,
so ``trainer.v1.trainer_mode`` keeps its names and no branch of verl on them is touched.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from recipe.care.config import CareConfig
from verl_ext.checks.reward_sources import check_data_sources
from verl_ext.checks.validation import chooses_care, needs_embeddings, validate_alarms, validate_run
from verl_ext.engine.engine import POOL_MASK, REQUEST
from verl_ext.repair.replace import (
    RowLogProbs,
    StepRepairs,
    hide_from_rollout_correction,
    install_manager,
    refresh_log_probs,
)
from verl_ext.step.alarms import RunAlarms
from verl_ext.step.compute import Step, finish_step
from verl_ext.step.estimator import token_advantages_for_verl
from verl_ext.step.log import write_group_log
from verl_ext.step.passes import data_parallel_ranks, plan_pass
from verl_ext.step.rollouts import Batch, read_log_probs, read_rollouts, write_response_field
from verl_ext.step.skip import ROWS_UNREAD, log_probs_of, skips_dead_rows, skips_unread_rows, update_live_rows

if TYPE_CHECKING:
    from omegaconf import DictConfig
    from transformers import PreTrainedTokenizerBase
    from verl.experimental.agent_loop import AgentLoopManager
    from verl.single_controller.ray import RayWorkerGroup
    from verl.utils.dataset.rl_dataset import RLHFDataset


class CareTrainerMixin:
    """The CARE half of a trainer; ``care`` is None in every run that does not choose it."""

    config: DictConfig
    tokenizer: PreTrainedTokenizerBase
    global_steps: int
    total_training_steps: int
    actor_rollout_wg: RayWorkerGroup
    care: CareConfig | None
    train_dataset: RLHFDataset
    val_dataset: RLHFDataset
    _step: Step | None
    """From the log-prob pass to the advantages."""
    _alarms: RunAlarms | None
    """What watches the run, whatever the estimator."""
    _skips_dead_rows: bool
    _skips_unread_rows: bool

    def __init__(self, config: DictConfig) -> None:
        self.care = validate_run(config) if chooses_care(config) else None
        self._skips_dead_rows = skips_dead_rows(config, self.care)
        self._skips_unread_rows = self.care is not None and skips_unread_rows(config, self.care)
        self._step = None
        alarms = validate_alarms(config)
        self._alarms = RunAlarms(alarms, config.data.max_response_length) if alarms.enable else None
        if self.care is not None and self.care.rgr.enable:
            install_manager(config)
        super().__init__(config)  # type: ignore[call-arg]

    def _init_dataloader(self) -> None:
        super()._init_dataloader()  # type: ignore[misc]
        if self.care is not None:
            check_data_sources(self.config, {"train": self.train_dataset, "val": self.val_dataset})

    def _compute_old_log_prob(self, batch: Batch, metrics: dict[str, float]) -> Batch:
        compute = super()._compute_old_log_prob  # type: ignore[misc]
        if self.care is None:
            return compute(batch, metrics=metrics)
        step = Step.begin(read_rollouts(batch, self.care.positive_threshold), self.tokenizer, self.care)
        if needs_embeddings(self.care):
            write_response_field(batch, POOL_MASK, step.pool_mask(), step.rollouts.response_len)
            # The flag travels with this pass only: the reference pass and the update must not pool again.
            batch.extra_info[REQUEST] = True
        if self._skips_unread_rows:
            plan = plan_pass(step.rows_read(self.care) or [0], batch.tags, *self._ranks_and_micro_batch())
            log_probs_of(batch, plan, lambda part: compute(part, metrics=metrics))
            metrics[ROWS_UNREAD] = 1 - len(plan.rows) / len(batch)
        else:
            batch = compute(batch, metrics=metrics)
        batch.extra_info.pop(REQUEST, None)
        step = step.after_pass(read_log_probs(batch, step.rollouts))
        self._step = self._with_repairs(batch, step, self.care, metrics) if self.care.rgr.enable else step
        return batch

    def _with_repairs(self, batch: Batch, step: Step, care: CareConfig, metrics: dict[str, float]) -> Step:
        """Put repairs in their places, with a second pass for the rows that take one."""
        compute = super()._compute_old_log_prob  # type: ignore[misc]
        repairs = StepRepairs(batch, step, care)
        repairs.write(batch)
        rollouts = step.rollouts
        log_probs: dict[int, RowLogProbs] = {}
        if repairs.replaced:
            plan = plan_pass(repairs.replaced, batch.tags, *self._ranks_and_micro_batch())
            # verl's metrics of this step are those of the whole batch, before the repairs.
            log_probs = refresh_log_probs(batch, repairs.replaced, plan, lambda part: compute(part, metrics={}))
            if care.rgr.target == "rewrite":
                hide_from_rollout_correction(batch, log_probs)
            rollouts = read_rollouts(batch, care.positive_threshold)
        metrics.update(repairs.metrics(log_probs))
        return step.after_repairs(rollouts, repairs.replaced, repairs.result(log_probs), self.tokenizer, care)

    def _ranks_and_micro_batch(self) -> tuple[int, int | None]:
        """Data-parallel ranks of the log-prob pass, and rows of a micro-batch; None where verl sizes them by tokens."""
        settings = self.config.actor_rollout_ref.rollout
        micro_batch = None if settings.log_prob_use_dynamic_bsz else settings.log_prob_micro_batch_size_per_gpu
        return data_parallel_ranks(self.actor_rollout_wg), micro_batch

    def _compute_advantage(self, batch: Batch, metrics: dict[str, float]) -> Batch:
        compute = super()._compute_advantage  # type: ignore[misc]
        if self.care is None:
            return compute(batch, metrics=metrics)
        assert self._step is not None  # verl calls the log-prob pass first
        step, self._step = self._step, None
        step.check_order(batch.keys)
        finished = finish_step(step, self.care)
        metrics.update(finished.metrics)
        if self.config.trainer.get("rollout_data_dir"):
            folder = Path(self.config.trainer.rollout_data_dir)
            write_group_log(folder, self.global_steps, step.rollouts, finished.regions, finished.result)
        with token_advantages_for_verl(finished.token_advantages, self.config.actor_rollout_ref.actor.loss_agg_mode):
            return compute(batch, metrics=metrics)

    def _update_actor(self, batch: Batch, metrics: dict[str, float]) -> Batch:
        update = super()._update_actor  # type: ignore[misc]
        if not self._skips_dead_rows:
            return update(batch, metrics=metrics)
        metrics.update(
            update_live_rows(batch, self.config, self.actor_rollout_wg, lambda part: update(part, metrics=metrics))
        )
        return batch

    def _compute_metrics(
        self, batch: Batch, metrics: dict[str, float], timing_raw: dict[str, float], global_steps: int, epoch: int
    ) -> None:
        super()._compute_metrics(batch, metrics, timing_raw, global_steps=global_steps, epoch=epoch)  # type: ignore[misc]
        if self._alarms is not None and self._alarms.look(batch, metrics, global_steps, self.tokenizer):
            # verl's own last step validates and saves; there is no other way out of its loop.
            self.total_training_steps = min(self.total_training_steps, global_steps + 1)

    def fit(self, agent_loop_manager: AgentLoopManager) -> None:
        """Train, and say at the end which alarms there were, however it ends."""
        try:
            super().fit(agent_loop_manager)  # type: ignore[misc]
        finally:
            if self._alarms is not None:
                self._alarms.summarise()


def install(v1: ModuleType) -> None:
    """Replace each registered trainer by its CARE-aware subclass, under the same name."""
    registry = v1.trainer_base.TRAINER_REGISTRY
    for mode, trainer in list(registry.items()):
        registry[mode] = type(f"Care{trainer.__name__}", (CareTrainerMixin, trainer), {"__module__": __name__})
