# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Requests to the rollout servers: verl's own clients and load balancer over Ray, and a server that never answers."""

import asyncio

import pytest
import ray
from omegaconf import OmegaConf
from verl.workers.rollout.llm_server import FullyAsyncLLMServerClient, LLMServerClient
from verl.workers.rollout.router import GlobalRequestLoadBalancer

from verl_ext.repair import requests as rgr_requests
from verl_ext.repair.requests import FIRST, RequestRecorder


@ray.remote(num_cpus=0)
class Server:
    """Decodes until it is told to stop."""

    def __init__(self):
        self.asked, self.stopped = [], []

    async def generate(self, prompt_ids, sampling_params, request_id, image_data=None, video_data=None, priority=0):
        self.asked.append(priority)
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            self.stopped.append(priority)
            raise

    async def seen(self):
        return {"asked": self.asked, "stopped": self.stopped}


@pytest.fixture
def server(transfer_queue):
    """The fixture it asks for has started Ray."""
    return Server.remote()


@pytest.mark.parametrize("kind", [LLMServerClient, FullyAsyncLLMServerClient])
def test_a_request_that_is_given_up_ends_on_the_server(server, kind):
    balancer = ray.remote(num_cpus=0)(GlobalRequestLoadBalancer).remote({"one": server})
    config = OmegaConf.create({"actor_rollout_ref": {"rollout": {"name": "vllm"}}})

    async def seen(what):
        while not (found := (await server.seen.remote())[what]):
            await asyncio.sleep(0.1)
        return found

    async def give_up():
        client = RequestRecorder(kind(config, balancer))
        asking = client.generate("r", prompt_ids=[1], sampling_params={"max_tokens": 5}, priority=FIRST)
        waiting = asyncio.create_task(asking)
        assert await seen("asked") == [FIRST]
        waiting.cancel()
        return await seen("stopped")

    assert asyncio.run(asyncio.wait_for(give_up(), 120)) == [FIRST]


class Slow:
    """Answers after as many seconds as the prompt says."""

    _acquire_server = None

    async def generate(self, request_id, *, prompt_ids):
        await asyncio.sleep(prompt_ids[0])
        return "answer"


def test_the_limit_grows_with_the_slowest_answer(monkeypatch):
    """Queueing and pauses for new weights are in a rollout's time as they are in a repair's."""

    async def ask():
        recorder = RequestRecorder(Slow())
        limits = [recorder.repair_limit_s]
        for seconds in (0.3, 0.0):
            await recorder.generate("r", prompt_ids=[seconds])
            limits.append(recorder.repair_limit_s)
        return limits

    assert asyncio.run(ask()) == [300.0, 300.0, 300.0]
    monkeypatch.setattr(rgr_requests, "SHORTEST_LIMIT_S", 0.1)
    first, after_slow, after_quick = asyncio.run(ask())
    assert first == 0.1 and 0.9 <= after_slow < 5 and after_quick == after_slow
