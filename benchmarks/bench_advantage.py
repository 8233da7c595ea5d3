# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Time ``care_advantages`` and what surrounds it, on one CPU thread.

python benchmarks/bench_advantage.py
python benchmarks/bench_advantage.py --groups 128 --rollouts 16 --hidden 2048

Everything is to stay far below a second a step; the target for ``care_advantages`` is 150 ms at the default sizes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from recipe.care.config import CareConfig
from recipe.care.method.advantage import care_advantages
from recipe.care.method.lexical import lexical_embeddings
from recipe.care.method.metrics import group_metrics

_REPEATS = 5


@dataclass(frozen=True)
class Rows:
    """A synthetic step: random verdicts at a success rate of 0.4, random embeddings."""

    acc: torch.Tensor
    rewards: torch.Tensor
    group: list[str]
    think_len: torch.Tensor
    answer_len: torch.Tensor
    embeddings: torch.Tensor
    seq_logp: torch.Tensor

    @classmethod
    def draw(cls, groups: int, rollouts: int, hidden: int) -> Rows:
        """The same rows for the same sizes."""
        random = torch.Generator().manual_seed(0)
        count = groups * rollouts
        acc = (torch.rand(count, generator=random) < 0.4).float()
        return cls(
            acc=acc,
            rewards=0.9 * acc + 0.1,
            group=[f"prompt-{row // rollouts}" for row in range(count)],
            think_len=torch.randperm(count, generator=random),
            answer_len=torch.randint(1, 9, (count,), generator=random),
            embeddings=torch.randn(count, hidden, generator=random),
            seq_logp=-torch.rand(count, generator=random),
        )


def run(groups: int, rollouts: int, hidden: int) -> list[tuple[str, float]]:
    """Time the advantages and the steps around them, on one thread.

    Args:
        groups: Prompts in the step.
        rollouts: Rows per prompt.
        hidden: Width of the embeddings.

    Returns:
        (name, best seconds of a few runs).
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    rows = Rows.draw(groups, rollouts, hidden)
    config, random = CareConfig(), CareConfig(anchor="random", selector="random")
    result = care_advantages(**vars(rows), config=config)
    ids = torch.randint(0, 150_000, (groups * rollouts, 300), generator=torch.Generator().manual_seed(0))

    def metrics() -> None:
        valid = torch.ones(groups * rollouts, dtype=torch.bool)
        group_metrics(result, rows.acc, rows.rewards, rows.group, valid, rows.think_len, config)

    timings = [
        ("care_advantages", _best(lambda: care_advantages(**vars(rows), config=config))),
        ("care_advantages, anchor=random selector=random", _best(lambda: care_advantages(**vars(rows), config=random))),
        ("group_metrics", _best(metrics)),
        ("lexical_embeddings, 300 tokens a row", _best(lambda: lexical_embeddings(ids, torch.ones_like(ids)))),
    ]
    torch.set_num_threads(threads)
    return timings


def _best(work: Callable[[], object]) -> float:
    seconds = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def main() -> None:
    """Read the sizes from the command line and print the timings."""
    parser = argparse.ArgumentParser(description="Time care_advantages on one CPU thread.")
    parser.add_argument("--groups", type=int, default=512, help="prompts in the step (default 512)")
    parser.add_argument("--rollouts", type=int, default=8, help="rows per prompt (default 8)")
    parser.add_argument("--hidden", type=int, default=3584, help="width of the embeddings (default 3584)")
    sizes = parser.parse_args()
    print(f"{sizes.groups} groups x {sizes.rollouts} rollouts, hidden {sizes.hidden}, 1 thread, best of {_REPEATS}:")
    for name, seconds in run(sizes.groups, sizes.rollouts, sizes.hidden):
        print(f"  {seconds * 1e3:8.1f} ms  {name}")


if __name__ == "__main__":
    main()
