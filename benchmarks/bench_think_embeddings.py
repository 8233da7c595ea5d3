# Copyright 2026 The CARE-verl authors
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""What asking for think-embeddings costs the old-log-prob pass: time and peak memory, with and without, alternating.

    python benchmarks/bench_think_embeddings.py                         # 0.3B parameters, 3 minutes on two CPU cores
    python benchmarks/bench_think_embeddings.py --size 3b --rows 32 --tokens 2048     # on a GPU

verl's FSDP2 engine with this project's derived class, on a Qwen2.5-VL with random weights. Every row has a small image
and a response of random words, all of whose tokens are pooled: the dearest case. The vision tower stays tiny, which
makes the pass cheaper, and the hook's share larger, than in a full model. Peak memory is measured on a GPU only.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "unit" / "verl_ext"))

from engine_rows import make_batch

from recipe.tiny.dataset import draw, rng_for
from recipe.tiny.models import FAMILIES
from recipe.tiny.prepare import prepare_base
from recipe.tiny.settings import BaseSettings
from recipe.tiny.tasks import TASKS

VOCAB_SIZE = 151_936
"""Qwen2.5-VL's: most of a small model's pass is its logits."""


@dataclass(frozen=True)
class Size:
    """A language model's dimensions; the head has 128 or 64 channels."""

    hidden: int
    layers: int
    intermediate: int
    heads: int
    kv_heads: int


SIZES = {
    "0.3b": Size(768, 8, 2048, 12, 4),
    "3b": Size(2048, 36, 11008, 16, 2),
    "7b": Size(3584, 28, 18944, 28, 4),
}


def make_model(folder: Path, size: Size) -> None:
    """Save a model of that size with random weights beside a processor."""
    from transformers import AutoModelForImageTextToText, AutoTokenizer

    prepare_base(folder, BaseSettings("qwen2_5_vl", "count_add", seed=0))
    config = FAMILIES["qwen2_5_vl"].config(AutoTokenizer.from_pretrained(folder))
    text, channels = config.text_config, size.hidden // size.heads
    text.vocab_size, text.hidden_size, text.num_hidden_layers = VOCAB_SIZE, size.hidden, size.layers
    text.intermediate_size, text.num_attention_heads = size.intermediate, size.heads
    text.num_key_value_heads = size.kv_heads
    text.layer_types = ["full_attention"] * size.layers
    sections = [channels // 8, channels * 3 // 16, channels * 3 // 16]
    text.rope_parameters = {**text.rope_parameters, "mrope_section": sections}
    text.max_position_embeddings = 32_768
    config.vision_config.out_hidden_size = size.hidden
    dtype = torch.bfloat16 if torch.cuda.is_available() else torch.float32
    AutoModelForImageTextToText.from_config(config, dtype=dtype).save_pretrained(folder)


def make_engine(folder: Path) -> Any:
    """The engine verl would build for the actor."""
    from verl.trainer.config import CheckpointConfig
    from verl.workers.config import FSDPEngineConfig, FSDPOptimizerConfig, HFModelConfig
    from verl.workers.engine import EngineRegistry

    on_gpu = torch.cuda.is_available()
    settings = {"path": str(folder), "use_remove_padding": on_gpu, "enable_gradient_checkpointing": False}
    if not on_gpu:
        settings["override_config"] = {"attn_implementation": "sdpa"}
    kind = "bf16" if on_gpu else "fp32"
    precision = {"param_dtype": kind, "reduce_dtype": "fp32", "buffer_dtype": "fp32"}
    engine = EngineRegistry.new(
        model_type="language_model",
        backend="fsdp2",
        model_config=HFModelConfig(**settings),
        engine_config=FSDPEngineConfig(strategy="fsdp2", mixed_precision=precision, use_torch_compile=False),
        optimizer_config=FSDPOptimizerConfig(lr=1e-6, total_training_steps=1),
        checkpoint_config=CheckpointConfig(),
    )
    engine.initialize()
    return engine


def make_rows(processor: Any, rows: int, tokens: int) -> list[dict[str, object]]:
    """Questions about small images, each with a response of random words."""
    from recipe.tiny.prompts import chat

    made = []
    for question in draw(TASKS["count_add"], rows, rng_for(0, "bench"), set()):
        text = processor.apply_chat_template(chat(question), tokenize=False, add_generation_prompt=True)
        inputs = dict(processor(text=[text], images=[question.image], return_tensors="pt"))
        inputs.pop("mm_token_type_ids", None)
        prompt_len, response_ids = inputs["input_ids"].shape[1], torch.randint(1000, VOCAB_SIZE, (tokens,))
        inputs["input_ids"] = torch.cat([inputs["input_ids"], response_ids[None]], dim=1)
        types = torch.zeros_like(inputs["input_ids"])
        types[inputs["input_ids"] == processor.image_token_id] = 1
        inputs["mm_token_type_ids"] = types
        pool = torch.ones(tokens, dtype=torch.long)
        made.append({"inputs": inputs, "prompt_len": prompt_len, "response_ids": response_ids, "pool": pool})
    return made


def timed_pass(engine: Any, batch: Any) -> tuple[float, float]:
    """Seconds of one old-log-prob pass, and its peak of device memory in GiB."""
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
        torch.cuda.synchronize()
    began = time.perf_counter()
    with engine.eval_mode():
        engine.infer_batch(batch)
    if on_gpu:
        torch.cuda.synchronize()
    return time.perf_counter() - began, torch.cuda.max_memory_allocated() / 2**30 if on_gpu else float("nan")


def compare(engine: Any, batches: dict[str, Any], rounds: int) -> None:
    """Alternate passes over the same rows, the first round to warm up, and print what they took."""
    kinds: dict[str, list[tuple[float, float]]] = {kind: [] for kind in batches}
    for number in range(rounds + 1):
        for kind, batch in batches.items():
            kinds[kind].append(timed_pass(engine, batch.clone()))
        seconds = ", ".join(f"{kind} {found[-1][0]:.3f} s" for kind, found in kinds.items())
        print(f"round {number}{' (warms up)' if number == 0 else ''}: {seconds}", flush=True)
    counted = {kind: found[1:] for kind, found in kinds.items()}
    without, asked = (statistics.median(one for one, _ in counted[kind]) for kind in ("without", "with"))
    pairs = zip(counted["without"], counted["with"], strict=True)
    more = statistics.median(100 * (slow / fast - 1) for (fast, _), (slow, _) in pairs)
    print(f"median: without {without:.3f} s, with {asked:.3f} s; median difference of a round {more:+.1f}%")
    if torch.cuda.is_available():
        peaks = {kind: max(peak for _, peak in found) for kind, found in counted.items()}
        print(f"peak memory: without {peaks['without']:.2f} GiB, with {peaks['with']:.2f} GiB")


def main(argv: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=sorted(SIZES), default="0.3b", help="of the model (default: %(default)s)")
    parser.add_argument("--rows", type=int, default=8, help="rows of the pass (default: %(default)s)")
    parser.add_argument("--tokens", type=int, default=256, help="length of a response (default: %(default)s)")
    parser.add_argument("--micro-rows", type=int, default=4, help="rows of a micro-batch (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="passes of each kind (default: %(default)s)")
    options = parser.parse_args(argv)
    import verl  # noqa: F401  (the plugin, as in a run)
    from verl.utils.tokenizer import hf_processor

    on_gpu = torch.cuda.is_available()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "model"
        make_model(folder, SIZES[options.size])
        backend = "cuda:nccl,cpu:gloo" if on_gpu else "cpu:gloo"
        torch.distributed.init_process_group(backend, init_method=f"file://{place}/rendezvous", rank=0, world_size=1)
        engine, processor = make_engine(folder), hf_processor(str(folder))
        parameters = sum(one.numel() for one in engine.module.parameters())
        print(f"{parameters / 1e9:.2f}B parameters, {options.rows} rows of {options.tokens} response tokens")
        rows = make_rows(processor, options.rows, options.tokens)
        batches = {
            kind: make_batch(rows, processor, micro_rows=options.micro_rows, request=asked, packed=on_gpu)
            for kind, asked in (("without", False), ("with", True))
        }
        compare(engine, batches, options.rounds)
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
