# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What repairs send is what verl 0.9.1's SGLang server takes, read from its source: SGLang is not in any environment.

CARE has not run with SGLang. These are the seams that would show first.
"""

import ast
import asyncio
import importlib.util
import inspect
import textwrap
from pathlib import Path

import pytest
import ray
from omegaconf import OmegaConf
from verl.workers.rollout.llm_server import LLMServerClient
from verl.workers.rollout.router import GlobalRequestLoadBalancer

from verl_ext.repair.requests import FIRST, RequestRecorder

SERVER = "verl.workers.rollout.sglang_rollout.async_sglang_server"


@pytest.fixture(scope="module")
def generate() -> ast.AsyncFunctionDef:
    """The server's ``generate``, without importing SGLang."""
    package = importlib.util.find_spec("verl.workers.rollout.sglang_rollout")
    tree = ast.parse((Path(package.submodule_search_locations[0]) / "async_sglang_server.py").read_text())
    (server,) = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "SGLangHttpServer")
    (method,) = (one for one in server.body if isinstance(one, ast.AsyncFunctionDef) and one.name == "generate")
    return method


@ray.remote(num_cpus=0)
class Server:
    """Notes the names of what it is asked with."""

    def __init__(self):
        self.names = []

    async def generate(self, **asked):
        from verl.workers.rollout.replica import TokenOutput

        self.names = sorted(asked)
        return TokenOutput(token_ids=[5], log_probs=[-0.5], stop_reason="stop")

    async def seen(self):
        return self.names


@pytest.fixture(scope="module")
def asked():
    """What verl's client sends an SGLang server of a repair's request."""
    started_here = not ray.is_initialized()
    if started_here:
        ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    server = Server.remote()
    balancer = ray.remote(num_cpus=0)(GlobalRequestLoadBalancer).remote({"one": server})
    config = OmegaConf.create({"actor_rollout_ref": {"rollout": {"name": "sglang"}}})

    async def ask():
        # The very arguments of verl_ext.repair.worker, for a prompt with images.
        answer = await RequestRecorder(LLMServerClient(config, balancer)).generate(
            request_id="r",
            prompt_ids=[1, 2],
            sampling_params={"temperature": 0.6, "top_p": 0.95, "max_tokens": 5, "logprobs": True},
            image_data=["picture"],
            video_data=None,
            audio_data=None,
            mm_processor_output=None,
            mm_processor_kwargs={},
            priority=FIRST,
        )
        return answer, await server.seen.remote()

    yield asyncio.run(ask())
    if started_here:
        ray.shutdown()


def test_a_repairs_request_has_the_servers_arguments(generate, asked):
    """Priority among them for vLLM only: SGLang's server would refuse the keyword."""
    _, names = asked
    taken = [argument.arg for argument in generate.args.args]
    assert names == sorted(["prompt_ids", "sampling_params", "request_id", "image_data", "video_data"])
    assert set(names) <= set(taken) and "priority" not in taken


def test_the_answer_is_what_repairs_read(asked):
    answer, _ = asked
    assert (answer.token_ids, answer.log_probs, answer.stop_reason) == ([5], [-0.5], "stop")


def test_the_worker_sends_no_more_than_that():
    """The test's arguments are those of the source."""
    from verl_ext.repair.worker import RepairingMixin

    source = inspect.getsource(RepairingMixin._decode_and_score)
    (call,) = (
        node
        for node in ast.walk(ast.parse(textwrap.dedent(source)))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "self.llm_client.generate"
    )
    media = ["image_data", "video_data", "audio_data", "mm_processor_output", "mm_processor_kwargs"]
    expected = ["request_id", "prompt_ids", "sampling_params", *media, "priority"]
    assert sorted(keyword.arg for keyword in call.keywords) == sorted(expected)


def test_sampling_settings_are_translated(generate):
    """``max_tokens`` and ``logprobs`` are vLLM's names; the rest (temperature, top_p) SGLang shares."""
    source = ast.unparse(generate)
    assert "sampling_params.pop('max_tokens')" in source and "sampling_params.pop('logprobs', False)" in source
    assert "sampling_params['max_new_tokens'] = max_new_tokens" in source
    assert "'input_ids': prompt_ids" in source and "'rid': request_id" in source


def test_a_request_that_is_given_up_is_cancelled_at_its_only_wait(generate):
    """Ray cancels the actor's task there; whether SGLang then stops decoding has not been seen."""
    waits = [ast.unparse(node.value) for node in ast.walk(generate) if isinstance(node, ast.Await)]
    assert "self.tokenizer_manager.generate_request(generate_request, None).__anext__()" in waits


def test_an_aborted_answer_is_recognised(generate):
    """Its stop reason is passed on as SGLang names it."""
    from verl_ext.repair.worker import ABORTED

    assert "stop_reason=finish_reason" in ast.unparse(generate) and "abort" in ABORTED
