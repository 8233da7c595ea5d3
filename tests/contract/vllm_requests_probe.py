# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Run by ``test_vllm_requests.py``: a vLLM engine with two places, and more requests than that.

Prints, as one JSON object on a line of its own, in which order the requests ended.
"""

import asyncio
import json
import sys
from pathlib import Path

PLACES = 2
ROLLOUT_TOKENS, REPAIR_TOKENS, ENDLESS = 60, 8, 1800


async def serve(model: Path) -> dict[str, list[str]]:
    """Saturate the engine, once with a repair among the requests and once with requests that are given up."""
    from vllm import SamplingParams, TokensPrompt
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.v1.engine.async_llm import AsyncLLM

    engine = AsyncLLM.from_engine_args(
        AsyncEngineArgs(
            model=str(model),
            max_model_len=2000,
            max_num_seqs=PLACES,
            scheduling_policy="priority",
            enforce_eager=True,
            gpu_memory_utilization=0.2,
            dtype="float32",
        )
    )
    ended: list[str] = []

    async def ask(name: str, tokens: int, priority: int = 0) -> None:
        params = SamplingParams(max_tokens=tokens, ignore_eos=True, temperature=1.0)
        prompt = TokensPrompt(prompt_token_ids=[20, 21, 22])
        async for _ in engine.generate(prompt, params, request_id=name, priority=priority):
            pass
        ended.append(name)

    found = {}
    rollouts = [asyncio.create_task(ask(f"rollout{number}", ROLLOUT_TOKENS)) for number in range(3 * PLACES)]
    while len(engine.output_processor.request_states) < len(rollouts):
        await asyncio.sleep(0.01)
    await asyncio.gather(ask("repair", REPAIR_TOKENS, priority=-1), *rollouts)
    found["with_a_repair"] = list(ended)

    ended.clear()
    given_up = [asyncio.create_task(ask(f"given_up{number}", ENDLESS)) for number in range(PLACES)]
    while len(engine.output_processor.request_states) < PLACES:
        await asyncio.sleep(0.01)
    next_one = asyncio.create_task(ask("next", REPAIR_TOKENS))
    await asyncio.sleep(0.3)
    for task in given_up:
        task.cancel()
    await next_one
    found["after_giving_up"] = list(ended)
    found["left"] = list(engine.output_processor.request_states)
    engine.shutdown()
    return found


def main(folder: Path) -> None:
    """Make a model with random weights and serve it."""
    import verl  # noqa: F401  (the plugin, as in a run)

    from recipe.tiny.prepare import prepare_base
    from recipe.tiny.settings import BaseSettings

    prepare_base(folder / "model", BaseSettings("qwen2_5_vl", "count_add", seed=0))
    print(json.dumps(asyncio.run(serve(folder / "model"))))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
