# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""FSDP engine that also returns think-embeddings from the old-log-prob pass, when the micro-batch asks for them.

Registered under verl's ``(device, vendor)`` key, which beats the plain device key of the stock engine. Without the
request (any run but CARE, and CARE's own reference pass and update) it is the stock engine.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, cast

import torch

from verl_ext.cpu.detect import runs_without_accelerator
from verl_ext.engine.pooling import PoolPlan, capture_pooled, find_final_norm, plan_pooling

if TYPE_CHECKING:
    from tensordict import TensorDict

REQUEST = "care_think_embeddings"
"""Non-tensor flag of a batch that wants embeddings."""
POOL_MASK = "care_pool_mask"
"""Field with 1 for every response token to pool."""
EMBEDDINGS = "think_embeddings"
"""Field of the model output, (rows, hidden)."""

VENDORS = {"cuda": ["nvidia", "amd"], "npu": ["huawei"]}


class ThinkEmbeddingMixin:
    """Adds ``think_embeddings`` to the model output of a forward-only step that asks for them."""

    module: torch.nn.Module
    use_ulysses_sp: bool
    _care_norm: torch.nn.Module | None = None

    def infer_batch(
        self, data: TensorDict, loss_function: Callable[..., object] | None = None
    ) -> dict[str, dict[str, torch.Tensor]]:
        """A forward-only pass over a batch, as verl's engine does it, also when its rows are equally long."""
        positions = data.get("position_ids")
        if positions is not None and positions.is_nested and positions.dim() == 3:
            data["position_ids"] = ragged_along_sequence(positions)
        return super().infer_batch(data, loss_function=loss_function)  # type: ignore[misc]

    def forward_step(
        self, micro_batch: TensorDict, loss_function: Callable[..., object] | None, forward_only: bool
    ) -> tuple[torch.Tensor, dict[str, dict[str, torch.Tensor]]]:
        """One micro-batch, as verl's engine does it, with the pooled states added where they are asked for."""
        from verl.utils import tensordict_utils as tu
        from verl.utils.device import get_device_id

        forward = super().forward_step  # type: ignore[misc]
        if not (forward_only and tu.get_non_tensor_data(micro_batch, key=REQUEST, default=False)):
            return forward(micro_batch, loss_function=loss_function, forward_only=forward_only)

        micro_batch = micro_batch.to(get_device_id())
        if self._care_norm is None:
            self._care_norm = find_final_norm(self.module)
        with capture_pooled(self._care_norm, _plan(micro_batch), self._sequence_parallel_group()) as pooled:
            loss, output = forward(micro_batch, loss_function=loss_function, forward_only=forward_only)
        (output["model_output"][EMBEDDINGS],) = pooled
        return loss, output

    def _sequence_parallel_group(self) -> torch.distributed.ProcessGroup | None:
        from verl.utils.ulysses import get_ulysses_sequence_parallel_group

        return get_ulysses_sequence_parallel_group() if self.use_ulysses_sp else None


def ragged_along_sequence(positions: torch.Tensor) -> torch.Tensor:
    """Multi-axis positions that are ragged where the sequence is.

    TransferQueue packs rows of shape ``(axes, length)`` without saying which of the two varies; when all are equally
    long, torch takes the first, and verl 0.9.1 (``maybe_fix_3d_position_ids``) then declares the second ragged without
    changing the offsets, so that the batch can no longer be taken apart. The few rows CARE replaces are often equally
    long, and a rank may get a single one. Can go when verl packs positions with their ragged dimension.

    Args:
        positions: (rows, axes, length) nested.
    """
    values, offsets = positions.values(), positions.offsets()
    rows, end = len(offsets) - 1, int(offsets[-1])
    if end == values.shape[1] or end != values.shape[0]:
        return positions
    from verl.utils.tensordict_utils import nested_tensor_from_tensor_list

    return nested_tensor_from_tensor_list(list(values.chunk(rows)), ragged_idx=2)


def _plan(micro_batch: TensorDict) -> PoolPlan:
    from verl.utils import tensordict_utils as tu

    input_ids, mask = cast(torch.Tensor, micro_batch["input_ids"]), cast(torch.Tensor, micro_batch[POOL_MASK])
    packed = tu.get_non_tensor_data(micro_batch, key="use_remove_padding", default=True)
    width = None if packed else int(input_ids.offsets().diff().max())
    return plan_pooling(input_ids.offsets(), mask.values(), mask.offsets(), width)


def install(transformer_impl: ModuleType) -> None:
    """Derive the engine from the stock one and register it for every device verl registers that one for."""
    stock = transformer_impl.FSDPEngineWithLMHead
    engine = type("CareFSDPEngineWithLMHead", (ThinkEmbeddingMixin, stock), {"__module__": __name__})
    vendors = dict(VENDORS)
    if runs_without_accelerator():
        vendors["cpu"] = ["cpu"]
    for device, names in vendors.items():
        register = transformer_impl.EngineRegistry.register(
            model_type="language_model", backend=["fsdp", "fsdp2"], device=device, vendor=names
        )
        register(engine)
