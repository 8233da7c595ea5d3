# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Agent-loop worker that repairs failures while other prompts still decode (Reflection-Guided Resampling).

The last rollout of a training prompt to settle repairs some of the group's failures before its own task ends. verl
publishes a group as finished only then, so the batch keeps its shape, the engine is not woken again, and repairs share
the server's continuous batching with everything else. Validation prompts take verl's own path.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import threading
import time
from collections.abc import Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

import ray
import torch
import transfer_queue as tq
from verl.experimental.agent_loop import AgentLoopOutput
from verl.experimental.agent_loop.agent_loop import AgentLoopMetrics
from verl.trainer.ppo.v1.agent_loop_tq import AgentLoopManagerTQ, AgentLoopWorkerTQ
from verl.utils.tensordict_utils import list_of_dict_to_tensordict

from recipe.care.config import CareConfig
from recipe.care.repair.choose import Outcome, RepairReport
from recipe.care.repair.plan import LengthLimits, RepairPlan
from verl_ext.checks.validation import dynamic_sampling
from verl_ext.repair.group import Group, Picker, Sibling, verdict_of
from verl_ext.repair.record import DECODED_AT, Repair, ReplacementRow, with_repairs
from verl_ext.repair.requests import FIRST, RequestRecorder, request_id_of_task

if TYPE_CHECKING:
    from verl.workers.rollout.replica import TokenOutput

logger = logging.getLogger(__name__)

LAST_WORDS_S = 3.0
"""Time given to Ray to pass on the message that ends a run."""
ABORTED = ("aborted", "abort")

_group: ContextVar[Group | None] = ContextVar("care_group", default=None)
"""The group of the training prompt this task belongs to; None for validation."""


class RepairingMixin:
    """The repairs of an agent-loop worker of verl's V1 trainer."""

    config: Any
    llm_client: Any
    picker: Picker | None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.picker = None
        if self.reward_loop_worker_handles is None:  # type: ignore[attr-defined]
            logger.warning(
                "algorithm.care.rgr.enable=true: the reward model shares the policy's devices and scores only after "
                "the rollout, so no failure can be repaired. Give it its own (reward.reward_model.enable_resource_pool)"
            )
            return
        self.llm_client = RequestRecorder(self.llm_client)
        care = CareConfig.of_run(self.config.algorithm.get("care"))
        self.picker = Picker.build(care, self.tokenizer, self._length_limits())  # type: ignore[attr-defined]

    def _length_limits(self) -> LengthLimits:
        from verl.workers.rollout.utils import get_max_position_embeddings

        rollout = self.rollout_config  # type: ignore[attr-defined]
        longest = rollout.max_model_len or get_max_position_embeddings(self.model_config.hf_config)  # type: ignore[attr-defined]
        return LengthLimits(response=rollout.response_length, model=longest)

    async def _run_prompt(
        self, prompt: dict[str, Any], sampling_params: dict[str, Any], trajectory: dict[str, Any], trace: bool = False
    ) -> None:
        run = super()._run_prompt  # type: ignore[misc]
        if trajectory["validate"] or self.picker is None:
            return await run(prompt, sampling_params, trajectory=trajectory, trace=trace)
        size = prompt.get("__rollout_n__", self.config.actor_rollout_ref.rollout.n)
        token = _group.set(Group(size, sampling_params))
        try:
            await run(prompt, sampling_params, trajectory=trajectory, trace=trace)
        finally:
            _group.reset(token)

    async def _run_agent_loop(self, *args: Any, **kwargs: Any) -> None:
        run, group = super()._run_agent_loop, _group.get()  # type: ignore[misc]
        try:
            await run(*args, **kwargs)
        except Exception:
            # A sibling that fails last must not cost the others their repairs.
            await self._settle(group)
            raise
        await self._settle(group)

    async def _agent_loop_postprocess(
        self, output: AgentLoopOutput | list[AgentLoopOutput], validate: bool, **kwargs: Any
    ) -> None:
        postprocess, group = super()._agent_loop_postprocess, _group.get()  # type: ignore[misc]
        if group is None or isinstance(output, list):
            return await postprocess(output, validate, **kwargs)
        output.extra_fields[DECODED_AT] = time.time()
        await postprocess(output, validate, **kwargs)
        key = f"{kwargs['uid']}_{kwargs['session_id']}_0"
        group.add(Sibling(key, output, kwargs, request_id_of_task.get() or uuid4().hex))

    async def _settle(self, group: Group | None) -> None:
        if group is None or not group.settle():
            return
        try:
            await self._repair_group(group)
        except Exception:
            # Repairs are an extra: whatever goes wrong with them, the group trains on what it has.
            logger.exception("CARE could not repair a group; it goes on without (algorithm.care.rgr)")

    async def _repair_group(self, group: Group) -> None:
        rollouts_done = time.time()
        picker = cast(Picker, self.picker)
        candidates = picker.candidates(group.siblings)
        if not candidates:
            return
        tasks = (
            self._repair(failure, plan, rank, group.sampling_params, rollouts_done)
            for rank, (failure, plan) in enumerate(candidates)
        )
        repairs = await asyncio.gather(*tasks)
        used = 1 if picker.care.rgr.fill_to is None else len(candidates)
        extras = with_repairs(
            [failure.output.extra_fields for failure, _ in candidates],
            repairs,
            shown=0 if dynamic_sampling(self.config) is None else used,
        )
        await tq.async_kv_batch_put(
            keys=[failure.key for failure, _ in candidates],
            fields=list_of_dict_to_tensordict([{"extra_fields": extra} for extra in extras]),
            partition_id="train",
        )

    async def _repair(
        self,
        failure: Sibling,
        plan: RepairPlan | None,
        rank: int,
        sampling_params: Mapping[str, object],
        rollouts_done: float,
    ) -> Repair:
        started, tokens, row = time.time(), 0, None
        if plan is None:
            outcome = Outcome.OVER_BUDGET
        else:
            try:
                work = self._decode_and_score(failure, plan, sampling_params)
                outcome, tokens, row = await asyncio.wait_for(work, self.llm_client.repair_limit_s)
            except Exception as error:
                logger.warning("CARE: the repair of %s failed: %r", failure.key, error, exc_info=True)
                outcome = Outcome.FAILED_REQUEST
        done = time.time()
        return Repair(RepairReport(outcome, rank, tokens, done - started, rollouts_done, done), row)

    async def _decode_and_score(
        self, failure: Sibling, plan: RepairPlan, sampling_params: Mapping[str, object]
    ) -> tuple[Outcome, int, ReplacementRow | None]:
        picker, failed = cast(Picker, self.picker), failure.output
        media = failed.multi_modal_data or {}
        rgr = picker.care.rgr
        overrides = {"temperature": rgr.temperature, "top_p": rgr.top_p, "max_tokens": plan.max_tokens}
        answer: TokenOutput = await self.llm_client.generate(
            request_id=failure.request_id,
            prompt_ids=plan.request_ids,
            sampling_params={**sampling_params, **{k: v for k, v in overrides.items() if v is not None}},
            image_data=media.get("images"),
            video_data=media.get("videos"),
            audio_data=media.get("audios"),
            mm_processor_output=failed.mm_processor_output,
            mm_processor_kwargs=failed.mm_processor_kwargs,
            priority=FIRST,
        )
        if not answer.token_ids or answer.stop_reason in ABORTED:
            return Outcome.DISCARDED, len(answer.token_ids), None
        text = picker.row(plan, answer.token_ids, answer.log_probs)
        repaired = AgentLoopOutput(
            prompt_ids=failed.prompt_ids,
            response_ids=text.response_ids,
            response_mask=text.response_mask,
            response_logprobs=text.log_probs,
            multi_modal_data=failed.multi_modal_data,
            mm_processor_kwargs=failed.mm_processor_kwargs,
            num_turns=failed.num_turns,
            metrics=AgentLoopMetrics(),
            extra_fields={"turn_scores": [], "tool_rewards": []},
        )
        await self._compute_score([repaired], kwargs=failure.row_kwargs)  # type: ignore[attr-defined]
        reward = repaired.reward_score
        if reward is None or math.isnan(reward):
            return Outcome.DISCARDED, len(answer.token_ids), None
        verdict = verdict_of(repaired, picker.care.positive_threshold)
        if verdict.left_out is not None:
            return Outcome.DISCARDED, len(answer.token_ids), None
        input_ids, position_ids = self._positions(repaired)
        row = ReplacementRow(
            text=text,
            reward=reward,
            reward_extra_info=repaired.extra_fields["reward_extra_info"],
            input_ids=input_ids,
            position_ids=position_ids,
            min_global_steps=answer.extra_fields.get("min_global_steps"),
            max_global_steps=answer.extra_fields.get("max_global_steps"),
        )
        return Outcome.PASSED if verdict.acc > 0.5 else Outcome.FAILED, len(answer.token_ids), row

    def _positions(self, output: AgentLoopOutput) -> tuple[torch.Tensor, torch.Tensor]:
        """(L,) ids of prompt and response and their positions, as verl's own postprocessing makes them."""
        input_ids = torch.tensor([*output.prompt_ids, *output.response_ids], dtype=torch.int64)
        media = self._compute_multi_modal_inputs(output, input_ids)  # type: ignore[attr-defined]
        batch_of_one = input_ids.unsqueeze(0)
        positions = self._compute_position_ids(batch_of_one, torch.ones_like(batch_of_one), media)  # type: ignore[attr-defined]
        return input_ids, positions.squeeze(0)


class CareAgentLoopWorker(RepairingMixin, AgentLoopWorkerTQ.__ray_actor_class__):
    """verl's worker with repairs; Ray's actor classes cannot be derived from, so this takes the class behind."""

    async def live(self) -> None:
        """Never return: whoever waits for this learns of the worker's death."""
        await asyncio.Event().wait()


class CareAgentLoopManager(AgentLoopManagerTQ):
    """verl's manager of such workers, which stops the run when one of them dies.

    verl hands prompts to its workers without waiting for an answer, so the trainer would wait forever for the rollouts
    and repairs a dead worker had begun.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.agent_loop_workers_class = ray.remote(CareAgentLoopWorker)

    async def _init_agent_loop_workers(self) -> None:
        await super()._init_agent_loop_workers()
        lives = [worker.live.remote() for worker in self.agent_loop_workers]
        threading.Thread(target=stop_when_one_ends, args=(lives,), daemon=True, name="care-workers").start()


def stop_when_one_ends(lives: list[ray.ObjectRef]) -> None:
    """End this process, the trainer, as soon as a worker has died; a new start goes on from the last checkpoint."""
    ended, _ = ray.wait(lives, num_returns=1)
    try:
        ray.get(ended[0])
    except ray.exceptions.RayError as error:
        logger.critical(
            "CARE: an agent-loop worker died, and with it rollouts of this step; the run stops. Start it again and it "
            "resumes from its last checkpoint (trainer.resume_mode=auto). Ray says: %s",
            error,
        )
        logging.shutdown()
        # Ray reads what a worker prints from a file, now and then; once the worker is gone nobody passes it on.
        time.sleep(LAST_WORDS_S)
        os._exit(1)
