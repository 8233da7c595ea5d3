# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Rows of a step with repairs, over a dictionary that stands in for TransferQueue."""

import copy

import torch
from transfer_queue import KVBatchMeta

from recipe.care.config import CareConfig
from recipe.care.repair.choose import Outcome, RepairReport
from recipe.care.repair.plan import RepairedRow
from tests.unit.verl_ext.repair.byte_tokenizer import Bytes
from verl_ext.repair.record import DECODED_AT, Repair, ReplacementRow
from verl_ext.step.compute import Step
from verl_ext.step.rollouts import read_rollouts

TOKENIZER = Bytes()


class Queue:
    """TransferQueue as far as the trainer side sees it."""

    def __init__(self):
        self.rows, self.tags = {}, {}

    def kv_batch_get(self, keys, partition_id, select_fields):
        columns = {}
        for name in select_fields:
            if all(name in self.rows[key] for key in keys):
                values = [self.rows[key][name] for key in keys]
                is_tensor = isinstance(values[0], torch.Tensor)
                columns[name] = torch.nested.as_nested_tensor(values, layout=torch.jagged) if is_tensor else values
        return columns

    def kv_batch_put(self, keys, partition_id, fields, tags=None):
        for place, key in enumerate(keys):
            assert key in self.rows, "a key leaked"
            for name in list(fields.keys()):
                value = fields[name][place]
                self.rows[key][name] = getattr(value, "data", value) if name == "extra_fields" else value
            if tags is not None:
                self.tags[key] = copy.deepcopy(tags[place])


PROMPT = [81, 82]


def row_of(response: bytes, acc: float, embedding: list[float]) -> dict:
    ids = torch.tensor(list(response))
    scores = torch.zeros(len(ids))
    scores[-1] = acc
    return {
        "prompts": torch.tensor(PROMPT),
        "responses": ids,
        "response_mask": torch.ones_like(ids),
        "loss_mask": torch.ones_like(ids),
        "input_ids": torch.cat([torch.tensor(PROMPT), ids]),
        "position_ids": torch.arange(len(ids) + 2).expand(4, -1),
        "rm_scores": scores,
        "old_log_probs": -torch.rand(len(ids)),
        "rollout_log_probs": -torch.rand(len(ids)),
        "think_embeddings": torch.tensor(embedding),
        "care_pool_mask": torch.ones_like(ids),
        "extra_fields": {"reward_extra_info": {"score": acc, "acc": acc, "verified": 1.0}, DECODED_AT: 100.0},
    }


def candidate(outcome: Outcome, rank: int, length: int) -> Repair:
    report = RepairReport(outcome, rank, length, 0.5, 101.0, 103.0)
    if not outcome.usable:
        return Repair(report, None)
    acc = float(outcome is Outcome.PASSED)
    ids = [*b"<think>", *[120] * length, *b"</think><answer>5</answer>"]
    text = RepairedRow(ids, [0] * 7 + [1] * (len(ids) - 7), [0.0] * 7 + [-0.5] * (len(ids) - 7))
    whole = torch.tensor([*PROMPT, *ids])
    positions = torch.arange(len(whole)).expand(4, -1)
    info = {"score": acc, "acc": acc, "verified": 1.0}
    return Repair(report, ReplacementRow(text, acc, info, whole, positions, 6, 9))


def with_new_log_probs(queue: Queue, batch: KVBatchMeta, rows: list[int]) -> None:
    """What the second log-prob pass leaves."""
    for row in rows:
        fields = queue.rows[batch.keys[row]]
        fields["old_log_probs"] = -torch.rand(len(fields["responses"]))


def begun(batch: KVBatchMeta, care: CareConfig) -> Step:
    """The step of a batch that has been through the log-prob pass."""
    return Step.begin(read_rollouts(batch, care.positive_threshold), TOKENIZER, care)
