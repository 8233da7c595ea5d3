# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The old-log-prob pass by itself: verl's FSDP2 engine with this project's class, asked for embeddings or not."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from verl_ext.engine.engine import REQUEST

if TYPE_CHECKING:
    from tensordict import TensorDict


def make_engine(folder: Path, *, on_gpu: bool, packed: bool) -> Any:
    """The engine verl would build for the actor; a process group has to be there."""
    from verl.trainer.config import CheckpointConfig
    from verl.workers.config import FSDPEngineConfig, FSDPOptimizerConfig, HFModelConfig
    from verl.workers.engine import EngineRegistry

    settings: dict[str, Any] = {
        "path": str(folder),
        "use_remove_padding": packed,
        "enable_gradient_checkpointing": False,
    }
    if not packed:
        settings["override_config"] = {"attn_implementation": "sdpa"}
    kind = "bf16" if on_gpu else "fp32"
    engine = EngineRegistry.new(
        model_type="language_model",
        backend="fsdp2",
        model_config=HFModelConfig(**settings),
        engine_config=FSDPEngineConfig(
            strategy="fsdp2",
            mixed_precision={"param_dtype": kind, "reduce_dtype": "fp32", "buffer_dtype": "fp32"},
            model_dtype=kind,
            use_torch_compile=False,
        ),
        optimizer_config=FSDPOptimizerConfig(lr=1e-6, total_training_steps=1),
        checkpoint_config=CheckpointConfig(),
    )
    engine.initialize()
    return engine


def batch_of(columns: Mapping[str, Sequence[Any]], micro_tokens: int, *, asks: bool, packed: bool) -> TensorDict:
    """Rows as a worker is handed them, with or without the request for embeddings."""
    from verl.utils import tensordict_utils as tu

    from verl_ext.engine.engine import POOL_MASK

    def jagged(tensors: Sequence[torch.Tensor]) -> torch.Tensor:
        return torch.nested.as_nested_tensor(list(tensors), layout=torch.jagged)

    positions = tu.nested_tensor_from_tensor_list(list(columns["position_ids"]), ragged_idx=2)
    loss_mask = [
        torch.cat([torch.zeros(len(ids) - len(mask), dtype=mask.dtype), mask])
        for ids, mask in zip(columns["input_ids"], columns["response_mask"], strict=True)
    ]
    settings = {
        "temperature": 1.0,
        "pad_mode": "no_padding",
        "use_remove_padding": packed,
        "calculate_entropy": False,
        "use_dynamic_bsz": True,
        "max_token_len_per_gpu": micro_tokens,
    }
    if asks:
        settings[REQUEST] = True
    fields = {name: jagged(columns[name]) for name in ("input_ids", "responses", POOL_MASK)}
    return tu.get_tensordict(
        {
            **fields,
            "loss_mask": jagged(loss_mask),
            "position_ids": positions,
            "multi_modal_inputs": list(columns["multi_modal_inputs"]),
        },
        non_tensor_dict=settings,
    )


@dataclass(frozen=True)
class Pass:
    """What passes of one kind took: the median of their seconds, and the peak of GPU memory in GiB (0 without one)."""

    seconds: float
    peak_gib: float


def timed_pass(engine: Any, batch: TensorDict) -> tuple[float, float]:
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
    return time.perf_counter() - began, torch.cuda.max_memory_allocated() / 2**30 if on_gpu else 0.0


def alternate(engine: Any, batches: Mapping[str, TensorDict], rounds: int) -> dict[str, Pass]:
    """Passes of each kind in turn, the first round to warm up."""
    found: dict[str, list[tuple[float, float]]] = {kind: [] for kind in batches}
    for number in range(rounds + 1):
        for kind, batch in batches.items():
            one = timed_pass(engine, batch.clone())
            if number > 0:
                found[kind].append(one)
    return {
        kind: Pass(statistics.median(one for one, _ in passes), max(peak for _, peak in passes))
        for kind, passes in found.items()
    }
