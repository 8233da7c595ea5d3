# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What an estimator sees: the rollouts of one prompt that have a verdict.

Padding, empty responses and rows whose verification failed are not among them; they get advantage 0. G rows, T columns,
H hidden. What costs something to know is there only for an estimator that declares it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

import numpy as np
import torch

from recipe.care.errors import CareConfigError
from recipe.care.method.distance import cosine_distances


class Need(str, Enum):
    """What an estimator may declare that it reads, besides verdicts, rewards and lengths of responses."""

    LOGP = "logp"
    """Log-probabilities under the policy that is about to be updated."""
    REF_LOGP = "ref_logp"
    """The same under the reference policy: verl's pass for it has to be switched on."""
    EMBEDDINGS = "embeddings"
    """Rationales as means of the policy's hidden states, pooled in the log-prob pass."""
    LEXICAL = "lexical"
    """Rationales as counts of their tokens, instead: no pass computes them."""
    REGIONS = "regions"
    """Which tokens are rationale and which answer."""


@dataclass(frozen=True, eq=False)
class GroupRegions:
    """Rationale and answer in the rows of a group, as ``recipe.care.text.regions.Regions`` describes them."""

    rationale_GT: np.ndarray
    answer_GT: np.ndarray
    think_len_G: np.ndarray
    answer_len_G: np.ndarray


@dataclass(frozen=True, eq=False)
class RolloutGroup:
    """The rollouts of one prompt.

    Attributes:
        right_G: (G,) bool, verified correct.
        reward_G: (G,) float64, what the reward function gave.
        own_GT: (G, T) bool, the tokens that the policy wrote.
        repaired_G: (G,) bool, a repair sits in the place of this failure.
        logp: (G,) sums of log-probabilities, where declared; read ``logp_G``. So the next three.
        ref_logp: The same under the reference.
        embeddings: (G, H).
        regions: Rationale and answer.
    """

    right_G: np.ndarray
    reward_G: np.ndarray
    own_GT: np.ndarray
    repaired_G: np.ndarray
    logp: np.ndarray | None = None
    ref_logp: np.ndarray | None = None
    embeddings: np.ndarray | None = None
    regions: GroupRegions | None = None

    @classmethod
    def of(
        cls,
        right: Sequence[bool | int],
        reward: Sequence[float] | None = None,
        tokens: Sequence[int] | None = None,
        logp: Sequence[float] | None = None,
        ref_logp: Sequence[float] | None = None,
        embeddings: Sequence[Sequence[float]] | None = None,
        rationale: Sequence[int] | None = None,
        answer: Sequence[int] | None = None,
        repaired: Sequence[bool | int] | None = None,
    ) -> RolloutGroup:
        """A group by hand, to try an estimator on.

        Args:
            right: Verdicts.
            reward: Rewards; 1 for a right row and 0 for a wrong one unless given.
            tokens: Tokens of each response, 10 unless given.
            logp: Log-probability of each response, summed over its tokens.
            ref_logp: The same under the reference.
            embeddings: A vector for each rationale.
            rationale: Tokens of each rationale, which stands first.
            answer: Tokens of each answer, which stands behind it.
            repaired: Rows that hold a repair.
        """
        right_G = np.asarray(right, dtype=np.bool_)
        tokens_G = np.full(len(right_G), 10) if tokens is None else np.asarray(tokens)
        regions = None if rationale is None or answer is None else _regions_in_order(tokens_G, rationale, answer)
        return cls(
            right_G=right_G,
            reward_G=right_G.astype(np.float64) if reward is None else np.asarray(reward, dtype=np.float64),
            own_GT=first(tokens_G, int(tokens_G.max(initial=0))),
            repaired_G=np.zeros_like(right_G) if repaired is None else np.asarray(repaired, dtype=np.bool_),
            logp=None if logp is None else np.asarray(logp, dtype=np.float64),
            ref_logp=None if ref_logp is None else np.asarray(ref_logp, dtype=np.float64),
            embeddings=None if embeddings is None else np.asarray(embeddings, dtype=np.float32),
            regions=regions,
        )

    @property
    def size(self) -> int:
        """G."""
        return len(self.right_G)

    @property
    def tokens_G(self) -> np.ndarray:
        """(G,) int64 tokens of each response."""
        return self.own_GT.sum(axis=1)

    @property
    def logp_G(self) -> np.ndarray:
        """(G,) log-probability of each response, summed over its tokens."""
        return _declared(self.logp, Need.LOGP)

    @property
    def mean_logp_G(self) -> np.ndarray:
        """(G,) the same, per token."""
        return self.logp_G / np.maximum(self.tokens_G, 1)

    @property
    def ref_logp_G(self) -> np.ndarray:
        """(G,) log-probability of each response under the reference, summed over its tokens."""
        return _declared(self.ref_logp, Need.REF_LOGP)

    @property
    def mean_ref_logp_G(self) -> np.ndarray:
        """(G,) the same, per token."""
        return self.ref_logp_G / np.maximum(self.tokens_G, 1)

    @property
    def embeddings_GH(self) -> np.ndarray:
        """(G, H) float32 rationale embeddings."""
        return _declared(self.embeddings, Need.EMBEDDINGS)

    @property
    def distance_GG(self) -> np.ndarray:
        """(G, G) cosine distances between rationales."""
        return cosine_distances(torch.from_numpy(self.embeddings_GH), range(self.size)).numpy()

    @property
    def rationale_GT(self) -> np.ndarray:
        """(G, T) bool, the rationale's tokens, tags included."""
        return _declared(self.regions, Need.REGIONS).rationale_GT

    @property
    def answer_GT(self) -> np.ndarray:
        """(G, T) bool, the answer's tokens, tags included; all tokens of a row without an answer."""
        return _declared(self.regions, Need.REGIONS).answer_GT

    @property
    def think_len_G(self) -> np.ndarray:
        """(G,) int64 tokens between the rationale's tags; the response's length where there is none."""
        return _declared(self.regions, Need.REGIONS).think_len_G

    @property
    def answer_len_G(self) -> np.ndarray:
        """(G,) int64 the same for the answer."""
        return _declared(self.regions, Need.REGIONS).answer_len_G


_Known = TypeVar("_Known")


def _declared(value: _Known | None, need: Need) -> _Known:
    if value is None:
        raise CareConfigError(
            f"the estimator reads {need.value}, which was not computed for it: declare it with "
            f"@group_estimator(..., needs=[Need.{need.name}])."
        )
    return value


def first(count_G: np.ndarray, width: int) -> np.ndarray:
    """(G, width) bool, True in the first ``count_G`` columns of each row."""
    return np.arange(width) < np.asarray(count_G)[:, None]


def _regions_in_order(tokens_G: np.ndarray, rationale: Sequence[int], answer: Sequence[int]) -> GroupRegions:
    rationale_G, answer_G = np.asarray(rationale), np.asarray(answer)
    width = int(tokens_G.max(initial=0))
    own_GT, rationale_GT = first(tokens_G, width), first(rationale_G, width)
    answer_GT = first(rationale_G + answer_G, width) & ~rationale_GT
    return GroupRegions(rationale_GT & own_GT, answer_GT & own_GT, rationale_G, answer_G)
