# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The rollouts of a prompt share what the processor makes of their images.

verl runs the Hugging Face processor three times for each rollout, twice for each repair, on the same images. With a
tiny model that, at 4 ms a call, is a quarter of a training step. This can go when verl keeps what it has computed.
"""

from __future__ import annotations

import copy
import functools
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

import torch

KEPT = 256
"""Images (or sets of them) remembered per worker: more than the prompts in flight in a tiny run."""

Inputs = dict[str, torch.Tensor]
Compute = Callable[[Any, Any, torch.Tensor], Inputs]
Build = Callable[..., Mapping[str, Any]]


def install(agent_loop: ModuleType) -> None:
    """Remember results of ``AgentLoopWorker._compute_multi_modal_inputs``."""
    worker = agent_loop.AgentLoopWorker
    worker._compute_multi_modal_inputs = remembering(worker._compute_multi_modal_inputs)


def remembering(compute: Compute) -> Compute:
    """Wrap verl's method; prompts with anything but images, and processors without M-RoPE, are left to it."""

    @functools.wraps(compute)
    def compute_once(worker: Any, output: Any, input_ids: torch.Tensor) -> Inputs:
        media = output.multi_modal_data or {}
        key = _key(media, output.mm_processor_kwargs)
        if key is None or not hasattr(worker.processor, "get_rope_index"):
            return compute(worker, output, input_ids)
        known: OrderedDict[object, Inputs] = worker.__dict__.setdefault("_care_image_inputs", OrderedDict())
        if key not in known:
            known[key] = compute(worker, output, input_ids)
            while len(known) > KEPT:
                known.popitem(last=False)
        # A dict of its own, for verl takes the token types out of it. They alone depend on the text, and verl looks at
        # nothing but their presence.
        return dict(known[key])

    return compute_once


def install_prompts(continuous_token: ModuleType) -> None:
    """Tokenize a prompt with its images once for all its rollouts."""
    build = continuous_token.build_multimodal_processor_inputs
    continuous_token.build_multimodal_processor_inputs = remembering_prompts(build)  # type: ignore[attr-defined]


def remembering_prompts(build: Build) -> Build:
    """Wrap verl's call of the processor; prompts with anything but images are left to it."""
    known: OrderedDict[object, Mapping[str, Any]] = OrderedDict()
    # verl calls this from a pool of threads, a prompt's rollouts all at once.
    lock = threading.Lock()

    @functools.wraps(build)
    def build_once(processor: Any, *, text: Sequence[str], **media: Any) -> Mapping[str, Any]:
        images = {name: media.get(name) for name in ("images", "videos")} | {"audios": media.get("audio")}
        rest = {name: value for name, value in media.items() if name not in ("images", "videos", "audio")}
        look = _key(images, rest)
        if look is None:
            return build(processor, text=text, **media)
        key = (id(processor), tuple(text), look)
        with lock:
            if key not in known:
                known[key] = build(processor, text=text, **media)
                while len(known) > KEPT:
                    known.popitem(last=False)
            return copy.copy(known[key])

    return build_once


def _key(media: Mapping[str, Any], processor_kwargs: Mapping[str, Any] | None) -> object | None:
    """What the inputs depend on, or None where that is more than a few still images."""
    images = media.get("images")
    if not images or media.get("videos") or media.get("audios"):
        return None
    if not all(hasattr(image, "tobytes") and hasattr(image, "mode") for image in images):
        return None
    pixels = tuple((image.mode, image.size, image.tobytes()) for image in images)
    return pixels, repr(sorted((processor_kwargs or {}).items()))
