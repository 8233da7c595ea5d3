# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Lets a Qwen2-VL or Qwen2.5-VL micro-batch without any image through verl's forward pass.

For such a micro-batch verl 0.9.1 shows the vision tower a blank picture and adds nothing of the answer, so that every
rank has the same parameters in its graph. From transformers 5 on the tower answers with an object, of which verl takes
the ``mean`` here though it unpacks it everywhere else: ``'BaseModelOutputWithPooling' object has no attribute 'mean'``.
Data with some text-only rows hit it sooner or later, and the second log-prob pass over a few repaired rows sooner. This
can go when verl unpacks the answer here too.
"""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any

import torch

PATCHES = (4, 4)
"""Rows and columns of patches of the blank picture; any that the tower can merge will do."""


def install(qwen2_vl: ModuleType) -> None:
    """Wrap the function by which ``verl.models.transformers.qwen2_vl`` puts images among the text."""
    original = qwen2_vl._get_input_embeds

    @functools.wraps(original)
    def get_input_embeds(
        model: Any,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        pixel_values: torch.Tensor | None = None,
        pixel_values_videos: torch.Tensor | None = None,
        *grids: torch.Tensor | None,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        if pixel_values is not None or pixel_values_videos is not None:
            return original(model, input_ids, attention_mask, pixel_values, pixel_values_videos, *grids)
        embeds = model.get_input_embeddings()(input_ids)
        mask = None if attention_mask is None else attention_mask.to(embeds.device)
        return embeds + 0.0 * blank_picture(model, embeds).mean(), mask

    qwen2_vl._get_input_embeds = get_input_embeds  # type: ignore[attr-defined]


def blank_picture(model: Any, like: torch.Tensor) -> torch.Tensor:
    """The vision tower's answer to a blank picture, (image tokens, hidden), in type and on the device of ``like``."""
    from verl.utils.transformers_compat import unpack_visual_output

    vision, (rows, columns) = model.config.vision_config, PATCHES
    width = vision.in_channels * vision.temporal_patch_size * vision.patch_size**2
    pixels = torch.zeros(rows * columns, width, dtype=like.dtype, device=like.device)
    grid = torch.tensor([[1, rows, columns]], device=like.device)
    tokens, _ = unpack_visual_output(model.visual(pixels, grid_thw=grid))
    return tokens
