# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What repairs rely on in verl 0.9.1, and what they cannot go together with."""

import asyncio
import inspect

import hydra
import pytest
import ray

from recipe.care.errors import CareConfigError
from verl_ext.checks.dry_run import compose
from verl_ext.checks.validation import validate_run
from verl_ext.repair.requests import RequestRecorder, request_id_of_task
from verl_ext.repair.worker import CareAgentLoopManager, CareAgentLoopWorker


def parameters(function) -> list[str]:
    """Without what Ray adds to an actor's methods for its tracing."""
    return [name for name in inspect.signature(function).parameters if name != "_ray_trace_ctx"]


def test_the_worker_derives_from_the_class_behind_verls_actor():
    from verl.trainer.ppo.v1.agent_loop_tq import AgentLoopWorkerTQ

    assert isinstance(AgentLoopWorkerTQ, ray.actor.ActorClass)
    (plain,) = (one for one in CareAgentLoopWorker.__mro__ if one.__name__ == "AgentLoopWorkerTQ")
    assert plain is AgentLoopWorkerTQ.__ray_actor_class__
    assert issubclass(AgentLoopWorkerTQ.__ray_metadata__.modified_class, plain)
    assert ray.remote(CareAgentLoopWorker) is not None


def test_overridden_methods_have_the_signatures_that_are_forwarded():
    plain = CareAgentLoopWorker.__mro__[2]
    assert parameters(plain._run_prompt) == ["self", "prompt", "sampling_params", "trajectory", "trace"]
    assert parameters(plain._agent_loop_postprocess) == ["self", "output", "validate", "kwargs"]
    assert parameters(plain._run_agent_loop)[:3] == ["self", "sampling_params", "trajectory"]
    assert parameters(plain._compute_score) == ["self", "outputs", "kwargs"]
    assert parameters(plain._compute_multi_modal_inputs) == ["self", "output", "input_ids"]
    assert parameters(plain._compute_position_ids)[:4] == ["self", "input_ids", "attention_mask", "multi_modal_inputs"]


def test_a_session_runs_and_is_published_where_the_repairs_expect_it():
    """Repairs sit inside ``_run_agent_loop``; verl publishes a group after all of these have returned."""
    source = inspect.getsource(CareAgentLoopWorker.__mro__[2]._run_prompt)
    assert source.index("self._run_agent_loop(") < source.index("_settle_session_tasks(") < source.index('"finished"')
    assert 'prompt.pop("__rollout_n__"' in source


def test_the_manager_starts_workers_of_its_class():
    from verl.experimental.agent_loop import AgentLoopManager

    assert "self.agent_loop_workers_class.options" in inspect.getsource(AgentLoopManager._init_agent_loop_workers)
    assert issubclass(CareAgentLoopManager, AgentLoopManager)


def test_requests_are_asked_as_verls_client_wants_them():
    from verl.workers.rollout.llm_server import FullyAsyncLLMServerClient, LLMServerClient

    for client in (LLMServerClient, FullyAsyncLLMServerClient):
        assert parameters(client.generate)[:8] == [
            *("self", "request_id", "prompt_ids", "sampling_params", "image_data", "video_data", "audio_data"),
            "mm_processor_kwargs",
        ]


class Client:
    name = "client"
    _acquire_server = None

    async def generate(self, request_id, **kwargs):
        return request_id, kwargs


def test_the_recorder_reaches_the_agent_loop_through_hydra_and_notes_the_id():
    async def ask():
        recorder = RequestRecorder(Client())
        loop = hydra.utils.instantiate({"_target_": "types.SimpleNamespace"}, server_manager=recorder)
        assert isinstance(loop.server_manager, RequestRecorder) and loop.server_manager.name == "client"
        answer = await loop.server_manager.generate("r-1", prompt_ids=[1])
        return answer, request_id_of_task.get()

    assert asyncio.run(ask()) == (("r-1", {"prompt_ids": [1]}), "r-1")


def test_a_pass_over_few_rows_may_bring_its_own_micro_batch_size():
    from verl.workers.engine_workers import TrainingWorker

    source = inspect.getsource(TrainingWorker.infer_batch)
    assert "micro_batch_size_per_gpu=self.engine_config.infer_micro_batch_size_per_gpu" in source
    assert "if key not in data.keys():" in source


BASE = ["algorithm.adv_estimator=care", "actor_rollout_ref.rollout.n=8"]


@pytest.mark.parametrize(
    "override", ["actor_rollout_ref.rollout.enable_rollout_routing_replay=True", "distillation.enabled=True"]
)
def test_what_is_recorded_per_token_of_the_rollout_is_refused(override):
    with pytest.raises(CareConfigError, match=r"algorithm\.care\.rgr\.enable=false"):
        validate_run(compose([*BASE, override]))
    assert validate_run(compose([*BASE, override, "+algorithm.care.rgr.enable=false"])).k == 4


def test_dynamic_sampling_by_reward_would_drop_what_repairs_made_mixed(caplog):
    dapo = [*BASE, "algorithm.filter_groups.enable=True", "+algorithm.care.rgr.groups=failed"]
    validate_run(compose([*dapo, "algorithm.filter_groups.metric=acc"]))
    assert "filter_groups" not in caplog.text
    validate_run(compose([*dapo, "algorithm.filter_groups.metric=reward"]))
    assert "Set algorithm.filter_groups.metric=acc" in caplog.text


def test_bypass_mode_trains_a_rewritten_row_against_numbers_of_another_context(caplog):
    bypass = [*BASE, "+algorithm.care.selector=lexical", "algorithm.rollout_correction.bypass_mode=True"]
    validate_run(compose([*bypass, "+algorithm.care.rgr.target=continue"]))
    assert not caplog.records
    validate_run(compose(bypass))
    assert "algorithm.care.rgr.target=continue" in caplog.text
