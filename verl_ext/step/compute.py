# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""One CARE step on plain tensors: rollouts -> regions -> selection -> advantages -> tokens, with its metrics.

A ``Step`` goes through the trainer: it begins before the log-prob pass, learns what the pass has found, then of the
repairs, and ends in the advantages. Regions are found when it begins, and anew only in rows that hold a repair's text.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import torch

from recipe.care.config import CareConfig
from recipe.care.errors import CareDataError
from recipe.care.method.advantage import CareResult, care_advantages
from recipe.care.method.credit import token_advantages
from recipe.care.method.lexical import lexical_embeddings
from recipe.care.method.metrics import group_metrics, region_masses
from recipe.care.method.off_policy import weigh_failed_repairs
from recipe.care.method.reads import rows_read
from recipe.care.repair.choose import Outcome
from recipe.care.text.regions import RegionBounds, Regions, locate_regions
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
    embeddings: torch.Tensor | None
    """(B, H) of the texts as sampled, which selection has seen; None for ``selector=random``."""


@dataclass(frozen=True, eq=False)
class Step:
    """What is known of the rows of a step, in the order of the batch.

    Attributes:
        rollouts: The rows: as sampled, and in the end with repairs in their places.
        bounds: Where their regions lie.
        regions: The same as masks, with or without tags as ``algorithm.care.regions.include_tags`` says.
        regions_s: Seconds spent on finding them so far.
        repairs: What RGR did to the rows; None before that, and where it is off.
    """

    rollouts: Rollouts
    bounds: RegionBounds
    regions: Regions
    regions_s: float
    repairs: Repairs | None = None

    @classmethod
    def begin(cls, rollouts: Rollouts, tokenizer: TokenizerLike, care: CareConfig) -> Step:
        """Find the regions of ``rollouts``; the tokenizer is the policy's and says which bytes a token stands for."""
        began = time.perf_counter()
        bounds = locate_regions(rollouts.response_ids, rollouts.response_mask, tokenizer)
        regions = bounds.regions(care.regions.include_tags)
        return cls(rollouts, bounds, regions, time.perf_counter() - began)

    def pool_mask(self) -> torch.Tensor:
        """(B, T) int64 mask of the tokens an embedding averages: the rationale's own, or all where there is none."""
        inner_BT = self.bounds.regions(include_tags=False).think_mask
        return or_whole_response(inner_BT, self.rollouts.response_mask).to(torch.int64)

    def rows_read(self, care: CareConfig) -> list[int]:
        """The rows whose log-probabilities and embeddings somebody reads, as the rollouts are before any repair."""
        order_B = self.rollouts.session_order  # as ``select`` hands them over
        read = rows_read(
            acc=self.rollouts.acc[order_B],
            group=[self.rollouts.group[row] for row in order_B.tolist()],
            think_len=self.regions.think_len[order_B],
            answer_len=self.regions.answer_len[order_B],
            config=care,
            valid=self.rollouts.valid[order_B],
        )
        # Earlier outputs of a session are trained with the advantage of its last one.
        wanted_B = torch.zeros(len(self.rollouts.keys), dtype=torch.bool)
        wanted_B[order_B[read]] = True
        return wanted_B[self.rollouts.session_row].nonzero()[:, 0].tolist()

    def after_pass(self, rollouts: Rollouts) -> Step:
        """This step with what the log-prob pass found; ``rollouts`` have the texts that these have."""
        return replace(self, rollouts=rollouts)

    def after_repairs(
        self, rollouts: Rollouts, replaced: Sequence[int], repairs: Repairs, tokenizer: TokenizerLike, care: CareConfig
    ) -> Step:
        """This step after RGR.

        Args:
            rollouts: The rows as they are now.
            replaced: Those that have another text than before.
            repairs: What was done to them.
            tokenizer: The policy's tokenizer.
            care: ``algorithm.care``.
        """
        if not replaced:
            return replace(self, rollouts=rollouts, repairs=repairs)
        began = time.perf_counter()
        rows = list(replaced)
        found = locate_regions(rollouts.response_ids[rows], rollouts.response_mask[rows], tokenizer)
        bounds = self.bounds.with_rows(rows, found)
        regions = bounds.regions(care.regions.include_tags)
        return Step(rollouts, bounds, regions, self.regions_s + time.perf_counter() - began, repairs)

    def check_order(self, keys: Sequence[str]) -> None:
        """Refuse to go on with another batch than this step is of.

        Raises:
            CareDataError: ``keys`` are other rows, or the same in another order.
        """
        if list(keys) != list(self.rollouts.keys):
            raise CareDataError(
                "the rows were reordered between the log-prob pass and the advantages, which belong to their places "
                "(algorithm.adv_estimator=care)."
            )


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
    def of(cls, step: Step, care: CareConfig) -> Selectable:
        """Those of the step's rows as they are."""
        rollouts, regions = step.rollouts, step.regions
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
class Attempt:
    """The repair of one failure, used or not.

    Attributes:
        outcome: How it went.
        used: Whether its text took the failure's place.
        failed_ids: The failed response.
        failed_reward: Its reward.
        ids: The repaired response; empty without a verdict on it.
        reward_extra: What the reward function said of it besides the score.
    """

    outcome: Outcome
    used: bool
    failed_ids: torch.Tensor
    failed_reward: float
    ids: Sequence[int] = ()
    reward_extra: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Repairs:
    """What RGR did to the rows of a step.

    Attributes:
        repaired: (B,) True for failures whose slot holds a repair, be it that the original text stays there.
        originals: What selection saw before any text was replaced.
        sampled_acc: (B,) verdicts of the original texts.
        importance: ``off_policy.importance_weights`` of each row that holds a repair's text; empty with
            ``rgr.importance=none``.
        attempts: The repair that was tried of each row, where one was.
    """

    repaired: torch.Tensor
    originals: Selectable
    sampled_acc: torch.Tensor
    importance: Mapping[int, torch.Tensor]
    attempts: Mapping[int, Attempt] = field(default_factory=dict)

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
    """Select and weigh the rows of a step, looking at ``seen``. Ties go to the earlier session.

    ``care_advantages`` gives a tie to the earlier row, and verl's balancing has put rows where it suits the ranks. So
    the rows are handed over by session, and what comes back is put in the order of the batch again.
    """
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


def compute_step(rollouts: Rollouts, tokenizer: TokenizerLike, care: CareConfig) -> CareStep:
    """Run CARE on rollouts that nobody repairs, from regions to advantages."""
    return finish_step(Step.begin(rollouts, tokenizer, care), care)


def finish_step(step: Step, care: CareConfig) -> CareStep:
    """Select and weigh the rows of a step, and spread their advantages over tokens.

    Args:
        step: After the log-prob pass, and after the repairs if there are any.
        care: ``algorithm.care``.
    """
    rollouts, regions, repairs = step.rollouts, step.regions, step.repairs
    clock = _Clock()
    with clock.stage("advantages"):
        now = Selectable.of(step, care)
        seen = now if repairs is None else repairs.seen(rollouts, now)
        result = select(rollouts, seen, care, None if repairs is None else repairs.repaired)
    with clock.stage("tokens"):
        # Earlier outputs of a session share the advantage and the verdict of its last one.
        advantages_B, acc_B = result.advantages[rollouts.session_row], rollouts.acc[rollouts.session_row]
        tokens_BT = token_advantages(advantages_B, rollouts.response_mask, regions, acc_B, care)
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
        metrics |= left_out_metrics(rollouts)
        sampled_B = rollouts.acc if repairs is None else repairs.sampled_acc
        metrics["care/acc_sampled"] = float(sampled_B[rollouts.valid].mean()) if rollouts.valid.any() else 0.0
    timings = {"care/timing_s/regions": step.regions_s} | clock.metrics()
    embeddings_BH = now.embeddings if repairs is None else repairs.originals.embeddings
    return CareStep(tokens_BT, metrics | timings, regions, result, embeddings_BH)


def or_whole_response(mask_BT: torch.Tensor, response_mask: torch.Tensor) -> torch.Tensor:
    """``mask_BT``, and in a row without any of it the whole response."""
    has_any_B1 = mask_BT.any(dim=-1, keepdim=True)
    return torch.where(has_any_B1, mask_BT.bool(), response_mask.bool())


def _embeddings(rollouts: Rollouts, regions: Regions, care: CareConfig) -> torch.Tensor | None:
    if care.measured_by is None:
        return None
    if care.measured_by == "lexical":
        mask_BT = or_whole_response(regions.think_mask, rollouts.response_mask)
        return lexical_embeddings(rollouts.response_ids, mask_BT)
    return rollouts.think_embeddings


def _sequence_logp(rollouts: Rollouts, care: CareConfig) -> torch.Tensor | None:
    """(B,) log-probability of each row as ``rescue.logp`` says; the sum favours short rows, the mean does not."""
    if rollouts.old_logp is None:
        return None
    mask_BT = rollouts.response_mask.to(rollouts.old_logp.dtype)
    total_B = torch.einsum("bt,bt->b", rollouts.old_logp, mask_BT)
    if care.rescue.logp == "sum":
        return total_B
    return total_B / mask_BT.sum(dim=-1).clamp(min=1)


def left_out_metrics(rollouts: Rollouts) -> dict[str, float]:
    """How many rows took no part, by reason."""
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
