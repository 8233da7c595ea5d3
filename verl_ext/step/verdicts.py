# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""A row's verdict: correct or not, from the verifier's own ``acc``, never inferred from a shaped score."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass

from recipe.care.errors import CareDataError


class LeftOut(str, enum.Enum):
    """Why a row takes no part in selection; it gets advantage 0."""

    PADDING = "padding"
    EARLIER_OUTPUT = "earlier_output"
    EMPTY = "empty"
    UNVERIFIED = "unverified"


LEFT_OUT_NOTES: dict[LeftOut, str] = {
    LeftOut.PADDING: "verl added them to fill a mini-batch.",
    LeftOut.EARLIER_OUTPUT: "an earlier output of a multi-output session; it shares the last output's advantage.",
    LeftOut.EMPTY: "the policy wrote nothing (an aborted generation).",
    LeftOut.UNVERIFIED: "the verifier failed, so they are neither right nor wrong.",
}


@dataclass(frozen=True)
class Verdict:
    """What the verifier says of one row."""

    acc: float
    left_out: LeftOut | None

    @classmethod
    def without(cls, reason: LeftOut) -> Verdict:
        """A row with no verdict."""
        return cls(0.0, reason)


def read_verdict(reward_extra: Mapping[str, object], positive_threshold: float | None, reward: float) -> Verdict:
    """Read one row's verdict from what its reward function returned.

    verl stores a bare float ``s`` as ``{"acc": s}``, without a ``score``: a shaped 0.1 would become "acc". Hence the
    two cases are told apart by the presence of ``score``.

    Args:
        reward_extra: verl's ``reward_extra_info`` of the row.
        positive_threshold: ``algorithm.care.positive_threshold``, or that of another estimator's section.
        reward: The row's reward, which is all that a discriminative reward model returns.

    Raises:
        CareDataError: There is no verdict and no threshold that would make one of the score.
    """
    returned_dict = "score" in reward_extra
    if returned_dict and reward_extra.get("verified") is not None and not _number(reward_extra["verified"]):
        return Verdict.without(LeftOut.UNVERIFIED)
    if returned_dict and "acc" in reward_extra:
        acc = _number(reward_extra["acc"])
        return Verdict.without(LeftOut.UNVERIFIED) if math.isnan(acc) else Verdict(float(acc > 0.5), None)
    score = reward_extra.get("score" if returned_dict else "acc", reward)
    if positive_threshold is None or score is None:
        what = "no acc" if returned_dict else "a bare number"
        raise CareDataError(
            f"the reward function returned {what} ({dict(reward_extra)}), and "
            'CARE never takes a score for a verdict. Return {"score": ..., "acc": 0 or 1} (recipe.care.reward does), '
            "or say from which score on an answer is correct: algorithm.care.positive_threshold, or the same key of "
            "another estimator."
        )
    return Verdict(float(_number(score) >= positive_threshold), None)


def _number(value: object) -> float:
    """``value`` as a float; a missing verdict (None) is not a number."""
    return math.nan if value is None else float(value)  # type: ignore[arg-type]
