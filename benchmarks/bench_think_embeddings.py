# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What asking for think-embeddings costs the old-log-prob pass: time and peak memory, with and without, alternating.

    python benchmarks/bench_think_embeddings.py                         # 0.3B parameters, 3 minutes on two CPU cores
    python benchmarks/bench_think_embeddings.py --size 3b --rows 32 --tokens 2048     # on a GPU

verl's FSDP2 engine with this project's derived class, on a Qwen2.5-VL with random weights. Every row has a small image
and a response of random words, all of whose tokens are pooled: the dearest case. Peak memory is measured on a GPU only.
``examples/check_gpu.sh`` measures the same on the rows of a run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "unit" / "verl_ext"))

from engine_rows import make_batch

from recipe.tiny.dataset import draw, rng_for
from recipe.tiny.tasks import TASKS
from verl_ext.check_gpu.engine_pass import alternate, make_engine
from verl_ext.check_gpu.model import make_model
from verl_ext.check_gpu.settings import SIZES, VOCABULARY


def make_rows(processor: Any, rows: int, tokens: int) -> list[dict[str, object]]:
    """Questions about small images, each with a response of random words."""
    from recipe.tiny.prompts import chat

    made = []
    for question in draw(TASKS["count_add"], rows, rng_for(0, "bench"), set()):
        text = processor.apply_chat_template(chat(question), tokenize=False, add_generation_prompt=True)
        inputs = dict(processor(text=[text], images=[question.image], return_tensors="pt"))
        inputs.pop("mm_token_type_ids", None)
        prompt_len, response_ids = inputs["input_ids"].shape[1], torch.randint(1000, VOCABULARY, (tokens,))
        inputs["input_ids"] = torch.cat([inputs["input_ids"], response_ids[None]], dim=1)
        types = torch.zeros_like(inputs["input_ids"])
        types[inputs["input_ids"] == processor.image_token_id] = 1
        inputs["mm_token_type_ids"] = types
        pool = torch.ones(tokens, dtype=torch.long)
        made.append({"inputs": inputs, "prompt_len": prompt_len, "response_ids": response_ids, "pool": pool})
    return made


def main(argv: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--size",
        choices=[size for size in SIZES if size != "tiny"],
        default="0.3b",
        help="of the model (default: %(default)s)",
    )
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
        engine = make_engine(folder, on_gpu=on_gpu, packed=on_gpu)
        processor = hf_processor(str(folder))
        parameters = sum(one.numel() for one in engine.module.parameters())
        print(f"{parameters / 1e9:.2f}B parameters, {options.rows} rows of {options.tokens} response tokens")
        rows = make_rows(processor, options.rows, options.tokens)
        batches = {
            kind: make_batch(rows, processor, micro_rows=options.micro_rows, request=asked, packed=on_gpu)
            for kind, asked in (("without", False), ("with", True))
        }
        passes = alternate(engine, batches, options.rounds)
        more = 100 * (passes["with"].seconds / passes["without"].seconds - 1)
        for kind, found in passes.items():
            print(f"{kind:8}{found.seconds:8.3f} s (median), peak {found.peak_gib:.2f} GiB of GPU memory")
        print(f"the hook adds {more:+.1f}%")
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
