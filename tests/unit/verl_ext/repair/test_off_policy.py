# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Rows that hold a repair: how far a failed one is pushed down, and what verl's rollout correction sees of it."""

import dataclasses

import pytest
import torch
from transfer_queue import KVBatchMeta

from recipe.care.config import CareConfig, RgrConfig
from recipe.care.errors import CareDataError
from recipe.care.repair.choose import Outcome
from tests.unit.verl_ext.repair.rows import TOKENIZER, Queue, begun, candidate, row_of, with_new_log_probs
from verl_ext.repair.record import REPAIR, Repair, with_repairs
from verl_ext.repair.replace import RowLogProbs, StepRepairs, hide_from_rollout_correction
from verl_ext.step import rollouts
from verl_ext.step.compute import finish_step
from verl_ext.step.rollouts import read_rollouts


def repaired_group(monkeypatch):
    """A right rollout, a failure whose repair failed too, and one that nobody repaired."""
    queue = Queue()
    failed = row_of(b"<think>no</think><answer>6</answer>", 0.0, [1.0, 1.0])
    (failed["extra_fields"],) = with_repairs([failed["extra_fields"]], [candidate(Outcome.FAILED, 0, 3)], shown=0)
    queue.rows["g_0_0"] = row_of(b"<think>so</think><answer>7</answer>", 1.0, [1.0, 0.0])
    queue.rows["g_1_0"] = failed
    queue.rows["g_2_0"] = row_of(b"<think>eh</think><answer>5</answer>", 0.0, [0.0, 1.0])
    tags = [{"prompt_len": 2, "response_len": len(row["responses"]), "seq_len": 9} for row in queue.rows.values()]
    monkeypatch.setattr(rollouts, "tq", queue)
    return queue, KVBatchMeta(list(queue.rows), tags, "train")


@pytest.mark.parametrize("importance", ["truncated", "none"])
def test_a_failed_repair_is_pushed_down_as_often_as_the_policy_would_write_it(monkeypatch, importance):
    queue, batch = repaired_group(monkeypatch)
    care = CareConfig(rgr=RgrConfig(importance=importance))
    before = begun(batch, care)
    repairs = StepRepairs(batch, before, care)
    repairs.write(batch)
    with_new_log_probs(queue, batch, repairs.replaced)
    length = len(queue.rows["g_1_0"]["responses"])
    old = torch.linspace(-4.0, -0.1, length)
    log_probs = {1: RowLogProbs(old, torch.full((length,), -1.0), torch.ones(length))}
    step, full = (
        finish_step(before.after_repairs(read_rollouts(batch, None), [1], repairs.result(known), TOKENIZER, care), care)
        for known in (log_probs, {})
    )
    weights = (old + 1.0).clamp(max=0).exp() if importance == "truncated" else torch.ones(length)
    assert full.token_advantages[1].min() < 0
    torch.testing.assert_close(step.token_advantages[1, :length], full.token_advantages[1, :length] * weights)
    assert torch.equal(step.token_advantages[[0, 2]], full.token_advantages[[0, 2]])
    mismatch = (old + 1.0).abs().mean().item()
    assert repairs.metrics(log_probs)["care/rgr/mismatch"] == pytest.approx(mismatch)


def test_rewritten_rows_do_not_look_off_policy_to_verls_rollout_correction(monkeypatch):
    queue, batch = repaired_group(monkeypatch)
    others = {key: queue.rows[key]["rollout_log_probs"].clone() for key in ("g_0_0", "g_2_0")}
    old = torch.full((len(queue.rows["g_1_0"]["responses"]),), -2.5)
    hide_from_rollout_correction(batch, {1: RowLogProbs(old, old + 2.0, torch.ones_like(old))})
    assert torch.equal(queue.rows["g_1_0"]["rollout_log_probs"], old)
    assert all(torch.equal(queue.rows[key]["rollout_log_probs"], before) for key, before in others.items())


def test_a_repair_without_sampled_log_probs_is_refused(monkeypatch):
    queue, batch = repaired_group(monkeypatch)
    failed = queue.rows["g_1_0"]
    repair = Repair.unpacked(failed["extra_fields"][REPAIR])
    silent = dataclasses.replace(repair.row, text=dataclasses.replace(repair.row.text, log_probs=None))
    failed["extra_fields"][REPAIR] = dataclasses.replace(repair, row=silent).packed()
    with pytest.raises(CareDataError, match=r"algorithm.care.rgr.enable=true: .* no log-probabilities"):
        StepRepairs(batch, begun(batch, CareConfig()), CareConfig()).write(batch)
