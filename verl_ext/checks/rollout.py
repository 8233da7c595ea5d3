# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Settings of the rollout server that verl takes as they are and that fail, or mislead, only on the GPUs."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

from recipe.care.errors import CareConfigError
from verl_ext.checks.memory_estimate import MODELS, Model, Settings, cache_tokens
from verl_ext.checks.versions import installed

if TYPE_CHECKING:
    from omegaconf import DictConfig

ROLLOUT = "actor_rollout_ref.rollout"
DUMMY_WEIGHTS_WORK = Version("0.24.0")
"""The latest vLLM in which every tensor that matters comes with the weights verl sends. In 0.28 the image normalisation
is a parameter of no checkpoint, which ``load_format=dummy`` leaves random; those between were not looked at."""


def check_load_format(config: DictConfig) -> None:
    """Refuse verl's default, dummy weights, where images would turn to noise in vLLM.

    Raises:
        CareConfigError: The setting is ``dummy`` and vLLM newer than the last in which that is right.
    """
    rollout, version = config.actor_rollout_ref.rollout, installed("vllm")
    if not _asks_vllm(config) or rollout.load_format != "dummy" or version is None:
        return
    if Version(Version(version).public) > DUMMY_WEIGHTS_WORK:
        raise CareConfigError(
            f"{ROLLOUT}.load_format=dummy: vLLM {version} keeps its image normalisation in parameters that verl does "
            "not send, so the policy would see noise instead of pictures; set it to auto."
        )


def check_lengths(config: DictConfig) -> None:
    """Refuse a longest sequence that does not hold a prompt and a response.

    Raises:
        CareConfigError: Responses would be cut short.
    """
    longest, data = config.actor_rollout_ref.rollout.max_model_len, config.data
    if longest is not None and longest < _row(config):
        raise CareConfigError(
            f"{ROLLOUT}.max_model_len={longest}: is less than data.max_prompt_length={data.max_prompt_length} + "
            f"data.max_response_length={data.max_response_length}, so responses would be cut; raise it to "
            f"{_row(config)} or more (MAX_MODEL_LEN of the scripts), and further by algorithm.care.rgr.max_tokens and "
            "the cue for repairs."
        )


def check_context(config: DictConfig) -> str | None:
    """Compare the longest sequence of vLLM with the room that is left for its cache.

    Returns:
        A line for the summary; None for other servers and for a length that is not known.

    Raises:
        CareConfigError: The estimate says that vLLM refuses to start.
    """
    rollout, row = config.actor_rollout_ref.rollout, _row(config)
    longest = rollout.max_model_len
    model = known_model(str(config.actor_rollout_ref.model.path))
    if not _asks_vllm(config) or (longest is None and model is None):
        return None
    asked = f"{longest} tokens ({longest - row} over prompt and response, for repairs)" if longest is not None else ""
    if model is None:
        return asked
    gib, which = _gpu_gib()
    room = cache_tokens(model, rollout.gpu_memory_utilization, gib, rollout.tensor_model_parallel_size)
    needed = model.context if longest is None else longest
    if needed > room:
        takes = f"vLLM would take the model's own {needed}" if longest is None else f"vLLM would take {needed}"
        raise CareConfigError(
            f"{ROLLOUT}.max_model_len={'null' if longest is None else longest}: {takes} tokens, for which its cache "
            f"must have room; on {which} it has room for about {room // 1000}k (care memory). "
            f"Set it to {row + 1024} (MAX_MODEL_LEN of the scripts), or raise {ROLLOUT}.gpu_memory_utilization."
        )
    return f"{asked or f'{needed} tokens'}; vLLM's cache has room for about {room // 1000}k on {which}"


def check_weight_transfer(config: DictConfig) -> str | None:
    """Notice that ``separate_async`` by NCCL lacks a package which verl imports without a word when it is absent.

    Returns:
        A note where the GPU stack is not installed here, so that nothing can be said about the machines of the run.

    Raises:
        CareConfigError: The GPU stack is installed, and cupy is not.
    """
    transfer = config.actor_rollout_ref.rollout.checkpoint_engine.backend
    if config.trainer.v1.trainer_mode != "separate_async" or transfer != "nccl":
        return None
    if importlib.util.find_spec("cupy") is not None:
        return None
    import torch

    needs = "verl's transfer by NCCL needs cupy: pip install cupy-cuda13x==14.0.1 (it is in the extra gpu)"
    if torch.version.cuda is not None:
        raise CareConfigError(f"{ROLLOUT}.checkpoint_engine.backend=nccl: {needs}.")
    return f"weights go by NCCL: {needs}, on every node"


def known_model(path: str) -> Model | None:
    """The shape of a model by its folder's ``config.json``, else by its name; None for one that is not listed."""
    described = Path(path).expanduser() / "config.json"
    if described.is_file():
        config = json.loads(described.read_text())
        text = {**config, **config.get("text_config", {})}
        shape = (text.get("hidden_size"), text.get("num_hidden_layers"), text.get("vocab_size"))
        return next((one for one in MODELS.values() if (one.hidden, one.layers, one.vocab) == shape), None)
    name = Path(path).name.lower().replace(".", "_").replace("-", "_")
    return next((one for one in MODELS.values() if name.startswith(one.name)), None)


def _row(config: DictConfig) -> int:
    return int(config.data.max_prompt_length + config.data.max_response_length)


def _asks_vllm(config: DictConfig) -> bool:
    from omegaconf import OmegaConf

    rollout = config.actor_rollout_ref.rollout
    return not OmegaConf.is_missing(rollout, "name") and rollout.name == "vllm"


def _gpu_gib() -> tuple[float, str]:
    """Memory of the GPU here, or of the one the scripts are made for; and its name."""
    import torch

    if torch.cuda.is_available():
        device = torch.cuda.get_device_properties(0)
        return device.total_memory / 2**30, f"this {device.name}"
    return Settings().gpu_gib, "a GPU of 80 GB"
