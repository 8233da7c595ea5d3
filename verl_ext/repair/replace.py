# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""RGR in the trainer: choose one repaired failure per group by the true embeddings, and put its repair in its place.

It runs between the log-prob pass over the original rows, which the embeddings come from, and everything that follows.
The batch keeps its keys, its size and its order; a second, small log-prob pass covers the replaced rows.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, cast

import torch

from recipe.care.config import CareConfig
from recipe.care.errors import CareDataError
from recipe.care.method.off_policy import importance_weights
from recipe.care.repair.choose import Outcome, choose_representatives, rgr_metrics
from verl_ext.engine.engine import POOL_MASK
from verl_ext.repair.record import DECODED_AT, REPAIR, Repair, ReplacementRow, without_repair
from verl_ext.step.compute import Attempt, Repairs, Selectable, Step, select
from verl_ext.step.passes import PassPlan, run_pass
from verl_ext.step.rollouts import Batch, Tag, read_extra_fields, read_rows, write_rows

if TYPE_CHECKING:
    from omegaconf import DictConfig

logger = logging.getLogger(__name__)

MANAGER = "verl_ext.repair.worker.CareAgentLoopManager"


def install_manager(config: DictConfig) -> None:
    """Let the agent-loop workers of this run repair failures, unless the user chose workers of their own.

    Sampled log-probabilities are asked for in any case.
    """
    from omegaconf import open_dict

    rollout = config.actor_rollout_ref.rollout
    agent = rollout.agent
    chosen = agent.get("agent_loop_manager_class")
    # What a failed repair was sampled with says how far it may be pushed down.
    rollout.calculate_log_probs = True
    if chosen is None:
        with open_dict(rollout):
            agent.agent_loop_manager_class = MANAGER
            # Rollouts keep their order, which is that of arrival; repairs do not queue behind those of other prompts.
            rollout.scheduling_policy = "priority"
    elif chosen != MANAGER:
        logger.warning(
            f"actor_rollout_ref.rollout.agent.agent_loop_manager_class={chosen} is kept; unless it derives from "
            f"{MANAGER}, no failure is repaired. Set +algorithm.care.rgr.enable=false if that is meant."
        )


class StepRepairs:
    """The repairs of the rows of one step, after its log-prob pass."""

    def __init__(self, batch: Batch, step: Step, care: CareConfig) -> None:
        self.care = care
        self.rollouts = step.rollouts
        self.extra_fields = read_extra_fields(batch)
        # A padding row is a copy of a real one, its repair included.
        self.candidates = [
            Repair.unpacked(extra[REPAIR]) if REPAIR in extra and not tag.get("is_padding", False) else None
            for tag, extra in zip(batch.tags, self.extra_fields, strict=True)
        ]
        self.reports = [None if one is None else one.report for one in self.candidates]
        self.originals = Selectable.of(step, care)
        result = select(self.rollouts, self.originals, care)
        self.chosen = choose_representatives(
            result=result,
            acc=self.rollouts.acc.tolist(),
            group=self.rollouts.group,
            reports=self.reports,
            config=care.rgr,
        )

    @property
    def replaced(self) -> list[int]:
        """Rows that take the text of their repair."""
        return [row for row in self.chosen.rows if self._takes_text(row)]

    def _takes_text(self, row: int) -> bool:
        report = self.reports[row]
        return report is not None and (report.outcome is Outcome.PASSED or self.care.rgr.on_fail == "reflected")

    def write(self, batch: Batch) -> None:
        """Replace the texts of the chosen rows, and take the repairs out of every row that carries some."""
        replaced = set(self.replaced)
        tidy = [row for row, extra in enumerate(self.extra_fields) if REPAIR in extra and row not in replaced]
        own = [{"extra_fields": without_repair(self.extra_fields[row])} for row in tidy]
        write_rows(batch, [batch.keys[row] for row in tidy], own)
        keys = [batch.keys[row] for row in self.replaced]
        fields = [self._fields(row) for row in self.replaced]
        write_rows(batch, keys, fields, [self._tags(batch.tags[row], row) for row in self.replaced])

    def _replacement(self, row: int) -> ReplacementRow:
        candidate = self.candidates[row]
        assert candidate is not None and candidate.row is not None
        return candidate.row

    def _fields(self, row: int) -> dict[str, object]:
        new = self._replacement(row)
        if new.text.log_probs is None:
            raise CareDataError(
                "algorithm.care.rgr.enable=true: the agent loop returned no log-probabilities, which say how far "
                "a failed repair may be pushed down. Let it return them, or set algorithm.care.rgr.enable=false."
            )
        mask_T = torch.tensor(new.text.response_mask, dtype=torch.int64)
        rewards_T = torch.zeros(len(mask_T))
        rewards_T[-1] = new.reward
        fields: dict[str, object] = {
            "responses": torch.tensor(new.text.response_ids, dtype=torch.int64),
            "response_mask": mask_T,
            "loss_mask": mask_T,
            "input_ids": new.input_ids,
            "position_ids": new.position_ids,
            "rm_scores": rewards_T,
            "rollout_log_probs": torch.tensor(new.text.log_probs, dtype=torch.float32),
            "extra_fields": {
                **without_repair(self.extra_fields[row]),
                "reward_extra_info": dict(new.reward_extra_info),
            },
        }
        if self.rollouts.think_embeddings is not None:
            # Nobody pools again, but the field must stay as long as the response.
            fields[POOL_MASK] = mask_T
        return fields

    def _tags(self, tags: Tag, row: int) -> dict[str, object]:
        new = self._replacement(row)
        changed: dict[str, object] = {
            "response_len": len(new.text.response_ids),
            "seq_len": len(new.input_ids),
        }
        for name, pick, version in (
            ("min_global_steps", min, new.min_global_steps),
            ("max_global_steps", max, new.max_global_steps),
        ):
            if version is not None and tags.get(name) is not None:
                changed[name] = pick(cast(int, tags[name]), version)
        return changed

    def result(self, log_probs: Mapping[int, RowLogProbs]) -> Repairs:
        """What the advantages need to know; ``log_probs`` are those of the replaced rows."""
        repaired_B = torch.zeros(len(self.rollouts.keys), dtype=torch.bool)
        repaired_B[self.chosen.rows] = True
        importance = {}
        if self.care.rgr.importance == "truncated":
            importance = {row: importance_weights(one.old_N, one.sampled_N) for row, one in log_probs.items()}
        used = set(self.replaced)
        tried = ((row, candidate) for row, candidate in enumerate(self.candidates) if candidate is not None)
        attempts = {row: self._attempt(row, candidate, row in used) for row, candidate in tried}
        return Repairs(repaired_B, self.originals, self.rollouts.acc, importance, attempts)

    def _attempt(self, row: int, candidate: Repair, used: bool) -> Attempt:
        new = candidate.row
        return Attempt(
            outcome=candidate.report.outcome,
            used=used,
            failed_ids=self.rollouts.response_ids[row, : int(self.rollouts.response_len[row])],
            failed_reward=float(self.rollouts.rewards[row]),
            ids=() if new is None else new.text.response_ids,
            reward_extra={} if new is None else new.reward_extra_info,
        )

    def metrics(self, log_probs: Mapping[int, RowLogProbs]) -> dict[str, float]:
        """The metrics under ``care/rgr/``; ``log_probs`` are those of the replaced rows."""
        decoded = [cast(float, extra[DECODED_AT]) for extra in self.extra_fields if DECODED_AT in extra]
        apart = [(one.old_N - one.sampled_N).abs()[one.trained_N != 0] for one in log_probs.values()]
        mismatch = float(torch.cat(apart).mean()) if apart else 0.0
        return rgr_metrics(self.reports, self.chosen, len(self.replaced), max(decoded, default=0.0), mismatch)


class RowLogProbs(NamedTuple):
    """Log-probabilities of the N tokens of a row that holds a repair."""

    old_N: torch.Tensor
    """Under the policy that is about to be updated, at the plain prompt."""
    sampled_N: torch.Tensor
    """When they were sampled, after failed rationale and cue."""
    trained_N: torch.Tensor
    """1 where the policy wrote the token."""


def refresh_log_probs(
    batch: Batch, rows: Sequence[int], plan: PassPlan, compute: Callable[[Batch], object]
) -> dict[int, RowLogProbs]:
    """Recompute the old log-probabilities of ``rows`` and of no other.

    Args:
        batch: The step's rows.
        rows: Rows whose text was replaced.
        plan: ``plan_pass`` for them.
        compute: verl's own log-prob pass, which writes what it finds.

    Returns:
        What is known of each of ``rows``.
    """
    fill = [batch.keys[row] for row in plan.rows[len(rows) :]]
    kept = read_rows(batch.select_keys(fill), "old_log_probs") if fill else []
    part = run_pass(batch, plan, compute)
    # The same numbers up to rounding, which depends on who shares a micro-batch: rows that were filled in keep theirs.
    write_rows(batch, fill, [{"old_log_probs": logp} for logp in kept])
    replaced = batch.select_keys(part.keys[: len(rows)])
    fields = ("old_log_probs", "rollout_log_probs", "response_mask")
    columns = zip(rows, *(read_rows(replaced, name) for name in fields), strict=True)
    return {row: RowLogProbs(*of_row) for row, *of_row in columns}


def hide_from_rollout_correction(batch: Batch, log_probs: Mapping[int, RowLogProbs]) -> None:
    """Take rewritten rows out of verl's rollout correction, for which they look like a rollout that has gone astray.

    Their sampled log-probabilities belong to another prompt. Importance weights would undo the repairs that are most
    worth learning, and a rejection mask would drop them; what the difference should weigh is CARE's to say.
    """
    keys = [batch.keys[row] for row in log_probs]
    write_rows(batch, keys, [{"rollout_log_probs": one.old_N} for one in log_probs.values()])
