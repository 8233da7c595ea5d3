# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""verl's FSDP checkpoints: where a run keeps them, and what is in them, whatever the number of ranks.

``python -m recipe.release.checkpoint RUN_OR_CHECKPOINT`` prints the folder with the shards.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.distributed.tensor import DTensor

LATEST = "latest_checkpointed_iteration.txt"
LAYOUT = "fsdp_config.json"
ADAPTER = "lora_train_meta.json"
PEFT_PREFIX = "base_model.model."
DOWN, UP = ".lora_A.default.weight", ".lora_B.default.weight"


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint of a run of verl's PPO or SFT trainer."""

    folder: Path
    """Where the shards are."""
    step: int
    run: Path
    """The run it belongs to."""

    @property
    def validation(self) -> Path:
        """Verl's dump of the validation at this step, if the run kept one."""
        return self.run / "validation" / f"{self.step}.jsonl"


def locate(place: Path) -> Checkpoint:
    """Find a checkpoint.

    Args:
        place: A run folder or its folder of checkpoints (the latest one is taken), one ``global_step_N``, or the
            folder of the shards.

    Raises:
        FileNotFoundError: There is none.
    """
    place = place.resolve()
    candidates = [place, place / "checkpoints"]
    for candidate in candidates:
        if (candidate / LATEST).is_file():
            place = candidate / f"global_step_{(candidate / LATEST).read_text().strip()}"
    # The PPO trainer has a folder for each model, the SFT trainer has one model.
    folder = next((found for found in (place, place / "actor") if (found / LAYOUT).is_file()), None)
    stepped = next(
        (parent for parent in (place, *place.parents) if re.fullmatch(r"global_step_\d+", parent.name)), None
    )
    if folder is None or stepped is None:
        raise FileNotFoundError(
            f"{place}: no FSDP checkpoint of verl. Give the run's folder, a global_step_N in it, or the folder with "
            f"{LAYOUT}; a run without one was stopped before its first trainer.save_freq."
        )
    run = stepped.parent.parent if stepped.parent.name == "checkpoints" else stepped.parent
    return Checkpoint(folder, int(stepped.name.removeprefix("global_step_")), run)


def full_state(folder: Path) -> dict[str, torch.Tensor]:
    """Put the shards of all ranks together, a LoRA adapter folded in.

    The files are mapped, so that what is held is the result and the shards of one parameter.

    Args:
        folder: ``Checkpoint.folder``.

    Returns:
        The parameters by their names in the Hugging Face model, in the precision they were trained in.
    """
    ranks = json.loads((folder / LAYOUT).read_text())["world_size"]
    # verl's files are pickles of distributed tensors, which torch's safe loader does not know.
    shards = [
        torch.load(
            folder / f"model_world_size_{ranks}_rank_{rank}.pt", map_location="cpu", weights_only=False, mmap=True
        )
        for rank in range(ranks)
    ]
    with torch.no_grad():
        state = {name: join([shard[name] for shard in shards]) for name in shards[0]}
        if not any(".lora_" in name for name in state):
            return state
        meta = json.loads((folder / ADAPTER).read_text())
        return fold_adapter(state, meta["lora_alpha"] / meta["r"])


def join(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    """The whole of a parameter, of which every rank has a part, or a copy.

    Args:
        parts: By rank.
    """
    first = parts[0]
    if not isinstance(first, DTensor):
        return first
    # With replicas, the last dimension of the mesh is the one that shards; any row of it is complete.
    mesh = first.device_mesh.mesh
    ranks = mesh.reshape(-1, mesh.shape[-1])[0].tolist()
    placement = first.placements[-1]
    local = [parts[rank].to_local() for rank in ranks]
    return torch.cat(local, dim=placement.dim) if placement.is_shard() else local[0]


def fold_adapter(state: Mapping[str, torch.Tensor], scale: float) -> dict[str, torch.Tensor]:
    """Add a LoRA adapter to the weights it was trained beside, in float32.

    Args:
        state: Parameters by PEFT's names.
        scale: alpha / rank.

    Returns:
        Parameters by the model's own names.

    Raises:
        ValueError: The weights below the adapter are not there, or it is of an unknown kind.
    """
    plain = {
        name.removeprefix(PEFT_PREFIX).replace(".base_layer.", "."): tensor
        for name, tensor in state.items()
        if ".lora_" not in name
    }
    for name in (name for name in state if ".lora_" in name):
        if not name.endswith((DOWN, UP)):
            raise ValueError(f"{name}: only LoRA on linear layers can be folded in; see model.target_modules")
        if name.endswith(UP):
            continue
        stem = name.removesuffix(DOWN)
        target = f"{stem.removeprefix(PEFT_PREFIX)}.weight"
        if target not in plain:
            raise ValueError(
                f"{target} is not in the checkpoint: it was saved with checkpoint.save_lora_only=True. Load the "
                "adapter beside the base model with PEFT, or save the whole model."
            )
        plain[target] = plain[target].float() + scale * (state[stem + UP].float() @ state[name].float())
    return plain


def main(argv: Sequence[str]) -> int:
    """Print where the shards are; returns the exit status."""
    parser = argparse.ArgumentParser(prog="care checkpoint", description=__doc__)
    parser.add_argument("place", type=Path, metavar="RUN_OR_CHECKPOINT", help="a run (its latest one) or global_step_N")
    options = parser.parse_args(argv)
    try:
        print(locate(options.place).folder)
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
