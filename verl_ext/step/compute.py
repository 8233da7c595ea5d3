# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""One CARE step on plain tensors: rollouts -> regions -> selection -> advantages -> tokens, with its metrics."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from recipe.care.config import CareConfig
from recipe.care.errors import CareDataError
from recipe.care.method.advantage import CareResult, care_advantages
from recipe.care.method.credit import token_advantages
from recipe.care.method.lexical import lexical_embeddings
from recipe.care.method.metrics import group_metrics, region_masses
from recipe.care.method.off_policy import weigh_failed_repairs
from recipe.care.text.regions import Regions, find_regions
from recipe.care.text.token_bytes import TokenizerLike
from verl_ext.step.rollouts import Rollouts
from verl_ext.step.verdicts import LEFT_OUT_NOTES, LeftOut

STEP_METRICS: dict[str, str] = {
    "care/acc_sampled": "Share of valid rows that are verified correct, as sampled: before any repair.",
    **{f"care/left_out/{reason.value}": f"Rows left out: {note}" for reason, note in LEFT_OUT_NOTES.items()},
    "care/timing_s/regions": "Seconds spent finding regions.",
    "care/timing_s/advantages": "Seconds spent on selection and row advantages.",
    "care/timing_s/tokens": "Seconds spent spreading advantages over tokens.",
    "care/timing_s/metrics": "Seconds spent on these metrics.",
}
"""The metrics a step adds to those of ``report`` and ``regions``."""


@dataclass(frozen=True)
class CareStep:
    """What a step leaves: (B, T) token advantages in key order, which add up to a row's, metrics, and their origin."""

    token_advantages: torch.Tensor
    metrics: dict[str, float]
    regions: Regions
    result: CareResult


def pool_mask(response_ids: torch.Tensor, response_mask: torch.Tensor, tokenizer: TokenizerLike) -> torch.Tensor:
    """(B, T) int64 mask of the tokens an embedding averages: the rationale's own, or all where there is none."""
    regions = find_regions(response_ids, response_mask, tokenizer, include_tags=False)
    return _or_whole_response(regions.think_mask, response_mask).to(torch.int64)


@dataclass(frozen=True, eq=False)
class Selectable:
    """What selection looks at besides verdicts.

    Repairs replace rows after the selection that chose them; in groups with a correct rollout it is these values of the
    original rows that reproduce it.

    Attributes:
        think_len: (B,) rationale tokens.
        answer_len: (B,) answer tokens.
        embeddings: (B, H), or None for ``selector=random``.
        seq_logp: (B,) log-probability of each row as ``rescue.logp`` says, or None before that pass.
    """

    think_len: torch.Tensor
    answer_len: torch.Tensor
    embeddings: torch.Tensor | None
    seq_logp: torch.Tensor | None

    @classmethod
    def of(cls, rollouts: Rollouts, regions: Regions, care: CareConfig) -> Selectable:
        """Those of ``rollouts`` themselves."""
        embeddings_BH = _embeddings(rollouts, regions, care)
        return cls(regions.think_len, regions.answer_len, embeddings_BH, _sequence_logp(rollouts, care))

    def where(self, mask_B: torch.Tensor, other: Selectable) -> Selectable:
        """These values where ``mask_B`` is True, and ``other``'s elsewhere."""
        embeddings_BH, seq_logp_B = self.embeddings, self.seq_logp
        if embeddings_BH is not None and other.embeddings is not None:
            embeddings_BH = torch.where(mask_B[:, None], embeddings_BH, other.embeddings)
        if seq_logp_B is not None and other.seq_logp is not None:
            seq_logp_B = torch.where(mask_B, seq_logp_B, other.seq_logp)
        return Selectable(
            think_len=torch.where(mask_B, self.think_len, other.think_len),
            answer_len=torch.where(mask_B, self.answer_len, other.answer_len),
            embeddings=embeddings_BH,
            seq_logp=seq_logp_B,
        )


@dataclass(frozen=True, eq=False)
class Repairs:
    """What RGR did to the rows of a step.

    Attributes:
        keys: The rows, in the order of the batch.
        repaired: (B,) True for failures whose slot holds a repair, be it that the original text stays there.
        originals: What selection saw before any text was replaced.
        sampled_acc: (B,) verdicts of the original texts.
        importance: ``off_policy.importance_weights`` of each row that holds a repair's text; empty with
            ``rgr.importance=none``.
    """

    keys: Sequence[str]
    repaired: torch.Tensor
    originals: Selectable
    sampled_acc: torch.Tensor
    importance: Mapping[int, torch.Tensor]

    def seen(self, rollouts: Rollouts, now: Selectable) -> Selectable:
        """What selection looks at: the original texts where it has chosen among them, the present ones elsewhere.

        Args:
            rollouts: The rows as they are.
            now: What there is to see of them. Hidden-state embeddings are the originals' all the same.
        """
        right_B = rollouts.valid & (self.sampled_acc > 0.5)
        mixed = {rollouts.group[row] for row in right_B.nonzero()[:, 0].tolist()}
        is_mixed_B = torch.tensor([one in mixed for one in rollouts.group], dtype=torch.bool)
        return self.originals.where(is_mixed_B, now)


def select(
    rollouts: Rollouts, seen: Selectable, care: CareConfig, repaired_B: torch.Tensor | None = None
) -> CareResult:
    """Select and weigh the rows of a step, looking at ``seen``. Ties go to the earlier session."""
    order_B = rollouts.session_order
    result = care_advantages(
        acc=rollouts.acc[order_B],
        rewards=rollouts.rewards[order_B],
        group=[rollouts.group[row] for row in order_B.tolist()],
        think_len=seen.think_len[order_B],
        answer_len=seen.answer_len[order_B],
        embeddings=None if seen.embeddings is None else seen.embeddings[order_B],
        seq_logp=None if seen.seq_logp is None else seen.seq_logp[order_B],
        config=care,
        valid=rollouts.valid[order_B],
        repaired=None if repaired_B is None else repaired_B[order_B],
    )
    return _in_batch_order(result, order_B)


def _in_batch_order(result: CareResult, order_B: torch.Tensor) -> CareResult:
    """Bring back a result whose i-th entry belongs to row ``order_B[i]``."""
    place_B = order_B.argsort()
    anchor_B = result.anchor_of[place_B]
    return CareResult(
        advantages=result.advantages[place_B],
        role=result.role[place_B.numpy()],
        anchor_of=torch.where(anchor_B < 0, anchor_B, order_B[anchor_B.clamp(min=0)]),
        k_prime=result.k_prime[place_B],
        distance=None if result.distance is None else result.distance[place_B],
    )


def compute_step(
    rollouts: Rollouts, tokenizer: TokenizerLike, care: CareConfig, repairs: Repairs | None = None
) -> CareStep:
    """Run CARE on one step's rollouts.

    Args:
        rollouts: The step's rows in key order.
        tokenizer: The policy's tokenizer, which says which bytes a token stands for.
        care: ``algorithm.care``.
        repairs: What RGR did to these rows; None when it is off.

    Raises:
        CareDataError: ``repairs`` is of other rows.
    """
    if repairs is not None and list(repairs.keys) != list(rollouts.keys):
        raise CareDataError(
            "the rows were reordered between the log-prob pass and the advantages (algorithm.care.rgr)."
        )
    clock = _Clock()
    mask_BT = rollouts.response_mask
    with clock.stage("regions"):
        regions = find_regions(rollouts.response_ids, mask_BT, tokenizer, include_tags=care.regions.include_tags)
    with clock.stage("advantages"):
        seen = Selectable.of(rollouts, regions, care)
        if repairs is not None:
            seen = repairs.seen(rollouts, seen)
        result = select(rollouts, seen, care, None if repairs is None else repairs.repaired)
    with clock.stage("tokens"):
        # Earlier outputs of a session share the advantage and the verdict of its last one.
        advantages_B, acc_B = result.advantages[rollouts.session_row], rollouts.acc[rollouts.session_row]
        tokens_BT = token_advantages(advantages_B, mask_BT, regions, acc_B, care)
        if repairs is not None:
            tokens_BT = weigh_failed_repairs(tokens_BT, repairs.importance)
    with clock.stage("metrics"):
        metrics = group_metrics(
            result=result,
            acc=rollouts.acc,
            rewards=rollouts.rewards,
            group=rollouts.group,
            valid=rollouts.valid,
            think_len=regions.think_len,
            config=care,
        )
        metrics |= region_masses(tokens_BT, regions)
        metrics |= _left_out_metrics(rollouts)
        sampled_B = rollouts.acc if repairs is None else repairs.sampled_acc
        metrics["care/acc_sampled"] = float(sampled_B[rollouts.valid].mean()) if rollouts.valid.any() else 0.0
    return CareStep(tokens_BT, metrics | clock.metrics(), regions, result)


def _or_whole_response(mask_BT: torch.Tensor, response_mask: torch.Tensor) -> torch.Tensor:
    has_any_B1 = mask_BT.any(dim=-1, keepdim=True)
    return torch.where(has_any_B1, mask_BT.bool(), response_mask.bool())


def _embeddings(rollouts: Rollouts, regions: Regions, care: CareConfig) -> torch.Tensor | None:
    if care.measured_by is None:
        return None
    if care.measured_by == "lexical":
        mask_BT = _or_whole_response(regions.think_mask, rollouts.response_mask)
        return lexical_embeddings(rollouts.response_ids, mask_BT)
    return rollouts.think_embeddings


def _sequence_logp(rollouts: Rollouts, care: CareConfig) -> torch.Tensor | None:
    """(B,) log-probability of each row as ``rescue.logp`` says; the sum favours short rows, the mean does not."""
    if rollouts.old_logp is None:
        return None
    total_B = (rollouts.old_logp * rollouts.response_mask).sum(dim=-1)
    if care.rescue.logp == "sum":
        return total_B
    return total_B / rollouts.response_mask.sum(dim=-1).clamp(min=1)


def _left_out_metrics(rollouts: Rollouts) -> dict[str, float]:
    counts = Counter(reason for reason in rollouts.left_out if reason is not None)
    return {f"care/left_out/{reason.value}": float(counts[reason]) for reason in LeftOut}


class _Clock:
    """Seconds spent in each stage."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self._seconds[name] = time.perf_counter() - start

    def metrics(self) -> dict[str, float]:
        return {f"care/timing_s/{name}": seconds for name, seconds in self._seconds.items()}
