# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What CARE made of each rollout, as JSON lines beside verl's own rollout dump.

Written when ``trainer.rollout_data_dir`` is set, to ``<dir>/care/<step>.jsonl``, one line a row; ``key`` joins it with
the ``uid`` of verl's ``<dir>/<step>.jsonl``, which has the texts.
"""

from __future__ import annotations

import json
from pathlib import Path

from recipe.care.method.advantage import CareResult
from recipe.care.text.regions import Regions
from verl_ext.step.rollouts import Rollouts


def write_group_log(folder: Path, step: int, rollouts: Rollouts, regions: Regions, result: CareResult) -> None:
    """Write the rows of one step, those of a group together, padding rows left out."""
    path = folder / "care" / f"{step}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    order = sorted(range(len(rollouts.keys)), key=lambda row: (rollouts.group[row], rollouts.keys[row]))
    lines = [json.dumps(_record(row, rollouts, regions, result)) for row in order if result.role[row] != "invalid"]
    path.write_text("".join(f"{line}\n" for line in lines))


def _record(row: int, rollouts: Rollouts, regions: Regions, result: CareResult) -> dict[str, str | int | float | None]:
    anchor = int(result.anchor_of[row])
    return {
        "key": rollouts.keys[row],
        "group": rollouts.group[row],
        "role": str(result.role[row]),
        "anchor": rollouts.keys[anchor] if anchor >= 0 else None,
        "k_prime": int(result.k_prime[row]),
        "acc": float(rollouts.acc[row]),
        "reward": float(rollouts.rewards[row]),
        "advantage": float(result.advantages[row]),
        "think_len": int(regions.think_len[row]),
        "answer_len": int(regions.answer_len[row]),
        "response_len": int(rollouts.response_mask[row].sum()),
    }
