# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What the records of a step cost: building, writing, and how large the file is.

    python benchmarks/bench_records.py         # 512 prompts x 8 rollouts of 2,048 tokens, hidden size 3,584, one thread

A run does this in a thread, while the actor is updated on other machines or in other processes. Of the failures
``--repaired`` hold a failed repair, whose tokens all have an advantage of their own: the most there is to write.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent))
from step_size import step_options

from recipe.care.config import CareConfig
from recipe.care.method.advantage import care_advantages
from recipe.care.method.credit import token_advantages
from recipe.care.method.off_policy import weigh_failed_repairs
from recipe.care.repair.cue import cue_text
from recipe.care.text.regions import find_regions
from recipe.care.text.token_bytes import token_bytes
from recipe.replay.records import DataRow, RepairRecord, StepRows
from recipe.replay.writer import RecordWriter

TAGS = ("<think>", "</think>", "<answer>", "</answer>")
FIRST_WORD = len(TAGS)
PROMPT_WORDS = 300


class Words:
    """A tokenizer of some thousand words, with a token for each of the tags."""

    def __init__(self, words: int = 5000) -> None:
        self._vocabulary = [*TAGS, *(f" w{number:04d}" for number in range(words))]

    def get_vocab(self) -> dict[str, int]:
        """Spelling and id of every token."""
        return {token: number for number, token in enumerate(self._vocabulary)}

    def decode(self, token_ids: list[int], *, skip_special_tokens: bool) -> str:
        """The text of some tokens; none is special."""
        return "".join(self._vocabulary[one] for one in token_ids)


def make_step(groups: int, rollouts: int, tokens: int, hidden: int, repaired: float) -> StepRows:
    """A step of random responses; half the rollouts are right.

    Args:
        groups: Prompts.
        rollouts: Of each.
        tokens: Of a response.
        hidden: Width of the embeddings.
        repaired: Share of the failures that hold a failed repair.
    """
    draw, count, tokenizer = np.random.default_rng(0), groups * rollouts, Words()
    ids_BT = torch.from_numpy(draw.integers(FIRST_WORD, 5000, (count, tokens)))
    ids_BT[:, 0], ids_BT[:, -12], ids_BT[:, -11], ids_BT[:, -1] = range(FIRST_WORD)
    mask_BT = torch.ones_like(ids_BT)
    regions = find_regions(ids_BT, mask_BT, tokenizer)
    acc_B = torch.from_numpy(draw.integers(0, 2, count)).double()
    group = [f"{row // rollouts:032x}" for row in range(count)]
    embeddings_BH = draw.normal(size=(count, hidden)).astype(np.float32)
    repaired_B = torch.from_numpy(draw.random(count) < repaired) & (acc_B == 0)
    config = CareConfig()
    lengths = regions.think_len, regions.answer_len
    result = care_advantages(
        acc_B, acc_B, group, *lengths, embeddings_BH, torch.zeros(count), config, repaired=repaired_B
    )
    advantages_BT = token_advantages(result.advantages, mask_BT, regions, acc_B, config)
    held = repaired_B.nonzero()[:, 0].tolist()
    weights = {row: torch.from_numpy(draw.random(tokens, dtype=np.float32)) for row in held}
    prompt = "user\n" + "".join(
        tokenizer.decode(draw.integers(FIRST_WORD, 5000, PROMPT_WORDS), skip_special_tokens=True)
    )
    failed = tokenizer.decode(ids_BT[0].tolist(), skip_special_tokens=True)
    repair = RepairRecord("failed", True, failed, 0.1, cue_text("plain").strip(), failed, 0.0, "number")
    return StepRows(
        step=1,
        uids=[f"{name}_{row % rollouts}_0" for row, name in enumerate(group)],
        groups=group,
        inputs=[prompt] * count,
        gts=["3"] * count,
        scores=acc_B.tolist(),
        acc=acc_B.tolist(),
        formats=[1.0] * count,
        rules=["number"] * count,
        response_ids=ids_BT,
        response_mask=mask_BT,
        token_advantages=weigh_failed_repairs(advantages_BT, weights),
        regions=regions,
        result=result,
        distances=[0.1] * count if result.distance is None else result.distance.tolist(),
        logp=[-100.0] * count,
        embeddings=embeddings_BH,
        data=[DataRow("geometry3k", row // rollouts, "train", 1) for row in range(count)],
        repairs=dict.fromkeys(held, repair),
    )


def main() -> None:
    """Command line."""
    parser = step_options(__doc__)
    parser.add_argument("--repaired", type=float, default=0.1, help="share of failures (default: %(default)s)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    step = make_step(options.groups, options.rollouts, options.tokens, options.hidden, options.repaired)
    table = token_bytes(Words())
    with tempfile.TemporaryDirectory() as folder:
        writer = RecordWriter(Path(folder))
        began, cpu = time.perf_counter(), time.process_time()
        writer.add(step, range(len(step.uids)), table)
        writer.close()
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu
        size = (Path(folder) / "1.jsonl").stat().st_size
    print(f"{len(step.uids)} records, {len(step.repairs)} of them with a failed repair: {size / 2**20:.0f} MiB")
    print(f"built and written in {wall:.2f} s, {cpu:.2f} s of CPU time")


if __name__ == "__main__":
    main()
