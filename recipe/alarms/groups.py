# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What the rollouts of a step show when those of one prompt are laid side by side.

Metrics are means over a batch. Groups say more: that a verifier accepts 5 and 7 for the same question, or accepts an
answer in one response and rejects it in another, needs no gold answer to be noticed.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_LETTER = re.compile(r"\(?([A-Za-z])\)?\.?")
TOLERANCE = 0.0975
"""Numbers that differ by more of the larger one cannot both be right. ChartQA accepts 5% either way of the gold answer,
so two accepted ones may differ by 9.5%."""
PLACEHOLDERS = ("<image>", "<video>")


@dataclass(frozen=True)
class Row:
    """One rollout."""

    group: str
    """Its prompt."""
    reward: float
    acc: float | None = None
    """The verdict, where there is one."""
    verified: bool | None = None
    """False: the verification failed. None: nobody says."""
    format: float | None = None
    answer: str | None = None
    """The final answer as text, where one was found."""


@dataclass(frozen=True)
class GroupFacts:
    """A step's groups; shares are of groups unless they say otherwise, and None where nobody knows."""

    accuracy: float | None
    """Share of the rows with a verdict that are right."""
    format: float | None
    """Share of the rows that are well-formed."""
    all_right: float | None
    all_wrong: float | None
    equal_reward: float
    unverified: float | None
    """Share of rows whose verification failed."""
    compared: int
    """Groups with at least two answers that can be compared, one of them accepted."""
    contradicted: int
    """Those of them in which the verifier contradicts itself."""
    placeholders: float | None
    """Share of the prompts looked at in which a placeholder of an image is still there as text."""


def group_facts(rows: Iterable[Row], prompts: Sequence[str] = ()) -> GroupFacts:
    """Lay rollouts side by side.

    Args:
        rows: Those of a step, without padding.
        prompts: Some prompts of the step as text, special tokens left out.
    """
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.group].append(row)
    everybody = [row for members in groups.values() for row in members]
    verdicts = [row.acc > 0.5 for row in everybody if row.verified is not False and row.acc is not None]
    formats = [row.format for row in everybody if row.format is not None]
    told = ([row for row in members if row.verified is not False] for members in groups.values())
    live = [members for members in told if members]
    known = [members for members in live if all(row.acc is not None for row in members)]
    accepted = _acceptance(everybody)
    judged = [_contradiction(members, accepted) for members in live]
    return GroupFacts(
        accuracy=_mean(verdicts),
        format=_mean(formats),
        all_right=_mean([all(_right(row) for row in members) for members in known]),
        all_wrong=_mean([not any(_right(row) for row in members) for members in known]),
        equal_reward=_mean([len({row.reward for row in members}) == 1 for members in live]) or 0.0,
        unverified=_mean([not row.verified for row in everybody if row.verified is not None]),
        compared=sum(one is not None for one in judged),
        contradicted=sum(one is True for one in judged),
        placeholders=_mean([any(one in prompt for one in PLACEHOLDERS) for prompt in prompts]),
    )


def _right(row: Row) -> bool:
    return row.acc is not None and row.acc > 0.5


@dataclass(frozen=True)
class _Bounds:
    """Where no verdicts are known: rewards in the upper quarter of the step's range are accepted, in the lower not."""

    rejected: float
    accepted: float

    def of(self, row: Row) -> bool | None:
        """Whether the row was accepted; None where that cannot be told."""
        if row.acc is not None:
            return row.acc > 0.5
        if self.rejected >= self.accepted:
            return None
        return True if row.reward >= self.accepted else False if row.reward <= self.rejected else None


def _acceptance(rows: Sequence[Row]) -> _Bounds:
    rewards = [row.reward for row in rows if row.verified is not False]
    low, high = min(rewards, default=0.0), max(rewards, default=0.0)
    return _Bounds(low + (high - low) / 4, high - (high - low) / 4)


def _contradiction(members: Sequence[Row], bounds: _Bounds) -> bool | None:
    """Whether the verdicts of a group cannot all be right; None where there is nothing to compare."""
    # A verifier may refuse a right answer for its form.
    told = [(_plain(row.answer), bounds.of(row)) for row in members if row.answer and row.format != 0]
    accepted = {answer for answer, right in told if right}
    rejected = {answer for answer, right in told if right is False}
    if not accepted or len(told) < 2:
        return None
    if accepted & rejected:
        return True
    numbers = sorted(float(answer) for answer in accepted if _NUMBER.fullmatch(answer))
    if numbers and numbers[-1] - numbers[0] > TOLERANCE * max(abs(numbers[0]), abs(numbers[-1])):
        return True
    return len({answer for answer in accepted if _LETTER.fullmatch(answer)}) > 1


def _plain(answer: str | None) -> str:
    text = " ".join((answer or "").split()).lower()
    letter = _LETTER.fullmatch(text)
    return letter[1] if letter else text


def _mean(values: Sequence[float]) -> float | None:
    """A mean; of nothing there is none."""
    return sum(values) / len(values) if values else None
