# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Which rows' log-probabilities and embeddings the method reads: of the others, no forward pass is needed.

Verdicts are known before that pass. A group without a failure has no subgroup, and with ``anchor=shortest`` the
positives that are no anchor are never looked at.
"""

from __future__ import annotations

import torch

from recipe.care.config import CareConfig
from recipe.care.method.groups import Group, Ids, Vector, as_vector, group_index, members_of


def rows_read(
    acc: Vector, group: Ids, think_len: Vector, answer_len: Vector, config: CareConfig, valid: Vector
) -> list[int]:
    """The rows whose log-probability or embedding can change a result of ``care_advantages``.

    Args:
        acc: (B,) verdicts, before any repair.
        group: B hashable ids.
        think_len: (B,) rationale tokens.
        answer_len: (B,) answer tokens.
        config: ``anchor`` is used.
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
        one = Group(
            rows=rows,
            correct=[correct[row] for row in rows],
            repaired=[False] * len(rows),
            think_len=[think_B[row] for row in rows],
            answer_len=[answer_B[row] for row in rows],
        )
        if not one.failures:
            continue
        anchors = one.positives
        if config.anchor == "shortest":
            lengths = [(one.think_len[member], one.answer_len[member]) for member in anchors]
            # All that tie: which of them is the earlier is for the caller to say.
            anchors = [member for member, own in zip(anchors, lengths, strict=True) if own == min(lengths)]
        read += [rows[member] for member in (*anchors, *one.failures)]
    return sorted(read)
