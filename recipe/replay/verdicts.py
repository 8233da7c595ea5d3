# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Right or wrong: the dump's own verdict, else the verifier's, else by a threshold of the score.

verl's V1 trainers dump a score and no verdict. A score of exactly 0 or 1 is one; any other needs to be told how to read
it, since a wrong answer in the right format may well have a score above 0.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from recipe.care.errors import CareDataError
from recipe.care.reward import compute_score
from recipe.replay.dump import Rollout
from recipe.replay.questions import Questions

HALF = 0.5
"""Where the dump's own score says right, when it is compared with the verifier and no threshold was named."""
DISPUTES_KEPT = 20


@dataclass(frozen=True)
class Dispute:
    """A rollout of which the verifier and the dump say different things."""

    where: str
    step: int
    verifier: str
    """``right`` or ``wrong``."""
    score: float
    """The dump's."""
    rule: str
    """Behind the verifier's verdict."""
    gold: str
    pred: str


@dataclass
class VerdictCounts:
    """Where verdicts came from, and how the verifier's compare with the dump's own."""

    origins: Counter[str] = field(default_factory=Counter)
    compared: int = 0
    only_verifier: int = 0
    """Right by the verifier, wrong by the dump."""
    only_dump: int = 0
    """Wrong by the verifier, right by the dump."""
    failed: int = 0
    """The verification failed."""
    disputes: list[Dispute] = field(default_factory=list)
    """The first of them."""


class Judge:
    """Decides which rollouts are right."""

    def __init__(
        self,
        data_source: str | None = None,
        questions: Questions | None = None,
        threshold: float | None = None,
        prompt_opens_think: bool = False,
    ) -> None:
        """Say what is to be used.

        Args:
            data_source: Of every row that does not name its own.
            questions: The training file, for each row's data source and what the verifier reads besides.
            threshold: A score at or above it is right.
            prompt_opens_think: The chat template wrote ``<think>``, so that responses do not open it.
        """
        self.counts = VerdictCounts()
        self._data_source, self._questions, self._threshold = data_source, questions, threshold
        self._prompt_opens_think = prompt_opens_think
        self._asks_verifier = data_source is not None or questions is not None

    def acc(self, rollout: Rollout) -> float | None:
        """1.0 right, 0.0 wrong, None without a verdict: such a row takes no part in CARE.

        Raises:
            CareDataError: Nothing says how to decide.
        """
        verified = self._verify(rollout) if self._asks_verifier else None
        if rollout.unverified:
            return self._from("without a verdict", None)
        if rollout.acc is not None:
            return self._from("the dump's acc", float(rollout.acc > HALF))
        if verified is not None:
            return self._from("the verifier", verified.acc)
        if self._threshold is not None:
            return self._from(f"a score of {self._threshold:g} or more", float(rollout.score >= self._threshold))
        if rollout.score in (0.0, 1.0):
            return self._from("a score of 0 or 1", rollout.score)
        tried = "--data has no row with this prompt and answer; " if self._questions is not None else ""
        raise CareDataError(
            f"{rollout.file}:{rollout.line}: the dump has no acc, and its score {rollout.score:g} does not say whether "
            f"the answer is right; {tried}give --data-source NAME or --data PARQUET to verify it again, or "
            "--threshold X"
        )

    def _from(self, origin: str, acc: float | None) -> float | None:
        self.counts.origins[origin] += 1
        return acc

    def _verify(self, rollout: Rollout) -> _Verified | None:
        """The verifier's verdict, compared with the dump's; None where the row's data source is not known."""
        question = self._questions.find(rollout.input, rollout.gts) if self._questions is not None else None
        source = question.data_source if question is not None else rollout.data_source or self._data_source
        if source is None:
            return None
        extra = question.extra_info if question is not None else rollout.extra_info
        try:
            score = compute_score(
                source, rollout.output, _gold(rollout.gts), extra, prompt_opens_think=self._prompt_opens_think
            )
        except CareDataError as error:
            raise CareDataError(f"{rollout.file}:{rollout.line}: {error}") from error
        if not score["verified"]:
            self.counts.failed += 1
            return _Verified(None)
        own = rollout.score >= (HALF if self._threshold is None else self._threshold)
        says_right = own if rollout.acc is None else rollout.acc > HALF
        self.counts.compared += 1
        if says_right != bool(score["acc"]):
            self._dispute(rollout, bool(score["acc"]), score["rule"], score["pred"])
        return _Verified(score["acc"])

    def _dispute(self, rollout: Rollout, right: bool, rule: str, pred: str) -> None:
        self.counts.only_verifier += right
        self.counts.only_dump += not right
        if len(self.counts.disputes) < DISPUTES_KEPT:
            where, verdict = f"{rollout.file}:{rollout.line}", "right" if right else "wrong"
            gold = _gold(rollout.gts)
            self.counts.disputes.append(Dispute(where, rollout.step, verdict, rollout.score, rule, gold, pred))


@dataclass(frozen=True)
class _Verified:
    acc: float | None
    """None where the verification failed."""


def _gold(gts: object) -> str:
    return gts if isinstance(gts, str) else str(gts)
