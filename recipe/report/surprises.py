# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Verdicts worth a second look: a person who reads these finds a verifier's mistakes first."""

from __future__ import annotations

from collections.abc import Sequence

from recipe.care.text.tags import find_spans
from recipe.replay.dump import Rollout

HALF = 0.5
LENIENT = {
    "equation",
    "order",
    "parser",
    "parser_numeric",
    "precise",
    "relation",
    "relaxed",
    "rounded",
    "symbolic",
    "tolerance",
}
"""Rules that accept an answer which looks different from the gold."""


def surprises(rollouts: Sequence[Rollout], acc: Sequence[float | None]) -> list[str]:
    """Why the verdicts of a group are surprising; empty where they are not.

    Args:
        rollouts: Of one group, as they were sampled.
        acc: Their verdicts.
    """
    reasons: dict[str, None] = {}
    verdicts: dict[str, set[bool]] = {}
    for rollout, verdict in zip(rollouts, acc, strict=True):
        if verdict is None:
            reasons["no verdict on a rollout"] = None
            continue
        right = verdict > HALF
        if right != (rollout.score >= HALF):
            reasons["reward and verdict disagree"] = None
        answer = _answer(rollout.output)
        if not answer:
            continue
        verdicts.setdefault(answer, set()).add(right)
        same = answer == _bare(str(rollout.gts))
        if same and not right:
            reasons["wrong, with the characters of the gold"] = None
        rule = rollout.record.rule if rollout.record is not None else None
        if right and not same and rule in LENIENT:
            reasons[f"right by the rule {rule}, though it looks different from the gold"] = None
    if any(len(both) > 1 for both in verdicts.values()):
        reasons["the same answer judged right and wrong"] = None
    return list(reasons)


def _answer(output: str) -> str:
    span = find_spans(output).answer
    return "" if span is None else _bare(span.inner_of(output))


def _bare(text: str) -> str:
    return "".join(text.split()).casefold().rstrip(".")
