# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What CARE's own arithmetic costs a step, in one run: selection and advantages, regions, token advantages.

    python benchmarks/run.py                   # 512 groups x 8 rollouts, 2,048 tokens, hidden size 3,584, one thread

Every figure stands beside a straightforward loop that gives the same result.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))
import bench_advantage
import bench_regions
from step_size import step_options


def main() -> None:
    """Command line."""
    options = step_options(__doc__).parse_args()
    torch.set_num_threads(1)
    print(f"{options.groups} groups x {options.rollouts} rollouts, {options.tokens} tokens, hidden {options.hidden}")
    rows = bench_advantage.run(options.groups, options.rollouts, options.hidden)
    rows += bench_regions.run(options.groups * options.rollouts, options.tokens)
    for name, seconds in rows:
        print(f"{name:<60} {seconds * 1000:9.1f} ms")


if __name__ == "__main__":
    main()
