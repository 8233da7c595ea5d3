# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Shards of one and of several ranks, with and without an adapter, become the parameters they were cut from."""

import json

import pytest
import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor, Replicate, Shard
from torch.testing._internal.distributed.fake_pg import FakeStore

from recipe.release.checkpoint import fold_adapter, full_state, locate, main

WHOLE = torch.arange(35.0).view(7, 5)


def write_ranks(folder, shape: tuple[int, ...], names: tuple[str, ...]) -> None:
    """Write what ``shape`` ranks would: WHOLE sharded along the last dimension of the mesh, and a plain buffer."""
    ranks = torch.Size(shape).numel()
    folder.mkdir(parents=True)
    (folder / "fsdp_config.json").write_text(json.dumps({"FSDP_version": 2, "world_size": ranks}))
    # Nothing is communicated, so one process can play all ranks in turn.
    dist.init_process_group("fake", store=FakeStore(), rank=0, world_size=ranks)
    try:
        mesh = init_device_mesh("cpu", shape, mesh_dim_names=names)
        placements = [*[Replicate()] * (len(shape) - 1), Shard(0)]
        chunks = WHOLE.chunk(shape[-1])
        for rank in range(ranks):
            place = rank % shape[-1]
            local = chunks[place].clone() if place < len(chunks) else torch.empty(0, 5)
            sharded = DTensor.from_local(
                local, mesh, placements, run_check=False, shape=WHOLE.shape, stride=WHOLE.stride()
            )
            state = {"weight": sharded, "buffer": torch.tensor(3.0)}
            torch.save(state, folder / f"model_world_size_{ranks}_rank_{rank}.pt")
    finally:
        dist.destroy_process_group()


@pytest.mark.parametrize(
    ("shape", "names"),
    [((1,), ("fsdp",)), ((2,), ("fsdp",)), ((5,), ("fsdp",)), ((2, 2), ("ddp", "fsdp"))],
    ids=str,
)
def test_shards_are_joined(tmp_path, shape, names):
    """Five ranks for seven rows: chunks of two, the last of one, and one rank with nothing."""
    write_ranks(tmp_path / "shards", shape, names)
    state = full_state(tmp_path / "shards")
    assert torch.equal(state["weight"], WHOLE) and state["buffer"] == 3.0


def peft_state() -> dict[str, torch.Tensor]:
    stem = "base_model.model.model.layers.0.q_proj"
    return {
        f"{stem}.base_layer.weight": torch.ones(2, 3),
        f"{stem}.base_layer.bias": torch.zeros(2),
        f"{stem}.lora_A.default.weight": torch.tensor([[1.0, 2.0, 3.0]]),
        f"{stem}.lora_B.default.weight": torch.tensor([[10.0], [100.0]]),
        "base_model.model.lm_head.weight": torch.ones(4, 2),
    }


def test_adapter_is_folded_in():
    folded = fold_adapter(peft_state(), scale=0.5)
    assert set(folded) == {"model.layers.0.q_proj.weight", "model.layers.0.q_proj.bias", "lm_head.weight"}
    # 1 + 0.5 * B A
    assert folded["model.layers.0.q_proj.weight"].tolist() == [[6.0, 11.0, 16.0], [51.0, 101.0, 151.0]]


def test_an_adapter_alone_is_refused():
    adapter = {name: tensor for name, tensor in peft_state().items() if ".lora_" in name}
    with pytest.raises(ValueError, match="save_lora_only"):
        fold_adapter(adapter, scale=1.0)


@pytest.mark.parametrize("inner", ["actor", ""])
@pytest.mark.parametrize("outer", ["checkpoints", ""])
def test_every_way_to_name_a_checkpoint(tmp_path, inner, outer):
    run = tmp_path / "run"
    for step in (2, 10):
        shards = run / outer / f"global_step_{step}" / inner
        shards.mkdir(parents=True)
        (shards / "fsdp_config.json").write_text("{}")
    (run / outer / "latest_checkpointed_iteration.txt").write_text("10\n")
    for place in (run, run / outer, run / outer / "global_step_10", shards):
        found = locate(place)
        assert (found.folder, found.step, found.run) == (shards, 10, run)
    assert locate(run / outer / "global_step_2").step == 2
    assert found.validation == run / "validation" / "10.jsonl"


def test_no_checkpoint_says_what_to_give(tmp_path, capsys):
    assert main([str(tmp_path)]) == 2
    assert "global_step_N" in capsys.readouterr().err


def test_help_says_what_it_takes(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0 and "RUN_OR_CHECKPOINT" in capsys.readouterr().out
