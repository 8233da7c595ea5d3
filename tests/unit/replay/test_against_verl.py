# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Beside verl's own functions: the dumps they write, the advantages they give."""

import numpy as np
import pytest
import torch
from verl.trainer.ppo.core_algos import compute_grpo_outcome_advantage
from verl.trainer.ppo.ray_trainer import RayPPOTrainer
from verl.trainer.ppo.v1.trainer_base import PPOTrainer

from recipe.replay.methods import METHODS
from tests.unit.replay.dumps import read, rows_of


@pytest.mark.parametrize("trainer", [PPOTrainer, RayPPOTrainer], ids=["V1", "V0"])
def test_what_verl_itself_writes_is_read(trainer, tmp_path):
    """The file is written by verl's own function, with what its two generations of trainers add to a row."""
    columns = (
        {"uid": ["p_0_0", "p_1_0"]} if trainer is PPOTrainer else {"acc": np.array([1.0, 0.0]), "pred": ["3", "4"]}
    )
    texts = (["user\nHow many?\n"] * 2, ["<answer>3</answer>", "<answer>\u2028 4</answer>"], ["3", "3"])
    trainer._write_generations(*texts, [np.float64(1.0), 0.1], columns, str(tmp_path), 7)
    (step,), counts = read(tmp_path)
    assert [one.output for one in step] == texts[1]
    assert [(one.step, one.score, one.gts) for one in step] == [(7, 1.0, "3"), (7, 0.1, "3")]
    assert len({one.group for one in step}) == 1
    assert [one.acc for one in step] == ([None, None] if trainer is PPOTrainer else [1.0, 0.0])
    assert counts.without_uid == (0 if trainer is PPOTrainer else 2)
    assert counts.damaged == 0


def test_grpo_is_verls():
    """On rewards of a step with groups of different sizes, equal rewards among them."""
    groups = [[1.0, 0.1, 0.0, 0.1], [1.0, 1.0], [0.1], [0.0, 0.1, 0.0, 1.0, 0.9]]
    rewards = torch.tensor([one for group in groups for one in group], dtype=torch.float64)
    index = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    verls, _ = compute_grpo_outcome_advantage(rewards[:, None], torch.ones(len(rewards), 1), index)
    ours = METHODS["grpo"].estimator(rows_of(groups, rewards=rewards.tolist()))
    assert ours.tolist() == pytest.approx(verls[:, 0].tolist(), abs=1e-6)
