# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Pooling of hidden states: packed, padded and sharded layouts give the same means."""

import ast
import subprocess
import sys

import pytest
import torch
from torch import nn

from recipe.care.errors import CareDataError
from verl_ext.engine.pooling import capture_pooled, find_final_norm, plan_pooling, pooled_mean

# Two rows. Row 0: 2 prompt + 3 response tokens, pool responses 0 and 2. Row 1: 1 prompt + 2 response, pool response 1.
INPUT_OFFSETS = torch.tensor([0, 5, 8])
MASK_VALUES = torch.tensor([1, 0, 1, 0, 1])
MASK_OFFSETS = torch.tensor([0, 3, 5])
HIDDEN = torch.arange(8, dtype=torch.float32).unsqueeze(-1) * torch.tensor([1.0, 10.0])
# Packed positions: row 0 pools 2 and 4 -> mean 3; row 1 pools 7.
EXPECTED = torch.tensor([[3.0, 30.0], [7.0, 70.0]])


def test_packed_layout():
    plan = plan_pooling(INPUT_OFFSETS, MASK_VALUES, MASK_OFFSETS, padded_width=None)
    assert plan.position_N.tolist() == [2, 4, 7]
    assert torch.equal(pooled_mean(HIDDEN.unsqueeze(0), plan, None), EXPECTED)


def test_padded_layout_is_the_same():
    padded = torch.full((2, 5, 2), torch.nan)
    padded[0], padded[1, :3] = HIDDEN[:5], HIDDEN[5:]
    plan = plan_pooling(INPUT_OFFSETS, MASK_VALUES, MASK_OFFSETS, padded_width=5)
    assert torch.equal(pooled_mean(padded, plan, None), EXPECTED)


def test_row_without_a_pooled_token_is_zero():
    plan = plan_pooling(INPUT_OFFSETS, torch.tensor([0, 0, 0, 0, 1]), MASK_OFFSETS, None)
    assert torch.equal(pooled_mean(HIDDEN, plan, None)[0], torch.zeros(2))


def test_more_tokens_than_one_chunk():
    tokens = 10_000
    hidden = torch.randn(tokens, 3)
    plan = plan_pooling(torch.tensor([0, tokens]), torch.ones(tokens - 1), torch.tensor([0, tokens - 1]), None)
    torch.testing.assert_close(pooled_mean(hidden, plan, None)[0], hidden[1:].mean(0), rtol=1e-4, atol=1e-5)


SHARDED_RANK = """
import sys
import torch, torch.distributed as dist
from verl_ext.engine.pooling import plan_pooling, pooled_mean
rank, port = int(sys.argv[1]), sys.argv[2]
dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
hidden = torch.arange(8, dtype=torch.float32).unsqueeze(-1) * torch.tensor([1.0, 10.0])
plan = plan_pooling(torch.tensor([0, 5, 8]), torch.tensor([1, 0, 1, 0, 1]), torch.tensor([0, 3, 5]), None)
# Ulysses pads the packed sequence to a multiple of the group and gives each rank a slice; 8 tokens, 4 each.
print(pooled_mean(hidden[4 * rank : 4 * rank + 4].unsqueeze(0), plan, dist.group.WORLD).tolist())
"""


def test_sequence_parallel_shards_sum_to_the_same(free_port):
    # Two processes of their own: a spawned child could not import this file, as verl's wheel owns the name `tests`.
    commands = [[sys.executable, "-c", SHARDED_RANK, str(rank), str(free_port)] for rank in range(2)]
    ranks = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for command in commands]
    for rank in ranks:
        assert ast.literal_eval(rank.communicate(timeout=120)[0]) == EXPECTED.tolist()


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(4)


class Vlm(nn.Module):
    """The names of Qwen2.5-VL's modules that matter here."""

    def __init__(self):
        super().__init__()
        self.model = nn.Module()
        self.model.visual = Block()
        self.model.visual.model = Block()
        self.model.language_model = Block()
        self.model.language_model.layers = nn.ModuleList([nn.Module()])
        self.model.language_model.layers[0].input_layernorm = nn.LayerNorm(4)


@pytest.mark.parametrize("wrapper", [None, "_fsdp_wrapped_module", "_orig_mod", "base_model"])
def test_final_norm_is_found_under_wrappers(wrapper):
    model = Vlm()
    outer = model
    if wrapper:
        outer = nn.Module()
        outer.add_module(wrapper, model)
    assert find_final_norm(outer) is model.model.language_model.norm


def test_model_without_a_final_norm_is_refused():
    with pytest.raises(CareDataError, match=r"algorithm\.care\.distance=lexical"):
        find_final_norm(nn.Sequential(nn.Linear(2, 2)))


def test_hook_is_removed_after_the_block():
    norm = nn.Identity()
    plan = plan_pooling(INPUT_OFFSETS, MASK_VALUES, MASK_OFFSETS, None)
    with capture_pooled(norm, plan, None) as pooled:
        norm(HIDDEN)
    norm(HIDDEN)
    assert len(pooled) == 1 and torch.equal(pooled[0], EXPECTED)
