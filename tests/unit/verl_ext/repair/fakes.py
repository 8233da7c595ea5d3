# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What surrounds a rollout worker, as far as a repair touches it: tokenizer, server, loop, TransferQueue, scores."""

import asyncio
from types import SimpleNamespace

import torch
from omegaconf import OmegaConf
from transformers.convert_slow_tokenizer import bytes_to_unicode
from verl.experimental.agent_loop import AgentLoopOutput
from verl.experimental.agent_loop.agent_loop import AgentLoopMetrics
from verl.workers.rollout.replica import TokenOutput

from recipe.care.config import CareConfig
from recipe.care.repair.plan import LengthLimits
from verl_ext.repair.group import Picker
from verl_ext.repair.record import REPAIR, Repair
from verl_ext.repair.requests import RequestRecorder
from verl_ext.repair.worker import CareAgentLoopWorker

_SYMBOLS = bytes_to_unicode()


class Bytes:
    """One token per byte; 256 ends the turn."""

    def get_vocab(self):
        return {_SYMBOLS[byte]: byte for byte in range(256)} | {"<eot>": 256}

    def decode(self, token_ids, skip_special_tokens=False):
        kept = [i for i in token_ids if i < 256 or not skip_special_tokens]
        return b"".join(b"<eot>" if i == 256 else bytes([i]) for i in kept).decode(errors="replace")

    def encode(self, text, *, add_special_tokens):
        return list(text.encode())


def response(answer: str, rationale: str = "so") -> list[int]:
    return [*f"<think>{rationale}</think><answer>{answer}</answer>".encode(), 256]


class Queue:
    """TransferQueue as far as a worker sees it."""

    def __init__(self):
        self.rows, self.tags, self.log = {}, {}, []

    async def async_kv_put(self, key, partition_id, tag):
        self.tags[key] = tag
        self.log.append((key, tag["status"]))

    async def async_kv_batch_put(self, keys, fields, partition_id, tags=None):
        for place, key in enumerate(keys):
            names = fields.keys()
            self.rows.setdefault(key, {}).update({name: fields[name][place] for name in names})
        self.log.append((tuple(keys), "rows"))

    def kv_batch_get(self, keys, partition_id, select_fields):
        return {name: [self.rows[key][name] for key in keys] for name in select_fields}

    def extra(self, key):
        extra = self.rows[key]["extra_fields"]
        return getattr(extra, "data", extra)


class Server:
    """Answers rollouts from a list by session, and repairs with ``repair`` (a response, or an error to raise)."""

    def __init__(self, rollouts, repair=None, delay=0.0):
        self.rollouts, self.repair, self.delay, self.requests = rollouts, repair, delay, []

    async def _acquire_server(self, request_id):
        raise NotImplementedError

    async def generate(self, request_id, *, prompt_ids, sampling_params, priority=0, **media):
        self.requests.append(SimpleNamespace(id=request_id, prompt=prompt_ids, params=sampling_params, media=media))
        self.requests[-1].priority = priority
        if "max_tokens" in sampling_params:
            await asyncio.sleep(self.delay)
            if isinstance(self.repair, Exception):
                raise self.repair
            ids = self.repair
        else:
            session = int(request_id.rsplit("-", 1)[1])
            await asyncio.sleep(0.001 * (len(self.rollouts) - session))
            ids = self.rollouts[session]
            if isinstance(ids, Exception):
                raise ids
        logp = [-0.5] * len(ids) if sampling_params["logprobs"] else None
        extra = {"global_steps": 7, "min_global_steps": 7, "max_global_steps": 8}
        return TokenOutput(token_ids=ids, log_probs=logp, stop_reason="completed", extra_fields=extra)

    @property
    def repairs(self):
        return [request for request in self.requests if "max_tokens" in request.params]


class Loop:
    """A single-turn agent loop."""

    def __init__(self, worker):
        self.server = worker.llm_client

    async def run(self, sampling_params, session_id, **kwargs):
        answer = await self.server.generate(f"r-{session_id}", prompt_ids=[81], sampling_params=sampling_params)
        return AgentLoopOutput(
            prompt_ids=[81],
            response_ids=answer.token_ids,
            response_mask=[1] * len(answer.token_ids),
            response_logprobs=answer.log_probs,
            multi_modal_data={"images": ["picture"]},
            num_turns=2,
            metrics=AgentLoopMetrics(),
            extra_fields=answer.extra_fields,
        )


def config(*, dynamic_sampling):
    """What a worker reads of verl's configuration."""
    rollout = {"n": 4, "val_kwargs": {"n": 4}}
    sampling = {"enable": dynamic_sampling, "metric": "acc"}
    return OmegaConf.create({"actor_rollout_ref": {"rollout": rollout}, "algorithm": {"filter_groups": sampling}})


class Worker(CareAgentLoopWorker):
    """verl's worker with the parts that need a model or Ray replaced."""

    def __init__(self, server, care, limits=None):
        self.config = config(dynamic_sampling=False)
        self.llm_client, self.tokenizer, self.distillation_enabled = RequestRecorder(server), Bytes(), False
        self.picker = Picker.build(care, self.tokenizer, limits or LengthLimits(400, 500))
        self.broken_verifier, self.scored = False, []

    async def _compute_score(self, outputs, kwargs):
        text = self.tokenizer.decode(outputs[-1].response_ids)
        acc = float("<answer>5</answer>" in text)
        self.scored.append(text)
        verified = 0.0 if self.broken_verifier and "mended" in text else 1.0
        outputs[-1].reward_score = acc
        outputs[-1].extra_fields["reward_extra_info"] = {"score": acc, "acc": acc, "verified": verified}

    def _compute_multi_modal_inputs(self, output, input_ids):
        return {}

    def _compute_position_ids(self, input_ids, attention_mask, multi_modal_inputs):
        return torch.arange(input_ids.shape[1]).expand(1, 4, -1)


RIGHT, WRONG, FAR = response("5"), response("6"), response("7", "quite another thing")
MENDED, STILL_WRONG = ([*b"mended</think><answer>", answer, *b"</answer>", 256] for answer in b"58")


def run(server, care=None, validate=False, limits=None, logprobs=True, **attributes):
    worker = Worker(server, care or CareConfig(), limits)
    for name, value in attributes.items():
        setattr(worker, name, value)
    prompt = {"uid": "u", "agent_name": "single", "global_steps": 7, "raw_prompt": []}
    params = {"temperature": 1.0, "top_p": 1.0, "logprobs": logprobs}
    asyncio.run(asyncio.wait_for(worker._run_prompt(prompt, params, {"validate": validate}), 20))
    return worker


def repairs_in(queue):
    packed = {key: queue.extra(key)[REPAIR] for key in sorted(queue.rows) if REPAIR in queue.extra(key)}
    return {key: Repair.unpacked(content) for key, content in packed.items()}
