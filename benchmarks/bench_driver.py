# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""All that CARE computes on the driver in one step, by part, on one thread.

    python benchmarks/bench_driver.py              # 512 groups x 8 rollouts, 2,048 tokens, hidden size 3,584

The responses are those of ``bench_regions``: random words with a rationale, an answer and an end-of-turn token, all of
the full length. Half of the rollouts are right. Processor time, the least of three.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent))
from bench_regions import make_batch, make_tokenizer
from step_size import step_options

from recipe.care.config import CareConfig
from verl_ext.step.compute import Step, finish_step
from verl_ext.step.rollouts import Rollouts

REPEATS = 3
_Result = TypeVar("_Result")


def make_rollouts(rng: np.random.Generator, groups: int, rollouts: int, tokens: int, hidden: int) -> Rollouts:
    """A step's rows as the trainer reads them after the log-prob pass."""
    tokenizer_ids, mask = make_batch(rng, TOKENIZER, groups * rollouts, tokens)
    rows = groups * rollouts
    acc = torch.from_numpy(rng.integers(0, 2, rows)).float()
    return Rollouts(
        keys=[f"{row // rollouts}_{row % rollouts}_0" for row in range(rows)],
        group=[str(row // rollouts) for row in range(rows)],
        response_ids=tokenizer_ids,
        response_mask=mask,
        response_len=torch.full((rows,), tokens),
        rewards=acc,
        acc=acc,
        left_out=[None] * rows,
        session_row=torch.arange(rows),
        old_logp=torch.from_numpy(rng.normal(-1, 0.1, (rows, tokens)).astype(np.float32)),
        think_embeddings=torch.from_numpy(rng.normal(size=(rows, hidden)).astype(np.float32)),
    )


TOKENIZER = make_tokenizer(np.random.default_rng(0))


def timed(call: Callable[[], _Result]) -> tuple[_Result, float]:
    """The result, and the least processor time of some calls."""
    times = []
    for _ in range(REPEATS):
        began = time.process_time()
        result = call()
        times.append(time.process_time() - began)
    return result, min(times)


def run(groups: int, rollouts: int, tokens: int, hidden: int) -> list[tuple[str, float]]:
    """Seconds of each part."""
    care = CareConfig.of_run(None)
    batch = make_rollouts(np.random.default_rng(1), groups, rollouts, tokens, hidden)
    step, begin_s = timed(lambda: Step.begin(batch, TOKENIZER, care))
    _, pool_s = timed(step.pool_mask)
    _, read_s = timed(lambda: step.rows_read(care))
    finished, finish_s = timed(lambda: finish_step(step, care))
    parts = [
        ("regions", begin_s),
        ("pool masks", pool_s),
        ("which rows are read", read_s),
        ("selection, advantages, tokens, metrics", finish_s),
        *(
            (f"  of which {name.rsplit('/', 1)[1]} (elapsed)", seconds)
            for name, seconds in finished.metrics.items()
            if name.startswith("care/timing_s/") and not name.endswith("regions")
        ),
    ]
    return [*parts, ("all of it", begin_s + pool_s + read_s + finish_s)]


def main() -> None:
    """Command line."""
    options = step_options(__doc__).parse_args()
    torch.set_num_threads(1)
    print(f"{options.groups} groups x {options.rollouts} rollouts, {options.tokens} tokens, hidden {options.hidden}")
    for name, seconds in run(options.groups, options.rollouts, options.tokens, options.hidden):
        print(f"{name:<50} {seconds * 1000:9.1f} ms")


if __name__ == "__main__":
    main()
