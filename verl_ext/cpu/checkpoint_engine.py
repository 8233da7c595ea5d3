# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Weight transfer for ``trainer_mode=separate_async`` without an accelerator: through a file.

verl's own transfers for that mode need NCCL, RDMA or the like. Register this one with
``actor_rollout_ref.rollout.checkpoint_engine.custom_backend_module=verl_ext.cpu.checkpoint_engine`` and select it with
``...checkpoint_engine.backend=cpu_file``. For one machine and tiny models; verl offers the registry for this purpose.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import torch
from verl.checkpoint_engine.base import CheckpointEngine, CheckpointEngineRegistry

POLL_S = 0.02
WAIT_S = 300.0

Topology = dict[str, list[object]]


@CheckpointEngineRegistry.register("cpu_file")
class FileCheckpointEngine(CheckpointEngine):
    """The first actor rank writes the weights, every rollout rank reads them."""

    def __init__(self, bucket_size: int, is_master: bool = False) -> None:
        self._path: Path | None = None
        self._writes = False

    def prepare(self) -> dict[str, str]:
        """Name a fresh file; only the first actor rank's name is used."""
        return {"path": os.path.join(tempfile.mkdtemp(prefix="care-weights-"), "weights.pt")}

    @classmethod
    def build_topology(
        cls, actor_wg_world_size: int, rollout_world_size: int, metadata: list[dict[str, str]]
    ) -> tuple[Topology, Topology]:
        """Tell everyone the file, and the first actor rank to write it."""
        path = metadata[0]["path"]
        writers: list[object] = [rank == 0 for rank in range(actor_wg_world_size)]
        actors: Topology = {"path": [path] * actor_wg_world_size, "writes": writers}
        return actors, {"path": [path] * rollout_world_size, "writes": [False] * rollout_world_size}

    def init_process_group(self, path: str, writes: bool) -> None:
        """Remember the part this rank plays in the coming transfer."""
        self._path, self._writes = Path(path), writes

    def finalize(self) -> None:
        """Remove the file."""
        if self._writes and self._path is not None:
            self._path.unlink(missing_ok=True)
            self._path.parent.rmdir()

    async def send_weights(
        self, weights: Iterator[tuple[str, torch.Tensor]], global_steps: int | None = None
    ) -> dict[str, float]:
        """Write all weights, then give the file its name. Every rank gathers shards by iterating, one writes."""
        assert self._path is not None
        gathered = {name: weight.detach().clone() for name, weight in weights}
        if self._writes:
            draft = self._path.with_suffix(".part")
            torch.save(gathered, draft)
            draft.rename(self._path)
        return {}

    async def receive_weights(self, global_steps: int | None = None) -> AsyncGenerator[tuple[str, torch.Tensor], None]:
        """Wait for the file and yield what is in it."""
        assert self._path is not None
        waited = 0.0
        while not self._path.exists():
            if waited > WAIT_S:
                raise TimeoutError(f"no weights arrived in {self._path} within {WAIT_S:.0f} s")
            await asyncio.sleep(POLL_S)
            waited += POLL_S
        for name, weight in torch.load(self._path, weights_only=True).items():
            yield name, weight
