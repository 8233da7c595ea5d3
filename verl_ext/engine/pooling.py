# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Pool the policy's last hidden states over rationale tokens, during a forward pass that happens anyway.

A forward hook on the final norm sums the chosen positions on the device and lets the states go, so the cost is one
(rows, hidden) float32 tensor and a bounded temporary.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.distributed as dist

from recipe.care.errors import CareDataError

_CHUNK = 4096
"""Tokens converted to float32 at a time: 4,096 x 3,584 x 4 bytes = 59 MB."""

_WRAPPERS = re.compile(r"(_fsdp_wrapped_module|_checkpoint_wrapped_module|_orig_mod|base_model)\.")
_FINAL_NORM = re.compile(
    r"(?:^|\.)(?:language_model|text_model|decoder|transformer|model)\.(?:final_)?(?:layer_?)?norm$"
)
_VISION = re.compile(r"(?:^|\.)(?:visual|vision\w*|image\w*|audio\w*)\.")


@dataclass(frozen=True)
class PoolPlan:
    """Which positions of a packed micro-batch are averaged into which row.

    Attributes:
        position_N: (N,) index of each pooled token in the flattened hidden states.
        row_N: (N,) its row.
        count_B: (B,) pooled tokens per row, over all sequence-parallel shards.
    """

    position_N: torch.Tensor
    row_N: torch.Tensor
    count_B: torch.Tensor

    def shard(self, start: int, length: int) -> PoolPlan:
        """The part of the plan that falls into ``length`` tokens from ``start``, with positions relative to it."""
        inside_N = (self.position_N >= start) & (self.position_N < start + length)
        return PoolPlan(self.position_N[inside_N] - start, self.row_N[inside_N], self.count_B)


def plan_pooling(
    input_offsets: torch.Tensor, mask_values: torch.Tensor, mask_offsets: torch.Tensor, padded_width: int | None
) -> PoolPlan:
    """Locate the pooled response tokens of a micro-batch in its hidden states.

    Args:
        input_offsets: (B + 1,) row boundaries of prompt + response tokens.
        mask_values: (R,) 1 for every response token to pool, all rows concatenated.
        mask_offsets: (B + 1,) row boundaries of ``mask_values``.
        padded_width: Columns of a right-padded (B, L) layout, or None when rows are packed end to end.

    Returns:
        The plan for the whole micro-batch.
    """
    lengths_B = mask_offsets.diff()
    rows = lengths_B.numel()
    row_R = torch.repeat_interleave(torch.arange(rows, device=lengths_B.device), lengths_B)
    # A row is prompt then response, so its response ends where the row ends.
    in_response_R = torch.arange(row_R.numel(), device=row_R.device) - mask_offsets[:-1][row_R]
    packed_R = input_offsets[1:][row_R] - lengths_B[row_R] + in_response_R
    chosen_R = mask_values > 0
    row_N, packed_N = row_R[chosen_R], packed_R[chosen_R]
    padded_N = row_N * (padded_width or 0) + packed_N - input_offsets[:-1][row_N]
    position_N = packed_N if padded_width is None else padded_N
    return PoolPlan(position_N, row_N, torch.bincount(row_N, minlength=rows))


def pooled_mean(hidden: torch.Tensor, plan: PoolPlan, sp_group: dist.ProcessGroup | None) -> torch.Tensor:
    """Average ``hidden`` (..., H) by ``plan``; with sequence parallelism, partial sums are reduced over the shards.

    Returns:
        (B, H) float32; rows without a pooled token are zero.
    """
    flat = hidden.reshape(-1, hidden.shape[-1])
    if sp_group is not None:
        plan = plan.shard(dist.get_rank(sp_group) * flat.shape[0], flat.shape[0])
    sums_BH = torch.zeros(plan.count_B.numel(), flat.shape[-1], dtype=torch.float32, device=flat.device)
    for position_C, row_C in zip(plan.position_N.split(_CHUNK), plan.row_N.split(_CHUNK), strict=True):
        sums_BH.index_add_(0, row_C, flat[position_C].float())
    if sp_group is not None:
        dist.all_reduce(sums_BH, group=sp_group)
    return sums_BH / plan.count_B.clamp(min=1).unsqueeze(-1)


def find_final_norm(model: torch.nn.Module) -> torch.nn.Module:
    """The text model's final norm, under any of FSDP, PEFT, compile and checkpoint wrapping."""
    found = {}
    for name, module in model.named_modules():
        plain = _WRAPPERS.sub("", f"{name}.").rstrip(".")
        if _FINAL_NORM.search(plain) and not _VISION.search(plain):
            found[plain] = module
    if len(set(map(id, found.values()))) != 1:
        raise CareDataError(
            f"cannot tell the final norm of {type(model).__name__} (candidates: {sorted(found) or 'none'}), so there "
            "are no think-embeddings; use algorithm.care.distance=lexical or selector=random."
        )
    return next(iter(found.values()))


@contextlib.contextmanager
def capture_pooled(
    norm: torch.nn.Module, plan: PoolPlan, sp_group: dist.ProcessGroup | None
) -> Iterator[list[torch.Tensor]]:
    """Within the block, every forward of the final ``norm`` appends its pooled (B, H) output to the yielded list."""
    pooled: list[torch.Tensor] = []

    def hook(
        module: torch.nn.Module, args: tuple[object, ...], output: torch.Tensor | tuple[torch.Tensor, ...]
    ) -> None:
        hidden = output[0] if isinstance(output, tuple) else output
        pooled.append(pooled_mean(hidden.detach(), plan, sp_group))

    handle = norm.register_forward_hook(hook)
    try:
        yield pooled
    finally:
        handle.remove()
