# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The methods that are compared unless others are named: what each makes of a step.

An estimator that is registered (``recipe.estimators``) is a method by its name (``recipe.replay.estimators``). The
estimators here are pure functions of ``Rows``; one that looks at one group at a time is wrapped in ``each_group``, CARE
takes a step as a whole. What is compared are the coefficients of the log-probability's gradient at the first update of
a batch, where ratios are 1 and no clip range matters. So GSPO, whose ratio and clip range are all that tells it from
GRPO, is GRPO here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from recipe.care.advantage import care_advantages
from recipe.care.config import CareConfig
from recipe.estimators.baseline import standardized
from recipe.replay.rows import Rows

NOTHING = 1e-6
"""An advantage closer to 0 is 0: equal rewards differ from their own mean by rounding."""

Estimator = Callable[[Rows], np.ndarray]
"""Rows to (B,) advantages."""


def each_group(estimate: Estimator) -> Estimator:
    """Let a function of one group work on all groups of a step."""

    def over_groups(rows: Rows) -> np.ndarray:
        advantages_B = np.zeros(len(rows.group_B))
        for part, group in rows.groups():
            advantages_B[part] = estimate(group)
        return advantages_B

    return over_groups


def grpo(group: Rows) -> np.ndarray:
    """``(r - mean) / (std + 1e-6)`` over all rows, also those without a verdict. verl's own."""
    return standardized(group.reward_B)


def dapo(group: Rows) -> np.ndarray:
    """GRPO's, in groups that dynamic sampling keeps: with a right and a wrong row."""
    return grpo(group) if _is_mixed(group) else np.zeros(len(group.reward_B))


def _is_mixed(group: Rows) -> bool:
    return 0 < group.acc_B.sum() < len(group.acc_B)


@dataclass(frozen=True)
class Credit:
    """How a row's advantage lies on its tokens. The defaults are verl's: every token of a row the same."""

    config: CareConfig | None = None
    """CARE's region weights; None has none."""
    sums_tokens: bool = False
    """A row weighs by its length (``loss_agg_mode=token-mean``), not as one of equals (``seq-mean-*``)."""

    def mass_B(self, rows: Rows, advantages_B: np.ndarray) -> np.ndarray:
        """(B,) sum over a row's tokens of the absolute coefficient of their log-probability's gradient."""
        return np.abs(advantages_B) * (rows.tokens_B if self.sums_tokens else rows.tokens_B > 0)

    def rationale_share_B(self, rows: Rows) -> np.ndarray:
        """(B,) share of a row's mass on its rationale: what ``recipe.care.method.credit`` does, from lengths alone."""
        alike_B = rows.rationale_B / np.maximum(rows.tokens_B, 1)
        if self.config is None or not self.config.regions.enable:
            return alike_B
        regions = self.config.regions
        if regions.rationale_share is not None:
            right_B = np.where(rows.rationale_B > 0, regions.rationale_share, 0.0)
        else:
            weight_B = rows.rationale_B * (regions.gamma_pos or 0.0)
            right_B = weight_B / np.maximum(weight_B + rows.answer_B, 1e-12)
        wrong_B = alike_B if regions.blame == "response" else np.zeros_like(alike_B)
        return np.where(rows.acc_B > 0.5, right_B, wrong_B)


@dataclass(frozen=True)
class Method:
    """One column of the comparison."""

    name: str
    estimator: Estimator
    credit: Credit = Credit()
    resamples: bool = False
    """Groups that are all right or all wrong are dropped, and others decoded in their place."""
    care: CareConfig | None = None
    """Settings of a method that selects by embeddings and may repair."""

    def before_update_B(self, rows: Rows, taught_B: np.ndarray) -> np.ndarray:
        """(B,) rows whose old log-probability the step needs; verdicts are known before that pass.

        Those with an advantage. CARE needs the embeddings of anchors and failures of mixed groups too, which come from
        the same pass, and the log-probabilities of all failures where a group is rescued.
        """
        if self.care is None:
            return taught_B
        needed_B = taught_B.copy()
        for part, group in rows.groups():
            failed_G = group.valid_B & (group.acc_B <= 0.5)
            right_G = group.valid_B & ~failed_G
            rescued = self.care.rescue.enable and not right_G.any() and failed_G.sum() > 1
            if rescued or (right_G.any() and failed_G.any()):
                needed_B[part] |= failed_G
        return needed_B

    def repairs(self, group: Rows) -> int:
        """How many repairs of failures the rollout would ask for in a group, as ``recipe.care.repair.plan`` does."""
        if self.care is None or not self.care.rgr.enable:
            return 0
        rgr, right = self.care.rgr, int((group.valid_B & (group.acc_B > 0.5)).sum())
        failed = int(group.valid_B.sum()) - right
        most = rgr.replacements(right, right + failed)
        if right:
            most = min(most, self.care.k)
        if not failed or not most or rgr.groups == ("failed" if right else "mixed"):
            return 0
        wanted = failed if isinstance(rgr.candidates, str) else min(failed, rgr.candidates)
        return wanted if rgr.fill_to is None else min(wanted, most)


def care(preset: str) -> Method:
    """CARE with a preset's settings, before any repair."""
    config = CareConfig.from_omegaconf({"preset": preset})

    def estimate(rows: Rows) -> np.ndarray:
        return (
            care_advantages(
                acc=rows.acc_B,
                rewards=rows.reward_B,
                group=rows.group_B,
                think_len=rows.think_len_B,
                answer_len=rows.answer_len_B,
                embeddings=rows.embeddings_BH,
                seq_logp=likelihood_B(rows, config.rescue.logp),
                config=config,
                valid=rows.valid_B,
            )
            .advantages.double()
            .numpy()
        )

    return Method(f"care-{preset}", estimate, Credit(config), care=config)


def likelihood_B(rows: Rows, per: str) -> np.ndarray:
    """(B,) log-probability of each row, ``sum`` or ``mean``.

    It is compared within a group. In a group where the dump lacks one, the shorter response stands in for the likelier.
    """
    likelihood_B = rows.logp_sum_B if per == "sum" else rows.logp_mean_B
    unknown = np.unique(rows.group_B[np.isnan(likelihood_B)])
    return np.where(np.isin(rows.group_B, unknown), -rows.tokens_B.astype(np.float64), likelihood_B)


METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method("grpo", each_group(grpo)),
        Method("dapo", each_group(dapo), Credit(sums_tokens=True), resamples=True),
        Method("gspo", each_group(grpo)),
        care("paper"),
        care("steady"),
        care("best"),
    )
}
