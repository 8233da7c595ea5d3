# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Which rows' log-probabilities and embeddings the method reads: of the others, no forward pass is needed.

Verdicts are known before that pass. A group without a failure has no subgroup; with ``anchor=shortest`` the positives
that are no anchor are never looked at; and a group without a positive teaches only where it is rescued or repaired.
"""

from __future__ import annotations

import torch

from recipe.care.config import CareConfig
from recipe.care.method.groups import Ids, Vector, as_vector, group_index, members_of


def rows_read(
    acc: Vector, group: Ids, think_len: Vector, answer_len: Vector, config: CareConfig, valid: Vector
) -> list[int]:
    """The rows whose log-probability or embedding can change a result of ``care_advantages``.

    Args:
        acc: (B,) verdicts, before any repair; rows in the order in which the selection will see them.
        group: B hashable ids.
        think_len: (B,) rationale tokens.
        answer_len: (B,) answer tokens.
        config: ``anchor``, and whether anything happens to groups that failed as a whole.
        valid: (B,) False for padding and rows without a verdict.

    Returns:
        Their numbers, in order.
    """
    group_B = group_index(group)
    count = len(group_B)
    correct = (as_vector("acc", acc, count, torch.float64) > 0.5).tolist()
    think_B = as_vector("think_len", think_len, count, torch.int64).tolist()
    answer_B = as_vector("answer_len", answer_len, count, torch.int64).tolist()
    read: list[int] = []
    for rows in members_of(group_B, as_vector("valid", valid, count, torch.bool)):
        failures = [row for row in rows if not correct[row]]
        anchors = [row for row in rows if correct[row]] if failures else []
        if anchors and config.anchor == "shortest":
            anchors = [min(anchors, key=lambda row: (think_B[row], answer_B[row]))]
        if anchors or config.rescue.enable or config.rgr.enable:
            read += [*anchors, *failures]
    return sorted(read)
