# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""A step's rollouts as columns: what an estimator may look at.

B rows, those of a group next to each other. Without a tokenizer a token is a word or a sign: enough for shares.
"""

from __future__ import annotations

import itertools
import math
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch

from recipe.care.errors import CareDataError
from recipe.care.text.regions import find_regions
from recipe.care.text.tags import find_spans
from recipe.care.text.token_bytes import TokenizerLike
from recipe.replay.dump import Rollout
from recipe.replay.embeddings import Embedder

_WORD = re.compile(r"\w+|[^\w\s]")
_VOCABULARY = 2**20
"""Words whose numbers are kept; a number depends on the word alone, so forgetting them changes nothing."""


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of some groups.

    Attributes:
        group_B: (B,) int64 number of each row's group, rising.
        acc_B: (B,) 1.0 right, 0.0 wrong or without a verdict.
        valid_B: (B,) bool, whether there is a verdict.
        reward_B: (B,) what the reward function gave.
        tokens_B: (B,) int64 length of the response.
        rationale_B: (B,) int64 tokens of the rationale, tags included, that the answer does not also cover.
        answer_B: (B,) int64 tokens of the answer, tags included; the whole response where there is no answer.
        think_len_B: (B,) int64 tokens between the rationale's tags; the response's length where there is none.
        answer_len_B: (B,) the same for the answer.
        embeddings_BH: (B, H) float32 rationale embeddings.
        logp_sum_B: (B,) log-probability under the policy before the update, NaN where the dump has none.
        logp_mean_B: (B,) the same, per token.
        ref_logp_sum_B: (B,) log-probability under the reference, NaN where the dump has none.
    """

    group_B: np.ndarray
    acc_B: np.ndarray
    valid_B: np.ndarray
    reward_B: np.ndarray
    tokens_B: np.ndarray
    rationale_B: np.ndarray
    answer_B: np.ndarray
    think_len_B: np.ndarray
    answer_len_B: np.ndarray
    embeddings_BH: np.ndarray
    logp_sum_B: np.ndarray
    logp_mean_B: np.ndarray
    ref_logp_sum_B: np.ndarray

    def groups(self) -> Iterator[tuple[slice, Rows]]:
        """Every group by itself, and where its rows are."""
        starts = [*np.flatnonzero(np.diff(self.group_B, prepend=-1)).tolist(), len(self.group_B)]
        for start, stop in itertools.pairwise(starts):
            part = slice(start, stop)
            yield part, Rows(**{name: values[part] for name, values in vars(self).items()})


class Lengths(NamedTuple):
    """What a response amounts to in tokens (see ``Rows``), and the tokens an embedding is made of."""

    tokens: int
    rationale: int
    answer: int
    think_len: int
    answer_len: int
    content: Sequence[int]
    """Ids of the rationale's tokens without tags; of all where there is no rationale."""


class Counter(Protocol):
    """Cuts responses into tokens."""

    def lengths(self, responses: Sequence[str]) -> list[Lengths]:
        """The lengths of some responses."""


class WordCounter:
    """Takes words and signs for tokens."""

    def __init__(self) -> None:
        self._number = _Numbers()

    def lengths(self, responses: Sequence[str]) -> list[Lengths]:
        """The lengths of some responses."""
        return [self._of(response) for response in responses]

    def _of(self, response: str) -> Lengths:
        rationale, answer, _, _ = find_spans(response)
        if rationale is None:
            words = _WORD.findall(response)
            total, outer, think_len, content = len(words), 0, len(words), words
        else:
            content = _WORD.findall(rationale.inner_of(response))
            think_len = len(content)
            outer = think_len + _count(response, rationale.outer_start, rationale.inner_start)
            outer += _count(response, rationale.inner_end, rationale.outer_end)
            total = outer + _count(response, 0, rationale.outer_start)
            total += _count(response, rationale.outer_end, len(response))
        if answer is None:
            return Lengths(total, 0, total, think_len, total, self._numbers(content))
        if rationale is not None and answer.outer_start < rationale.outer_end:
            # A response that mixes its tags up: what both cover is the answer's.
            shared = max(rationale.outer_start, answer.outer_start), min(rationale.outer_end, answer.outer_end)
            outer -= _count(response, *shared)
            think_len -= _count(response, max(shared[0], rationale.inner_start), min(shared[1], rationale.inner_end))
        answer_tokens = _count(response, answer.outer_start, answer.outer_end)
        answer_len = _count(response, answer.inner_start, answer.inner_end)
        return Lengths(total, max(0, outer), answer_tokens, max(0, think_len), answer_len, self._numbers(content))

    def _numbers(self, words: Sequence[str]) -> list[int]:
        if len(self._number) > _VOCABULARY:
            self._number.clear()
        return [self._number[word] for word in words]


class _Numbers(dict[str, int]):
    """A number for every word, made when it is first asked for."""

    def __missing__(self, word: str) -> int:
        self[word] = number = zlib.crc32(word.encode(errors="surrogatepass"))
        return number


def _count(response: str, start: int, stop: int) -> int:
    return len(_WORD.findall(response, start, stop)) if start < stop else 0


class TokenCounter:
    """Counts a model's own tokens. A text is encoded anew, which may cut it otherwise than the model had written it."""

    def __init__(self, path: str) -> None:
        """Load the tokenizer of a model folder.

        Raises:
            CareDataError: There is none.
        """
        from transformers import AutoTokenizer

        try:
            self._tokenizer = AutoTokenizer.from_pretrained(path)
        except (OSError, ValueError) as error:
            raise CareDataError(f"--tokenizer {path}: no tokenizer that can be loaded ({error})") from error

    def lengths(self, responses: Sequence[str]) -> list[Lengths]:
        """The lengths of some responses."""
        encoded = self._tokenizer(list(responses), add_special_tokens=False)["input_ids"]
        return [_of_ids(ids, self._tokenizer) for ids in encoded]


def _of_ids(ids: Sequence[int], tokenizer: TokenizerLike) -> Lengths:
    ids_1T = torch.tensor([ids], dtype=torch.int64)
    every_1T = torch.ones_like(ids_1T)
    regions = find_regions(ids_1T, every_1T, tokenizer)
    inner_1T = find_regions(ids_1T, every_1T, tokenizer, include_tags=False).think_mask
    return Lengths(
        tokens=len(ids),
        rationale=int((regions.think_mask & ~regions.answer_mask).sum()),
        answer=int(regions.answer_mask.sum()),
        think_len=int(regions.think_len),
        answer_len=int(regions.answer_len),
        content=ids_1T[inner_1T].tolist() if inner_1T.any() else list(ids),
    )


class LaidOut(NamedTuple):
    """A step's rollouts in the order of its rows, the rows, and where their embeddings come from."""

    rollouts: list[Rollout]
    rows: Rows
    origin: str


def lay_out(rollouts: Sequence[Rollout], acc: Sequence[float | None], counter: Counter, embed: Embedder) -> LaidOut:
    """Lay a step out, group by group.

    Args:
        rollouts: Of one step, in any order.
        acc: Their verdicts.
        counter: What cuts them into tokens.
        embed: What distances are measured with.
    """
    number: dict[str, int] = {}
    group = [number.setdefault(rollout.group, len(number)) for rollout in rollouts]
    order = sorted(range(len(rollouts)), key=group.__getitem__)
    ordered = [rollouts[row] for row in order]
    lengths = counter.lengths([rollout.output for rollout in ordered])
    columns = {name: np.array([getattr(one, name) for one in lengths], dtype=np.int64) for name in Lengths._fields[:-1]}
    verdicts = [acc[row] for row in order]
    logp = [_logp(rollout) for rollout in ordered]
    embedded = embed(ordered, [one.content for one in lengths])
    rows = Rows(
        group_B=np.array([group[row] for row in order], dtype=np.int64),
        acc_B=np.array([one or 0.0 for one in verdicts]),
        valid_B=np.array([one is not None for one in verdicts]),
        reward_B=np.array([rollout.score for rollout in ordered]),
        tokens_B=columns["tokens"],
        rationale_B=columns["rationale"],
        answer_B=columns["answer"],
        think_len_B=columns["think_len"],
        answer_len_B=columns["answer_len"],
        embeddings_BH=embedded.vectors_BH,
        logp_sum_B=np.array([one[0] for one in logp]),
        logp_mean_B=np.array([one[1] for one in logp]),
        ref_logp_sum_B=np.array([one[2] for one in logp]),
    )
    return LaidOut(ordered, rows, embedded.origin)


def _logp(rollout: Rollout) -> tuple[float, float, float]:
    """Sum and mean of a rollout's log-probabilities, and their sum under the reference.

    NaN where they are not known, or belong to the repair that took the rollout's place.
    """
    record = rollout.record
    if record is None or record.logp is None or not record.tokens or record.output != rollout.output:
        return math.nan, math.nan, math.nan
    return record.logp, record.logp / record.tokens, math.nan if record.ref_logp is None else record.ref_logp
