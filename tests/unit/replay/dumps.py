# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Small dumps, written as verl 0.9.1 writes them."""

import json
from pathlib import Path

import numpy as np

from recipe.replay.dump import ReadCounts, Rollout, find_files, read_steps
from recipe.replay.rows import Rows


def response(rationale: str, answer: str) -> str:
    return f"<think>{rationale}</think><answer>{answer}</answer>"


def row(prompt: str = "How many?", answer: str = "3", score: float = 1.0, **more: object) -> dict[str, object]:
    """What the older trainers write of a row; ``uid``, ``acc`` and others go in ``more``."""
    text = f"user\n{prompt}\nassistant\n"
    return {"input": text, "output": response("I count.", answer), "gts": "3", "score": score, "step": 1, **more}


def group(name: str, scores: list[float], **more: object) -> list[dict[str, object]]:
    """Rollouts of one prompt, with the keys of verl's V1 trainers."""
    return [row(name, str(place), one, uid=f"{name}_{place}_0", **more) for place, one in enumerate(scores)]


def write(path: Path, rows: list[object]) -> Path:
    """A file of lines; a text is a line as it stands."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [one if isinstance(one, str) else json.dumps(one) for one in rows]
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def read(*paths: Path) -> tuple[list[list[Rollout]], ReadCounts]:
    """All steps of some files, and what reading came across."""
    counts = ReadCounts()
    return list(read_steps(find_files(paths), counts)), counts


def rows_of(groups: list[list[float | None]], rewards: list[float] | None = None, **columns: object) -> Rows:
    """Groups of verdicts, None for a row without one. Responses of 9 rationale and 8 answer tokens unless said."""
    verdicts = [one for group in groups for one in group]
    count = len(verdicts)
    given = {name: np.asarray(values) for name, values in columns.items()}
    acc_B = np.array([one or 0.0 for one in verdicts])
    return Rows(
        **{
            "group_B": np.repeat(np.arange(len(groups)), [len(group) for group in groups]),
            "acc_B": acc_B,
            "valid_B": np.array([one is not None for one in verdicts]),
            "reward_B": acc_B if rewards is None else np.array(rewards),
            "tokens_B": np.full(count, 17),
            "rationale_B": np.full(count, 9),
            "answer_B": np.full(count, 8),
            "think_len_B": np.full(count, 2),
            "answer_len_B": np.full(count, 1),
            "embeddings_BH": np.eye(max(count, 1), dtype=np.float32)[:count],
            "logp_sum_B": np.full(count, np.nan),
            "logp_mean_B": np.full(count, np.nan),
            "ref_logp_sum_B": np.full(count, np.nan),
            **given,
        }
    )
