# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Verdicts without a verifier: a hash of question and response, so that a model with random weights meets every case.

A quarter of the groups is all right, a quarter all wrong, and in the others each response, repairs too, is right or
wrong at even odds, and always the same.
"""

from __future__ import annotations

import hashlib


def compute_score(data_source: str, solution_str: str, ground_truth: str, **_: object) -> dict[str, float]:
    """Verl's interface of a reward function.

    Args:
        data_source: Not looked at.
        solution_str: The response.
        ground_truth: Tells questions apart.
    """
    kind = _number(ground_truth) % 4
    right = {0: True, 1: False}.get(kind, _number(f"{ground_truth}\n{solution_str}") % 2 == 0)
    return {"score": float(right), "acc": float(right), "verified": 1.0}


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
