# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""CARE-aware trainers: verl's own V1 trainers, with two steps extended when the estimator is one of ours.

Each trainer class in verl's registry is replaced by a subclass that calls ``super()`` unchanged where it is not, so
``trainer.v1.trainer_mode`` keeps its names and no branch of verl on them is touched.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from recipe.care.config import CareConfig
from recipe.estimators.group import Need
from recipe.estimators.registry import Configured
from verl_ext.checks.reward_sources import check_data_sources
from verl_ext.checks.validation import (
    chooses_care,
    chosen_estimator,
    needs_embeddings,
    validate_alarms,
    validate_run,
)
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
from verl_ext.step.groups import finish_groups, pool_mask
from verl_ext.step.passes import PassPlan, data_parallel_ranks, plan_pass
from verl_ext.step.records import Recorder, Vocabulary
from verl_ext.step.rollouts import Batch, read_log_probs, read_padded, read_rollouts, write_response_field
from verl_ext.step.skip import (
    log_probs_of,
    reference_log_probs_of,
    rows_that_grpo_moves,
    skips_dead_rows,
    skips_unread_rows,
    update_live_rows,
)

if TYPE_CHECKING:
    import torch
    from omegaconf import DictConfig
    from transformers import PreTrainedTokenizerBase, ProcessorMixin
    from verl.experimental.agent_loop import AgentLoopManager
    from verl.single_controller.ray import RayWorkerGroup
    from verl.utils.dataset.rl_dataset import RLHFDataset


class CareTrainerMixin:
    """Our half of a trainer; ``care`` is None in every run that does not choose it, and so is ``estimator``."""

    config: DictConfig
    tokenizer: PreTrainedTokenizerBase
    global_steps: int
    total_training_steps: int
    actor_rollout_wg: RayWorkerGroup
    care: CareConfig | None
    estimator: Configured | None
    """One of ``recipe.estimators`` or of the user's own, other than ``care``."""
    train_dataset: RLHFDataset
    val_dataset: RLHFDataset
    processor: ProcessorMixin | None
    _recorder: Recorder | None
    _step: Step | None
    """From the log-prob pass to the advantages."""
    _read: PassPlan | None
    """The rows that the log-prob pass looked at, if it left any out."""
    _alarms: RunAlarms | None
    """What watches the run, whatever the estimator."""
    _skips_dead_rows: bool
    _skips_unread_rows: bool

    def __init__(self, config: DictConfig) -> None:
        self.care = validate_run(config) if chooses_care(config) else None
        self.estimator = chosen_estimator(config) if self.care is None else None
        self._skips_dead_rows = skips_dead_rows(config, self.care)
        self._skips_unread_rows = skips_unread_rows(config, self.care)
        self._recorder = Recorder.of_run(config)
        self._step, self._read = None, None
        alarms = validate_alarms(config)
        self._alarms = RunAlarms(alarms, config.data.max_response_length) if alarms.enable else None
        if self.care is not None and self.care.rgr.enable:
            install_manager(config)
        super().__init__(config)  # type: ignore[call-arg]

    def _init_dataloader(self) -> None:
        super()._init_dataloader()  # type: ignore[misc]
        if self.care is not None or self.estimator is not None:
            check_data_sources(self.config, {"train": self.train_dataset, "val": self.val_dataset})

    def _compute_old_log_prob(self, batch: Batch, metrics: dict[str, float]) -> Batch:
        compute = super()._compute_old_log_prob  # type: ignore[misc]
        if self.estimator is not None and Need.EMBEDDINGS in self.estimator.needs:
            rollouts = read_rollouts(batch, self.estimator.positive_threshold)
            self._ask_for_embeddings(batch, pool_mask(rollouts, self.tokenizer), rollouts.response_len)
            batch = compute(batch, metrics=metrics)
            batch.extra_info.pop(REQUEST, None)
            return batch
        if self.care is None:
            if not self._skips_unread_rows:
                return compute(batch, metrics=metrics)
            plan = self._plan_pass(rows_that_grpo_moves(batch, self.config), batch)
            metrics.update(log_probs_of(batch, plan, lambda part: compute(part, metrics=metrics)))
            return batch
        step = Step.begin(read_rollouts(batch, self.care.positive_threshold), self.tokenizer, self.care)
        if needs_embeddings(self.care):
            self._ask_for_embeddings(batch, step.pool_mask(), step.rollouts.response_len)
        if self._skips_unread_rows:
            self._read = self._plan_pass(step.rows_read(self.care), batch)
            metrics.update(log_probs_of(batch, self._read, lambda part: compute(part, metrics=metrics)))
        else:
            batch = compute(batch, metrics=metrics)
        batch.extra_info.pop(REQUEST, None)
        step = step.after_pass(read_log_probs(batch, step.rollouts))
        self._step = self._with_repairs(batch, step, self.care, metrics) if self.care.rgr.enable else step
        return batch

    def _ask_for_embeddings(self, batch: Batch, pool_mask_BT: torch.Tensor, lengths_B: torch.Tensor) -> None:
        write_response_field(batch, POOL_MASK, pool_mask_BT, lengths_B)
        # The flag travels with this pass only: the reference pass and the update must not pool again.
        batch.extra_info[REQUEST] = True

    def _with_repairs(self, batch: Batch, step: Step, care: CareConfig, metrics: dict[str, float]) -> Step:
        """Put repairs in their places, with a second pass for the rows that take one."""
        compute = super()._compute_old_log_prob  # type: ignore[misc]
        repairs = StepRepairs(batch, step, care)
        repairs.write(batch)
        rollouts = step.rollouts
        log_probs: dict[int, RowLogProbs] = {}
        if repairs.replaced:
            plan = self._plan_pass(repairs.replaced, batch)
            # verl's metrics of this step are those of the whole batch, before the repairs.
            log_probs = refresh_log_probs(batch, repairs.replaced, plan, lambda part: compute(part, metrics={}))
            if care.rgr.target == "rewrite":
                hide_from_rollout_correction(batch, log_probs)
            rollouts = read_rollouts(batch, care.positive_threshold)
        metrics.update(repairs.metrics(log_probs))
        return step.after_repairs(rollouts, repairs.replaced, repairs.result(log_probs), self.tokenizer, care)

    def _plan_pass(self, rows: list[int], batch: Batch) -> PassPlan:
        """A log-prob pass over ``rows``, and over one row where there are none: the workers expect something."""
        settings = self.config.actor_rollout_ref.rollout
        # None where verl sizes micro-batches by tokens.
        micro_batch = None if settings.log_prob_use_dynamic_bsz else settings.log_prob_micro_batch_size_per_gpu
        return plan_pass(rows or [0], batch.tags, data_parallel_ranks(self.actor_rollout_wg), micro_batch)

    def _compute_ref_log_prob(self, batch: Batch, metrics: dict[str, float]) -> Batch:
        compute = super()._compute_ref_log_prob  # type: ignore[misc]
        plan, self._read = self._read, None
        if self.care is None or not self.care.kl_taught_rows_only or plan is None:
            return compute(batch, metrics=metrics)
        reference_log_probs_of(batch, plan, lambda part: compute(part, metrics=metrics))
        return batch

    def _compute_advantage(self, batch: Batch, metrics: dict[str, float]) -> Batch:
        compute = super()._compute_advantage  # type: ignore[misc]
        if self.estimator is not None:
            with token_advantages_for_verl(self._estimate(batch, self.estimator, metrics), loss_agg_mode=None):
                batch = compute(batch, metrics=metrics)
        elif self.care is None:
            batch = compute(batch, metrics=metrics)
        if self.care is None:
            if self._recorder is not None:
                self._recorder.add_stock(self.global_steps, batch, self._words)
            return batch
        assert self._step is not None  # verl calls the log-prob pass first
        step, self._step = self._step, None
        step.check_order(batch.keys)
        finished = finish_step(step, self.care)
        metrics.update(finished.metrics)
        if self._recorder is not None:
            metrics.update(self._recorder.add(self.global_steps, batch, step, finished, self._words))
        with token_advantages_for_verl(finished.token_advantages, self.config.actor_rollout_ref.actor.loss_agg_mode):
            return compute(batch, metrics=metrics)

    @property
    def _words(self) -> Vocabulary:
        return Vocabulary.of(self.tokenizer, self.processor)

    def _estimate(self, batch: Batch, estimator: Configured, metrics: dict[str, float]) -> torch.Tensor:
        """(B, T) what each token's log-probability is multiplied with, by the chosen estimator."""
        rollouts = read_rollouts(batch, estimator.positive_threshold)
        ref_logp_BT = read_padded(batch, "ref_log_prob") if Need.REF_LOGP in estimator.needs else None
        finished = finish_groups(rollouts, self.tokenizer, estimator, ref_logp_BT)
        metrics.update(finished.metrics)
        return finished.per_token

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
            if self._recorder is not None:
                self._recorder.close()  # the last records are written
            if self._alarms is not None:
                self._alarms.summarise()


def install(v1: ModuleType) -> None:
    """Replace each registered trainer by its CARE-aware subclass, under the same name."""
    registry = v1.trainer_base.TRAINER_REGISTRY
    for mode, trainer in list(registry.items()):
        registry[mode] = type(f"Care{trainer.__name__}", (CareTrainerMixin, trainer), {"__module__": __name__})
