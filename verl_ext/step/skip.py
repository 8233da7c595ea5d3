# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Leave rows out of a pass.

Those that teach nothing are left out of the update; ``live_rows`` says which, and why that is exact. Those that nobody
reads are left out of the log-prob pass; ``recipe.care.method.reads`` says which.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch

from recipe.care.config import CareConfig
from recipe.care.errors import CareConfigError
from verl_ext.engine.engine import EMBEDDINGS, REQUEST
from verl_ext.step.live_rows import UpdatePlan, plan_update
from verl_ext.step.passes import PassPlan, data_parallel_ranks, run_pass
from verl_ext.step.rollouts import Batch, read_objects, read_padded, read_rows, write_rows

if TYPE_CHECKING:
    from omegaconf import DictConfig
    from verl.single_controller.ray import RayWorkerGroup

LINEAR_LOSSES = ("vanilla", "dppo_tv", "dppo_kl", "gspo", "gpg", "cispo")
"""verl's policy losses that are proportional to the advantage, row by row. Of the others ``clip_cov`` and ``kl_cov``
choose tokens by all advantages together, ``sapo``, ``geo_mean`` and ``dro`` are not proportional."""
FROM_REWARDS = ("grpo",)
"""verl's estimators whose advantages can be told before the log-prob pass; DAPO and GSPO use this one too."""
ACTOR = "actor_rollout_ref.actor"
STOCK_SETTING = "algorithm.skip_dead_rows"
"""For verl's own estimators."""
ROWS_SKIPPED = "care/rows_skipped/update"
ROWS_UNREAD = "care/rows_skipped/log_probs"
SKIP_METRICS = {
    ROWS_UNREAD: "Share of rows left out of the log-prob pass because nobody reads what it would find.",
    ROWS_SKIPPED: "Share of rows left out of the update because no token of theirs has an advantage.",
}


def skips_dead_rows(config: DictConfig, care: CareConfig | None) -> bool:
    """Whether updates of this run leave dead rows out.

    Args:
        config: verl's.
        care: ``algorithm.care``, or None for another estimator, which asks with ``algorithm.skip_dead_rows=true``.

    Raises:
        CareConfigError: It is insisted on where it would not be exact.
    """
    key = STOCK_SETTING if care is None else "algorithm.care.skip_dead_rows"
    wish = config.algorithm.get("skip_dead_rows", False) if care is None else care.skip_dead_rows
    if wish not in (True, False, "auto"):
        raise CareConfigError(f"{key}={wish!r}: must be true, false or auto.")
    if care is not None and care.kl_taught_rows_only and not config.actor_rollout_ref.actor.use_kl_loss:
        raise CareConfigError(
            f"algorithm.care.kl_taught_rows_only=True: there is no KL loss to apply; set {ACTOR}.use_kl_loss=True too."
        )
    if wish is False:
        return False
    reason = _why_not(config, kl_of_taught_rows=care is not None and care.kl_taught_rows_only)
    if reason is not None and wish is True:
        raise CareConfigError(
            f"{key}=True: {reason}. Change that, or set {key}=auto to skip rows only where it is exact."
        )
    return reason is None


def _why_not(config: DictConfig, *, kl_of_taught_rows: bool) -> str | None:
    """What would make an update without dead rows another update, or None."""
    actor = config.actor_rollout_ref.actor
    loss = actor.policy_loss.get("loss_mode", "vanilla")
    distillation = config.get("distillation") or {}
    mode = actor.loss_agg_mode
    obstacles = {
        f"{ACTOR}.use_kl_loss=True gives every row a gradient": actor.use_kl_loss and not kl_of_taught_rows,
        f"{ACTOR}.entropy_coeff={actor.entropy_coeff} gives every row a gradient": actor.entropy_coeff != 0,
        f"{ACTOR}.shuffle=True draws the mini-batches in the workers": actor.shuffle,
        f"{ACTOR}.policy_loss.loss_mode={loss} is not proportional to the advantage": loss not in LINEAR_LOSSES,
        f"{ACTOR}.loss_agg_mode={mode} divides by the width of a micro-batch unless {ACTOR}.loss_scale_factor is set": (
            mode == "seq-mean-token-sum-norm" and actor.get("loss_scale_factor") is None
        ),
        f"{ACTOR}.strategy={actor.strategy} was not tested with it": actor.strategy not in ("fsdp", "fsdp2"),
        "distillation.enabled=True gives every row a gradient": distillation.get("enabled", False),
    }
    return next((reason for reason, applies in obstacles.items() if applies), None)


def update_live_rows(
    batch: Batch, config: DictConfig, workers: RayWorkerGroup, update: Callable[[Batch], object]
) -> dict[str, float]:
    """Update the actor on the rows of a step that teach.

    Args:
        batch: All rows, as verl has balanced them over the ranks.
        config: verl's.
        workers: The actor's.
        update: verl's own update, called with some of the rows.

    Returns:
        The metrics of ``SKIP_METRICS``.
    """
    actor = config.actor_rollout_ref.actor
    advantages = read_rows(batch, "advantages")
    plan = plan_update(
        live=[bool(row_T.any()) for row_T in advantages],
        tokens=[int(tag["seq_len"]) for tag in batch.tags],
        ranks=data_parallel_ranks(workers),
        mini_batch=actor.ppo_mini_batch_size * config.actor_rollout_ref.rollout.n,
        largest_micro_batch=None if actor.use_dynamic_bsz else actor.ppo_micro_batch_size_per_gpu,
    )
    part = batch.select_keys([batch.keys[row] for row in plan.rows])
    rescale = actor.loss_agg_mode == "token-mean" and len(plan.rows) < len(batch)
    own = [advantages[row] for row in plan.rows]
    if rescale:
        kept = plan.tokens_kept([int(row_T.sum()) for row_T in read_rows(batch, "loss_mask")])
        scaled = [row_T * share for row_T, share in zip(own, kept, strict=True)]
        write_rows(batch, part.keys, [{"advantages": row_T} for row_T in scaled])
    _with_plan(workers, plan, lambda: update(part))
    if rescale:
        # verl's metrics of the step read them after the update.
        write_rows(batch, part.keys, [{"advantages": row_T} for row_T in own])
    return {ROWS_SKIPPED: 1 - len(plan.rows) / len(batch)}


def skips_unread_rows(config: DictConfig, care: CareConfig | None) -> bool:
    """Whether the log-prob pass of this run leaves out rows that nobody reads.

    Their place is taken by the log-probabilities that the rollout has recorded, so these must be there; and verl's
    rollout correction must not compare the two.

    Args:
        config: verl's.
        care: ``algorithm.care``, or None for another estimator.
    """
    algorithm = config.algorithm
    if care is None:
        # With the KL in the reward, advantages need what this pass finds.
        told = algorithm.adv_estimator in FROM_REWARDS and not algorithm.use_kl_in_reward
        wanted = told and algorithm.get("skip_dead_rows", False) is True
    else:
        wanted = care.skip_dead_rows is not False
    correction = algorithm.get("rollout_correction") or {}
    corrects = any(correction.get(name) for name in ("rollout_is", "rollout_rs", "bypass_mode"))
    recorded = config.actor_rollout_ref.rollout.calculate_log_probs or (care is not None and care.rgr.enable)
    return bool(wanted and recorded and not corrects)


def rows_that_grpo_moves(batch: Batch, config: DictConfig) -> list[int]:
    """The rows to which verl's GRPO will give an advantage, told from their rewards by verl's own function."""
    from verl.protocol import DataProto
    from verl.trainer.ppo.v1.utils import compute_advantage_for_multi_trajectories

    mask_BT, rewards_BT = read_padded(batch, "response_mask"), read_padded(batch, "rm_scores")
    data = DataProto.from_dict(
        tensors={"response_mask": mask_BT, "token_level_rewards": rewards_BT},
        non_tensors={"uid": np.array(read_objects(batch, "uid"), dtype=object)},
    )
    found = compute_advantage_for_multi_trajectories(
        data,
        batch_keys=batch.keys,
        adv_estimator=config.algorithm.adv_estimator,
        norm_adv_by_std_in_grpo=config.algorithm.get("norm_adv_by_std_in_grpo", True),
        config=config.algorithm,
    )
    return found.batch["advantages"].any(dim=-1).nonzero()[:, 0].tolist()


def log_probs_of(batch: Batch, plan: PassPlan, compute: Callable[[Batch], object]) -> dict[str, float]:
    """Have the log-prob pass look at some rows; of the others stands what was sampled, and an embedding of zeros.

    Args:
        batch: The step's rows.
        plan: ``plan_pass`` for the rows to look at.
        compute: verl's own pass, which writes what it finds.

    Returns:
        ``ROWS_UNREAD``.
    """
    part = run_pass(batch, plan, compute)
    others = _others(batch, plan)
    fields: list[dict[str, object]] = [
        {"old_log_probs": sampled_T, "entropy": torch.zeros_like(sampled_T)}
        for sampled_T in (read_rows(batch.select_keys(others), "rollout_log_probs") if others else [])
    ]
    if others and batch.extra_info.get(REQUEST):
        nothing_H = torch.zeros_like(read_rows(part.select_keys(part.keys[:1]), EMBEDDINGS)[0])
        fields = [{**row, EMBEDDINGS: nothing_H} for row in fields]
    write_rows(batch, others, fields)
    return {ROWS_UNREAD: len(others) / len(batch)}


def reference_log_probs_of(batch: Batch, plan: PassPlan, compute: Callable[[Batch], object]) -> None:
    """The same for the reference pass, of which only the KL of rows that teach is read."""
    run_pass(batch, plan, compute)
    others = _others(batch, plan)
    sampled = read_rows(batch.select_keys(others), "rollout_log_probs") if others else []
    write_rows(batch, others, [{"ref_log_prob": sampled_T} for sampled_T in sampled])


def _others(batch: Batch, plan: PassPlan) -> list[str]:
    looked_at = set(plan.rows)
    return [key for row, key in enumerate(batch.keys) if row not in looked_at]


def _with_plan(workers: RayWorkerGroup, plan: UpdatePlan, run: Callable[[], object]) -> None:
    """Have the workers cut what they get into the plan's mini-batches and micro-batches.

    verl sets the size of a mini-batch, of which there would be fewer now, inside the method that calls the workers;
    they take the number of mini-batches as well. Can go when verl's trainer lets a caller say which.
    """
    stock = workers.update_actor

    def update_actor(part: Batch) -> object:
        part.extra_info.pop("mini_batch_size")
        part.extra_info["num_mini_batch"] = plan.mini_batches
        if plan.micro_batch is not None:
            part.extra_info["micro_batch_size_per_gpu"] = plan.micro_batch
        return stock(part)

    workers.update_actor = update_actor
    try:
        run()
    finally:
        workers.update_actor = stock
