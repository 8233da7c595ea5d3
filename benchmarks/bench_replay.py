# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Time ``care replay`` on an invented dump with stored verdicts, and see how much memory it takes.

python benchmarks/bench_replay.py                              # 100 steps of 512 prompts x 8 rollouts
python benchmarks/bench_replay.py --steps 10 --words 800
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]


def write_dump(folder: Path, steps: int, prompts: int, rollouts: int, words: int) -> int:
    """Write a dump as verl does, with a verdict in each row, and return its size in bytes.

    Rationales differ in length by a factor of three; rollouts of a prompt have four words in five in common.
    """
    draw = random.Random(0)
    vocabulary = [f"word{number}" for number in range(5000)]
    size = 0
    for step in range(1, steps + 1):
        path = folder / f"{step}.jsonl"
        with path.open("w") as file:
            for prompt in range(prompts):
                common = draw.choices(vocabulary, k=3 * words // 2)
                easy = draw.random()
                for rollout in range(rollouts):
                    rationale = common[: draw.randrange(words // 2, 3 * words // 2)]
                    for place in draw.choices(range(len(rationale)), k=len(rationale) // 5):
                        rationale[place] = draw.choice(vocabulary)
                    acc = float(draw.random() < easy)
                    row = {
                        "input": f"user\nQuestion {prompt} of step {step}: how many?\nassistant\n",
                        "output": f"<think>{' '.join(rationale)}</think>\n<answer>{rollout}</answer>",
                        "gts": "7",
                        "score": 0.9 * acc + 0.1,
                        "step": step,
                        "acc": acc,
                        "uid": f"{step:04d}-{prompt:04d}_{rollout}_0",
                    }
                    file.write(json.dumps(row) + "\n")
        size += path.stat().st_size
    return size


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=100, help="steps of the dump (default: %(default)s)")
    parser.add_argument("--prompts", type=int, default=512, help="prompts in a step (default: %(default)s)")
    parser.add_argument("--rollouts", type=int, default=8, help="rollouts per prompt (default: %(default)s)")
    parser.add_argument(
        "--words", type=int, default=200, help="words of a rationale, on average (default: %(default)s)"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sizes = (options.steps, options.prompts, options.rollouts, options.words)
        size = write_dump(Path(folder), *sizes)
        command = [sys.executable, "-m", "recipe.replay", folder]
        began = time.perf_counter()
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    rows = options.steps * options.prompts * options.rollouts
    busy = used.ru_utime + used.ru_stime
    print(f"{rows:,} rollouts, {size / 1e6:,.0f} MB: {seconds:.0f} s, in which the CPU worked {busy:.0f} s")
    print(f"peak memory {used.ru_maxrss / 2**10:,.0f} MiB")


if __name__ == "__main__":
    main()
