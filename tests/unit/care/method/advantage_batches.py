# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Random batches for ``care_advantages``, and a slow loop over them that follows the text of the method.

Lengths, log-probabilities and embeddings are drawn without ties, so the expected result does not depend on row order.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from hypothesis import strategies as st

from recipe.care.config import ANCHORS, SELECTORS, CareConfig, RescueConfig, RgrConfig
from recipe.care.method.advantage import CareResult, care_advantages
from recipe.care.method.distance import content_priority


@dataclass(frozen=True)
class Batch:
    """Inputs of ``care_advantages``, one entry per row."""

    acc: np.ndarray
    rewards: np.ndarray
    group: np.ndarray
    think_len: np.ndarray
    answer_len: np.ndarray
    embeddings: np.ndarray
    seq_logp: np.ndarray
    valid: np.ndarray
    repaired: np.ndarray

    def take(self, rows: np.ndarray) -> Batch:
        return Batch(*(getattr(self, field.name)[rows] for field in dataclasses.fields(self)))

    def followed_by(self, other: Batch) -> Batch:
        pairs = ((getattr(self, f.name), getattr(other, f.name)) for f in dataclasses.fields(self))
        return Batch(*(np.concatenate(pair) for pair in pairs))

    def run(self, config: CareConfig) -> CareResult:
        given = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return care_advantages(config=config, **given)


def make_batch(seed: int, sizes: list[int], lam: float = 0.1, prefix: str = "g") -> Batch:
    rng = np.random.default_rng(seed)
    count = sum(sizes)
    group = np.array([f"{prefix}{number}" for number, size in enumerate(sizes) for _ in range(size)])
    # A success rate per group makes all-wrong, mixed and all-correct groups common.
    rate = np.repeat(rng.choice([0.0, 0.3, 0.6, 1.0], len(sizes)), sizes)
    acc = (rng.random(count) < rate).astype(float)
    order = rng.permutation(count)
    return Batch(
        acc=acc,
        rewards=(1 - lam) * acc + lam * (rng.random(count) < 0.7),
        group=group,
        think_len=rng.permutation(count * 3)[:count],
        answer_len=rng.integers(1, 9, count),
        embeddings=rng.normal(size=(count, 8)).astype(np.float32),
        seq_logp=-rng.random(count),
        valid=rng.random(count) < 0.85,
        repaired=rng.random(count) < 0.1,
    ).take(order)


seeds = st.integers(0, 2**32 - 1)
sizes = st.lists(st.integers(1, 11), min_size=1, max_size=7)
batches = st.builds(make_batch, seeds, sizes)
configs = st.builds(
    lambda k, extra, near_share, selector, **fields: CareConfig(
        k=k, m=k + extra, near_share=None if selector == "random" else near_share, selector=selector, **fields
    ),
    k=st.integers(1, 5),
    extra=st.integers(0, 4),
    neg_scale=st.sampled_from([0.0, 0.5, 1.0]),
    equalize=st.booleans(),
    anchor=st.sampled_from(ANCHORS),
    near_share=st.sampled_from([None, 0.3, 0.5, 1.0]),
    selector=st.sampled_from(SELECTORS),
    rescue=st.builds(
        RescueConfig, enable=st.booleans(), delta=st.sampled_from([0.05, 0.1, 2.0]), normalize=st.booleans()
    ),
    rgr=st.builds(RgrConfig, neg_scale=st.sampled_from([0.0, 0.25])),
)


# --- the slow loop --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Slow:
    """A loop over groups, rows and picks, as the method reads; of selectors it knows the paper's."""

    SELECTORS: ClassVar[tuple[str, ...]] = ("nearest", "mixed", "farthest", "random", "lexical")

    batch: Batch
    config: CareConfig

    def run(self) -> tuple[np.ndarray, list[str], list[int], list[int]]:
        count = len(self.batch.acc)
        advantages, roles = np.zeros(count), ["unused" if valid else "invalid" for valid in self.batch.valid]
        anchor_of, k_prime = [-1] * count, [0] * count
        for name in set(self.batch.group.tolist()):
            members = [row for row in range(count) if self.batch.group[row] == name]
            anchors, negatives, values = self.group([row for row in members if self.batch.valid[row]])
            for row in members:
                k_prime[row] = len(negatives)
            rescued = bool(anchors) and self.batch.acc[anchors[0]] == 0
            for row in anchors:
                advantages[row], anchor_of[row] = values[0] / len(anchors), row
                roles[row] = "rescue_anchor" if rescued else "anchor"
            for row, value in zip(negatives, values[1:], strict=True):
                advantages[row] = value
                anchor_of[row] = min(anchors, key=lambda anchor, row=row: self.distance(row, anchor))
                if rescued:
                    roles[row] = "rescue_negative"
                elif row in self.repairs(members):
                    roles[row] = "repaired_positive" if self.batch.acc[row] else "repaired_negative"
                else:
                    roles[row] = "hard_negative"
        return advantages, roles, anchor_of, k_prime

    def group(self, rows: list[int]) -> tuple[list[int], list[int], list[float]]:
        config, acc = self.config, self.batch.acc
        repairs = self.repairs(rows)
        positives = [row for row in rows if acc[row] and row not in repairs]
        failures = [row for row in rows if row not in positives]
        if positives and failures:
            anchors = self.anchors(positives)
            negatives = self.hard_negatives(anchors, failures, repairs)
            mean_anchor = float(np.mean(self.batch.rewards[anchors]))
            raw = self.z_scores([mean_anchor, *self.batch.rewards[negatives]])
            values = [raw[0]]
            for row, value in zip(negatives, raw[1:], strict=True):
                scale = config.rgr.neg_scale if row in repairs else config.neg_scale
                values.append(value if acc[row] else -scale * abs(value))
            if all(acc[row] for row in negatives):
                values = [0.0] * len(values)
        elif not positives and len(failures) >= 2 and config.rescue.enable:
            anchors = [max(failures, key=lambda row: self.batch.seq_logp[row])]
            others = [row for row in failures if row not in anchors]
            negatives = self.spread(others, config.k, picked=list(anchors))
            values = [config.rescue.delta] + [-config.rescue.delta / len(negatives)] * len(negatives)
            if config.rescue.normalize:
                raw = self.z_scores(values)
                values = [raw[0]] + [-config.neg_scale * abs(value) for value in raw[1:]]
        else:
            return [], [], []
        factor = math.sqrt(config.k / len(negatives)) if config.equalize else 1.0
        return anchors, negatives, [value * factor for value in values]

    def repairs(self, rows: list[int]) -> list[int]:
        valid = [row for row in rows if self.batch.valid[row]]
        if any(self.batch.acc[row] and not self.batch.repaired[row] for row in valid):
            return [row for row in valid if self.batch.repaired[row]]
        return []

    def anchors(self, positives: list[int]) -> list[int]:
        if self.config.anchor == "multi":
            return positives
        key = {
            "shortest": lambda row: (-self.batch.think_len[row], -self.batch.answer_len[row]),
            "random": self.priority,
            "highest_logp": lambda row: self.batch.seq_logp[row],
        }[self.config.anchor]
        return [max(positives, key=key)]

    def hard_negatives(self, anchors: list[int], failures: list[int], repairs: list[int]) -> list[int]:
        best_first, picked = self.picks(anchors, failures)
        missing = [row for row in best_first if row in repairs and row not in picked]
        for place in reversed(range(len(picked))):
            if missing and picked[place] not in repairs:
                picked[place] = missing.pop(0)
        return picked

    def picks(self, anchors: list[int], failures: list[int]) -> tuple[list[int], list[int]]:
        m, k, selector = self.config.m, self.config.k, self.config.selector
        away = {row: min(self.distance(row, anchor) for anchor in anchors) for row in failures}
        everyone = near_first = sorted(failures, key=lambda row: away[row])
        if self.config.near_share is not None:
            near_first = near_first[: math.ceil(self.config.near_share * len(near_first) - 1e-9)]
        far_first = near_first[::-1]
        if selector == "random":
            best_first = sorted(failures, key=lambda row: -self.priority(row))
            return best_first, best_first[:k]
        if selector == "farthest":
            pool, start = far_first[:m], far_first[0]
        elif selector == "mixed":
            near = near_first[: math.ceil(m / 2)]
            pool, start = near + [row for row in far_first if row not in near][: m // 2], near_first[0]
        else:
            pool, start = near_first[:m], near_first[0]
        spread = self.spread([row for row in pool if row != start], k - 1, [start])
        return everyone[::-1] if selector == "farthest" else everyone, [start, *spread]

    def spread(self, pool: list[int], k: int, picked: list[int]) -> list[int]:
        if self.config.selector == "random":
            return sorted(pool, key=lambda row: -self.priority(row))[:k]
        chosen: list[int] = []
        while len(chosen) < min(k, len(pool)):
            left = [row for row in pool if row not in chosen]
            chosen.append(max(left, key=lambda row: min(self.distance(row, one) for one in picked + chosen)))
        return chosen

    def z_scores(self, values: list[float]) -> list[float]:
        mu = sum(values) / len(values)
        sigma = math.sqrt(sum((value - mu) ** 2 for value in values) / len(values) + self.config.eps)
        return [(value - mu) / sigma for value in values]

    def distance(self, one: int, other: int) -> float:
        # On the grid that recipe.care.method.distance documents, where dot products are exact.
        first, second = (
            np.rint(vector / math.sqrt((vector**2).sum()) * 2**26).astype(np.int64).tolist()
            for vector in self.batch.embeddings[[one, other]].astype(np.float64)
        )
        return 1 - sum(a * b for a, b in zip(first, second, strict=True)) / 2**52

    def priority(self, row: int) -> float:
        content = (self.batch.think_len, self.batch.answer_len, self.batch.seq_logp, self.batch.embeddings)
        return content_priority(*(torch.from_numpy(values[row : row + 1].copy()) for values in content)).item()
