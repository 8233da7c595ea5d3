# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Which rows' log-probabilities and embeddings the method reads: of the others, no forward pass is needed.

Verdicts are known before that pass. A group without a failure has no subgroup, and with ``anchor=shortest`` the
positives that are no anchor are never looked at.
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
        failures = [row for row in rows if not correct[row]]
        anchors = [row for row in rows if correct[row]] if failures else []
        if anchors and config.anchor == "shortest":
            shortest = min((think_B[row], answer_B[row]) for row in anchors)
            # All that tie: which of them is the earlier is for the caller to say.
            anchors = [row for row in anchors if (think_B[row], answer_B[row]) == shortest]
        read += [*anchors, *failures]
    return sorted(read)
