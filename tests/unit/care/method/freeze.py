# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The frozen reference: what an earlier, independent implementation made of 2,000 groups of all kinds.

Inputs and results are kept together in ``tests/data/advantages_2000_groups.npz``, so that neither depends on a random
generator. Values have few digits and there are ties everywhere, which go to the earlier row.

    PYTHONPATH=. python tests/unit/care/method/freeze.py    # writes the file anew: only when the method itself changes
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np

from recipe.care.advantage import CareResult, care_advantages
from recipe.care.config import ANCHORS, CareConfig, RescueConfig, RgrConfig

FILE = Path(__file__).parents[3] / "data" / "advantages_2000_groups.npz"
SELECTORS = ("nearest", "mixed", "farthest", "random", "lexical")
GROUPS = 50
"""Groups of each configuration."""


def configurations() -> list[CareConfig]:
    """Forty: every anchor with every selector, twice, and the other settings in turn."""
    made = []
    for number, (anchor, selector) in enumerate([*itertools.product(ANCHORS, SELECTORS)] * 2):
        k = (4, 1, 3, 2)[number % 4]
        made.append(
            CareConfig(
                k=k,
                m=k + (2, 0, 1, 4, 3)[number % 5],
                near_share=None if selector == "random" else (None, 0.5, None, 0.3)[(number // 2) % 4],
                neg_scale=(0.5, 1.0, 0.0)[number % 3],
                equalize=number % 5 != 0,
                anchor=anchor,
                selector=selector,
                rescue=RescueConfig(enable=number % 7 != 0, normalize=number % 4 == 1),
                rgr=RgrConfig(neg_scale=0.25),
            )
        )
    return made


def draw() -> dict[str, np.ndarray]:
    """The inputs, all configurations' groups after one another."""
    random = np.random.default_rng(20261128)
    number_of_groups = GROUPS * len(configurations())
    sizes = random.choice([1, 2, 3, 4, 5, 6, 8, 8, 8, 11], number_of_groups)
    count = int(sizes.sum())
    rate = np.repeat(random.choice([0.0, 0.0, 0.2, 0.5, 0.8, 1.0], number_of_groups), sizes)
    acc = random.random(count) < rate
    repaired = random.random(count) < np.repeat(random.choice([0.0, 0.0, 0.3], number_of_groups), sizes)
    return {
        "group": np.repeat(np.arange(number_of_groups), sizes).astype(np.int16),
        "acc": acc,
        "formatted": random.random(count) < 0.8,
        "think_len": random.integers(0, 12, count).astype(np.uint8),
        "answer_len": random.integers(1, 4, count).astype(np.uint8),
        # Small whole numbers: distances tie, and the zero vector occurs.
        "embeddings": random.integers(-2, 3, (count, 4)).astype(np.int8),
        "logp": -random.integers(0, 40, count).astype(np.int8),
        "valid": random.random(count) < 0.9,
        "repaired": repaired,
    }


def results(inputs: dict[str, np.ndarray]) -> list[CareResult]:
    """What today's implementation makes of them, one result for each configuration."""
    made = []
    for number, config in enumerate(configurations()):
        own = (inputs["group"] // GROUPS) == number
        acc = inputs["acc"][own].astype(np.float64)
        made.append(
            care_advantages(
                acc=acc,
                rewards=0.9 * acc + 0.1 * inputs["formatted"][own],
                group=inputs["group"][own],
                think_len=inputs["think_len"][own].astype(np.int64),
                answer_len=inputs["answer_len"][own].astype(np.int64),
                embeddings=inputs["embeddings"][own].astype(np.float32),
                seq_logp=inputs["logp"][own] / 8.0,
                config=config,
                valid=inputs["valid"][own],
                repaired=inputs["repaired"][own],
            )
        )
    return made


def main() -> None:
    """Write the file."""
    inputs = draw()
    made = results(inputs)
    np.savez_compressed(
        FILE,
        **{f"in_{name}": values for name, values in inputs.items()},
        out_advantages=np.concatenate([one.advantages.numpy() for one in made]),
        out_role=np.concatenate([one.role for one in made]).astype("S17"),
        out_anchor_of=np.concatenate([one.anchor_of.numpy() for one in made]).astype(np.int16),
        out_k_prime=np.concatenate([one.k_prime.numpy() for one in made]).astype(np.int8),
    )


if __name__ == "__main__":
    main()
