# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""``care memory``: does LoRA training fit one GPU? Arithmetic from the model's shape.

The terms follow verl 0.9.1's FSDP engine and vLLM in sleep mode, with the settings of ``recipe/care/conf/lora``.
Rollouts, log-probs and the update take turns, so the largest of the three counts. Terms are rounded up where in doubt;
none has been measured on a GPU.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

GIB = 2**30
BF16, FP32 = 2, 4
ADAM = 2 * BF16
"""Both moments, in the type of the adapters."""
ENTROPY = BF16 + 3 * FP32
"""A logit in the log-prob pass: itself, and the fp32 copies that softmax, logsumexp and a product make of it."""
LOSS = 2 * BF16
"""A logit in the update: itself and its gradient."""
RESERVE_GIB = 5.0
"""CUDA contexts of trainer and vLLM, library workspaces, the vision tower's activations, fragmentation."""
VLLM_WORK_GIB = 3.0
"""Of vLLM's share: activations, adapters and CUDA graphs."""


@dataclass(frozen=True)
class Model:
    """Shape of a vision-language model, as its ``config.json`` has it."""

    name: str
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    vocab: int
    tied: bool
    """Input and output embeddings are one matrix."""
    vision: int
    """Parameters of the vision tower."""
    context: int = 32_768
    """Longest sequence, which is what vLLM makes room for unless it is told another."""

    @property
    def linears(self) -> tuple[tuple[int, int], ...]:
        """(in, out) of the matrices of a layer: q, k, v, o, gate, up, down."""
        q, kv = self.heads * self.head_dim, self.kv_heads * self.head_dim
        up = (self.hidden, self.intermediate)
        return ((self.hidden, q), (self.hidden, kv), (self.hidden, kv), (q, self.hidden), up, up, up[::-1])

    @property
    def layer(self) -> int:
        """Parameters of a layer, without norms and biases."""
        return sum(rows * columns for rows, columns in self.linears)

    @property
    def embeddings(self) -> int:
        """Parameters of the input and output embeddings."""
        return self.vocab * self.hidden * (1 if self.tied else 2)

    @property
    def parameters(self) -> int:
        """All of them."""
        return self.layers * self.layer + self.embeddings + self.vision

    def adapters(self, rank: int) -> int:
        """Parameters of LoRA on every matrix of the language model's layers."""
        return rank * self.layers * sum(rows + columns for rows, columns in self.linears)

    @property
    def layer_activations(self) -> int:
        """Bytes a token leaves behind in one layer: what its backward pass needs, two norms of it in fp32."""
        q, kv = self.heads * self.head_dim, self.kv_heads * self.head_dim
        # Input, two norms, attention's output, residual; q, k, v before and after rotation; attention; four of the MLP.
        halves = 5 * self.hidden + 2 * (q + 2 * kv) + q + 4 * self.intermediate
        return BF16 * halves + 2 * FP32 * self.hidden

    @property
    def kv_token(self) -> int:
        """Bytes of a token in vLLM's cache."""
        return 2 * BF16 * self.layers * self.kv_heads * self.head_dim


MODELS: dict[str, Model] = {
    model.name: model
    for model in (
        Model("qwen2_5_vl_3b", 2048, 36, 16, 2, 128, 11008, 151936, True, 668_684_288, 128_000),
        Model("qwen2_5_vl_7b", 3584, 28, 28, 4, 128, 18944, 152064, False, 676_550_144, 128_000),
        Model("qwen3_vl_8b", 4096, 36, 32, 8, 128, 12288, 151936, False, 576_388_336, 262_144),
    )
}


@dataclass(frozen=True)
class Settings:
    """What the estimate depends on besides the model; the defaults are those of ``LORA=1``."""

    rank: int = 64
    micro_tokens: int = 8192
    gpu_memory_utilization: float = 0.6
    gpu_gib: float = 79.0
    """What a GPU of 80 GB has to give, in GiB."""

    def __post_init__(self) -> None:
        for name in ("rank", "micro_tokens", "gpu_gib"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name}={getattr(self, name)}: must be above 0")
        if not 0 < self.gpu_memory_utilization < 1:
            raise ValueError(f"gpu_memory_utilization={self.gpu_memory_utilization}: must be between 0 and 1")


@dataclass(frozen=True)
class Estimate:
    """GiB by phase of a step; ``resident`` and the reserve are part of each."""

    resident: float
    """Weights, adapters and Adam's moments."""
    rollout: float
    log_probs: float
    update: float
    kv_tokens: int
    """Room in vLLM's cache."""

    @property
    def peak(self) -> float:
        """The largest phase."""
        return max(self.rollout, self.log_probs, self.update)


def estimate(model: Model, settings: Settings) -> Estimate:
    """Estimate the memory of LoRA training on one GPU.

    Args:
        model: Its shape.
        settings: Rank, tokens of a micro-batch, vLLM's share and the GPU.

    Returns:
        GiB by phase.
    """
    tokens, adapters = settings.micro_tokens, model.adapters(settings.rank)
    weights = BF16 * model.parameters
    resident = weights + (BF16 + ADAM) * adapters
    # What FSDP gathers even on a single rank: the embeddings, which stay, and a layer and the next.
    gathered = BF16 * (model.embeddings + 2 * model.layer)
    logits = tokens * model.vocab
    log_probs = gathered + tokens * model.layer_activations + ENTROPY * logits
    # Gradient checkpointing keeps each layer's input; one layer's activations come back, with their gradients.
    kept = BF16 * tokens * model.hidden * model.layers + 2 * tokens * model.layer_activations
    update = BF16 * adapters + gathered + kept + LOSS * logits
    share = settings.gpu_memory_utilization * settings.gpu_gib
    base = resident / GIB + RESERVE_GIB
    cache = cache_tokens(model, settings.gpu_memory_utilization, settings.gpu_gib, tensor_parallel=1)
    return Estimate(resident / GIB, base + share, base + log_probs / GIB, base + update / GIB, cache)


def cache_tokens(model: Model, utilization: float, gpu_gib: float, tensor_parallel: int) -> int:
    """Tokens vLLM's cache has room for; it refuses to start where that is less than its longest sequence.

    Args:
        model: Its shape.
        utilization: vLLM's share of each GPU.
        gpu_gib: What a GPU has, in GiB.
        tensor_parallel: GPUs that share weights and heads.
    """
    room = (utilization * gpu_gib - VLLM_WORK_GIB) * GIB - BF16 * model.parameters / tensor_parallel
    return max(0, int(room // (model.kv_token / tensor_parallel)))


def table(settings: Settings) -> str:
    """The estimates of all models, as Markdown."""
    lines = [
        "| model | weights, adapters, Adam | rollouts | log-probs | update | peak | vLLM's cache | its own context |"
    ]
    lines.append("|" + "---|" * 8)
    for model in MODELS.values():
        one = estimate(model, settings)
        phases = (one.resident, one.rollout, one.log_probs, one.update, one.peak)
        room = f"{one.kv_tokens // 1000}k tokens | {model.context // 1000}k tokens"
        lines.append(f"| `{model.name}` | {' | '.join(f'{gib:.1f}' for gib in phases)} | {room} |")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table; see ``--help``."""
    parser = argparse.ArgumentParser(
        prog="care memory",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for field in dataclasses.fields(Settings):
        option = f"--{field.name.replace('_', '-')}"
        parser.add_argument(option, type=type(field.default), default=field.default, help="(default: %(default)s)")
    settings = Settings(**vars(parser.parse_args(argv)))
    print(f"GiB of {settings.gpu_gib:g} (docs/baselines.md has the terms)\n\n{table(settings)}")


if __name__ == "__main__":
    main()
