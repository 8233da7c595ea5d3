# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Reflection-Guided Resampling on token ids: what to ask of the policy, and which row its continuation trains.

Tokens in, tokens out: a request is made of the ids that were sampled, and of the cue's. Nothing that was decoded is
encoded again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch

from recipe.care.config import CareConfig, RgrConfig
from recipe.care.errors import CareDataError
from recipe.care.method.lexical import lexical_embeddings
from recipe.care.repair.cue import cue_text
from recipe.care.text.regions import find_regions
from recipe.care.text.tags import TAGS, TAGS_BYTES, find_spans
from recipe.care.text.token_bytes import TokenBytes, TokenizerLike, token_bytes

SHORTEST_CONTINUATION = 8
"""A repair with room for fewer tokens is not worth asking for: the two answer tags alone take about as many."""
_PROMPT_TAIL = 32
"""Prompt tokens in which a chat template's own ``<think>`` is looked for: its at most 7 tokens, and white space."""


class EncodingTokenizer(TokenizerLike, Protocol):
    """A tokenizer that also encodes, for the cue."""

    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]:
        """The ids of ``text``."""


class Sampled(NamedTuple):
    """One rollout as the policy sampled it."""

    prompt_ids: Sequence[int]
    """The prompt as the model saw it, image tokens expanded."""
    response_ids: Sequence[int]
    """The sampled tokens."""
    log_probs: Sequence[float] | None
    """Their log-probabilities when they were sampled, if anybody asked for them."""


@dataclass(frozen=True)
class LengthLimits:
    """The longest response a row may hold, and the longest sequence the model takes."""

    response: int
    model: int


@dataclass(frozen=True)
class RepairText:
    """The only tokens of a repair that were not sampled.

    Attributes:
        cue_ids: The repair cue.
        think_ids: The opening tag, for responses that did not write one.
    """

    cue_ids: tuple[int, ...]
    think_ids: tuple[int, ...]

    @classmethod
    def encode(cls, template: str, tokenizer: EncodingTokenizer) -> RepairText:
        """Encode the cue called ``template`` and the opening tag."""
        cue, think = (tokenizer.encode(text, add_special_tokens=False) for text in (cue_text(template), TAGS[0]))
        return cls(tuple(cue), tuple(think))


@dataclass(frozen=True)
class RepairedRow:
    """The response a repair trains.

    Attributes:
        response_ids: Its tokens.
        response_mask: 1 where the policy wrote the token and is trained on it.
        log_probs: Sampled log-probabilities, 0 for tokens that were not sampled; None where the rollout has none.
    """

    response_ids: list[int]
    response_mask: list[int]
    log_probs: list[float] | None

    def __post_init__(self) -> None:
        columns = (self.response_ids, self.response_mask, self.log_probs)
        lengths = {len(column) for column in columns if column is not None}
        if len(lengths) != 1:
            raise CareDataError(f"a repaired row needs a mask and a log-probability per token, not {sorted(lengths)}.")


@dataclass(frozen=True)
class RepairPlan:
    """A repair that fits: what to ask, and what goes before the continuation in the trained row."""

    request_ids: list[int]
    max_tokens: int
    prefix: RepairedRow

    def row(self, continuation_ids: Sequence[int], log_probs: Sequence[float] | None) -> RepairedRow:
        """The row that ``continuation_ids`` trains: the plan's prefix, then the continuation.

        Args:
            continuation_ids: What the policy answered to ``request_ids``.
            log_probs: Their sampled log-probabilities; needed where the prefix has some.
        """
        prefix = self.prefix
        if prefix.log_probs is not None and log_probs is None:
            raise CareDataError("the rollout came with log-probabilities, its repair without.")
        return RepairedRow(
            response_ids=[*prefix.response_ids, *continuation_ids],
            response_mask=[*prefix.response_mask, *[1] * len(continuation_ids)],
            log_probs=None if prefix.log_probs is None else [*prefix.log_probs, *(log_probs or ())],
        )


def plan_repair(
    failed: Sampled, text: RepairText, tokenizer: TokenizerLike, config: RgrConfig, limits: LengthLimits
) -> RepairPlan | None:
    """Plan the repair of one failed rollout.

    The request is prompt + failed rationale + cue, and ``<think>`` before the rationale if neither prompt nor rollout
    wrote one. The trained row is, before the continuation, the opening ``<think>`` (``target=rewrite``) or what the
    request has after the prompt, without a loss (``target=continue``).

    Args:
        failed: The rollout to repair.
        text: Cue and opening tag, encoded.
        tokenizer: The policy's tokenizer.
        config: ``algorithm.care.rgr``.
        limits: What request and row have to fit into.

    Returns:
        The plan, or None where fewer than ``SHORTEST_CONTINUATION`` tokens (or ``max_tokens``) would fit.
    """
    table = token_bytes(tokenizer)
    rationale_end, is_tagged = _rationale(failed.response_ids, table)
    lead = [] if is_tagged or _prompt_opens(failed, table) else list(text.think_ids)
    asked = [*lead, *failed.response_ids[:rationale_end], *text.cue_ids]
    request_ids = [*failed.prompt_ids, *asked]
    if config.target == "rewrite":
        prefix = _opening(failed, text, table)
    else:
        sampled = failed.log_probs
        logp = None if sampled is None else [*[0.0] * len(lead), *sampled[:rationale_end], *[0.0] * len(text.cue_ids)]
        prefix = RepairedRow(asked, [0] * len(asked), logp)
    room = min(limits.response - len(prefix.response_ids), limits.model - len(request_ids))
    if room < min(SHORTEST_CONTINUATION, config.max_tokens):
        return None
    return RepairPlan(request_ids, min(config.max_tokens, room), prefix)


def rank_failures(
    positives: Sequence[Sequence[int]], failures: Sequence[Sequence[int]], tokenizer: TokenizerLike
) -> list[int]:
    """Order a group's failures by a cheap stand-in for the embeddings, which do not exist during the rollout.

    It is the lexical likeness of their rationale to that of the shortest verified-correct rollout, the anchor.

    Args:
        positives: Response ids of the verified-correct rollouts, at least one.
        failures: Response ids of the failed ones.
        tokenizer: The policy's tokenizer.

    Returns:
        Positions in ``failures``, the likest first; ties keep their order.
    """
    rows = [torch.tensor(ids, dtype=torch.int64) for ids in (*positives, *failures)]
    ids_BT = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    lengths_B = torch.tensor([len(row) for row in rows])
    mask_BT = torch.arange(ids_BT.shape[1]) < lengths_B[:, None]
    regions = find_regions(ids_BT, mask_BT, tokenizer, include_tags=False)
    whole_B1 = ~regions.think_mask.any(dim=1, keepdim=True)
    embeddings_BD = lexical_embeddings(ids_BT, torch.where(whole_B1, mask_BT, regions.think_mask))
    unit_BD = torch.nn.functional.normalize(embeddings_BD.double(), dim=1)
    lengths = list(zip(regions.think_len.tolist(), regions.answer_len.tolist(), strict=True))
    anchor = min(range(len(positives)), key=lengths.__getitem__)
    likeness_F = unit_BD[len(positives) :] @ unit_BD[anchor]
    return likeness_F.argsort(descending=True, stable=True).tolist()


def rank_hopeless(failures: Sequence[Sampled]) -> list[int]:
    """Order the failures of a group without a correct rollout: the likeliest first, as the rescue picks its anchor.

    Args:
        failures: The rollouts; without sampled log-probabilities they keep their order.

    Returns:
        Positions in ``failures``.
    """
    means = [0.0 if one.log_probs is None else sum(one.log_probs) / max(1, len(one.log_probs)) for one in failures]
    return sorted(range(len(failures)), key=lambda position: -means[position])


def repairs_wanted(positives: int, failures: int, care: CareConfig) -> int:
    """How many failures of a group are worth a repair, at most.

    Args:
        positives: Verified-correct rollouts of the group.
        failures: Its failed ones.
        care: ``algorithm.care``.

    Returns:
        0 without a failure, in groups that ``rgr.groups`` leaves out, and where ``rgr.fill_to`` has nothing to fill.
    """
    rgr = care.rgr
    most = rgr.replacements(positives, positives + failures)
    if positives:
        most = min(most, care.k)  # a repair takes a negative's place in the subgroup
    if not failures or not most or rgr.groups == ("failed" if positives else "mixed"):
        return 0
    wanted = failures if isinstance(rgr.candidates, str) else rgr.candidates
    return wanted if rgr.fill_to is None else min(wanted, most)


def failures_to_repair(
    positives: Sequence[Sampled], failures: Sequence[Sampled], tokenizer: TokenizerLike, care: CareConfig
) -> tuple[list[int], int]:
    """Which failures of a group are worth a repair: the likest to the anchor first, and how many of them at most.

    Args:
        positives: The verified-correct rollouts, in the order of the batch.
        failures: The failed ones.
        tokenizer: The policy's tokenizer.
        care: ``algorithm.care``.

    Returns:
        Positions in ``failures``, and ``repairs_wanted``; nothing where that is 0.
    """
    wanted = repairs_wanted(len(positives), len(failures), care)
    if not wanted:
        return [], 0
    if positives:
        right, wrong = ([one.response_ids for one in some] for some in (positives, failures))
        order = rank_failures(right, wrong, tokenizer)
    else:
        order = rank_hopeless(failures)
    return order, wanted


def _rationale(ids: Sequence[int], table: TokenBytes) -> tuple[int, bool]:
    """How many leading tokens are the failed rationale, those that end before its closing tag begins; has it any tag?

    Without a rationale it is everything before the answer; without an answer everything. Tokens without text at the end
    (the end of the turn) never belong to it, and a token that reaches into the tag is dropped.
    """
    content, stops_N = table.spell(ids)
    spans = find_spans(content)
    if spans.rationale is not None:
        end = spans.rationale.inner_end
    else:
        end = len(content) if spans.answer is None else spans.answer.outer_start
    (inside,) = np.nonzero((np.diff(stops_N, prepend=0) > 0) & (stops_N <= end))
    return (int(inside[-1]) + 1 if len(inside) else 0), spans.rationale is not None


def _prompt_opens(failed: Sampled, table: TokenBytes) -> bool:
    """Whether the chat template has written ``<think>`` already."""
    return table.spell(failed.prompt_ids[-_PROMPT_TAIL:])[0].rstrip().endswith(TAGS_BYTES[0])


def _opening(failed: Sampled, text: RepairText, table: TokenBytes) -> RepairedRow:
    """The opening tag: the chat template's (nothing to add), the sampled one, or an encoded one without loss."""
    think = TAGS_BYTES[0]
    if _prompt_opens(failed, table):
        return RepairedRow([], [], None if failed.log_probs is None else [])
    for count in range(1, min(len(think), len(failed.response_ids)) + 1):
        if table.spell(failed.response_ids[:count])[0] == think:
            logp = None if failed.log_probs is None else list(failed.log_probs[:count])
            return RepairedRow(list(failed.response_ids[:count]), [1] * count, logp)
    logp = None if failed.log_probs is None else [0.0] * len(text.think_ids)
    return RepairedRow(list(text.think_ids), [0] * len(text.think_ids), logp)
