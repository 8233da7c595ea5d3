# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0

import json
import math

import pytest

from recipe.replay.records import RolloutRecord
from recipe.tiny.suite.signal import RawAdvantages, Row, grpo_advantages, raw_advantages, read_rows, signal_of


def test_grpo_advantages_are_verls():
    torch = pytest.importorskip("torch")
    import numpy as np
    from verl.trainer.ppo.core_algos import compute_grpo_outcome_advantage

    scores = [1.0, 0.1, 0.0, 1.0, 0.1]
    rewards = torch.tensor(scores)[:, None]
    found, _ = compute_grpo_outcome_advantage(rewards, torch.ones(5, 1), np.array(["g"] * 5))
    assert grpo_advantages(scores) == pytest.approx(found[:, 0].tolist(), abs=1e-5)
    assert grpo_advantages([0.3]) == [0.0]


def test_shares_of_a_step():
    # |advantages| 2 + 1 + 1 = 4, of which 1 + 1 on wrong rollouts; group b is silent, one of two.
    rows = [Row("a", True, 2.0, "", 0), Row("a", False, -1.0, "", 0), Row("a", False, -1.0, "", 0)]
    rows += [Row("b", True, 0.0, "", 0), Row("b", True, 0.0, "", 0)]
    found = signal_of(rows)
    assert (found.failure_mass, found.zero_signal) == (0.5, 0.5)
    assert signal_of(rows[3:]).failure_mass == 0.0


def test_raw_advantages_undo_equalisation_and_scaling():
    # One positive, K' = 1: A_raw 1 and -1; times sqrt(4 / 1) = 2, the negative halved.
    rows = [Row("a", True, 2.0, "anchor", 1), Row("a", False, -1.0, "hard_negative", 1)]
    # K' = 4: sqrt(4) = 2 and -1/2; the negatives halved.
    rows += [Row("b", True, 2.0, "anchor", 4), *[Row("b", False, -0.25, "hard_negative", 4)] * 4]
    # Repaired groups and groups of several anchors are not what the formula speaks of.
    rows += [Row("c", True, 9.0, "anchor", 4), Row("c", True, 9.0, "repaired_positive", 4)]
    rows += [Row("d", True, 9.0, "anchor", 4), Row("d", True, 9.0, "anchor", 4)]
    assert raw_advantages(rows, k=4, neg_scale=0.5) == [
        RawAdvantages(k_prime=1, subgroups=1, anchor=1.0, negative=-1.0),
        RawAdvantages(k_prime=4, subgroups=1, anchor=math.sqrt(4), negative=-1 / math.sqrt(4)),
    ]
    # Without equalisation nothing is to be divided out of an anchor's.
    (plain,) = raw_advantages(rows[:2], k=None, neg_scale=0.5)
    assert (plain.anchor, plain.negative) == (2.0, -2.0)


def test_rows_come_from_cares_records_or_from_the_scores(tmp_path):
    dump = [{"uid": f"{group}_{number}_0", "score": score} for group in "ab" for number, score in enumerate((1.0, 0.1))]
    for folder in ("rollouts", "records"):
        (tmp_path / folder).mkdir()
    (tmp_path / "rollouts" / "1.jsonl").write_text("".join(json.dumps(one) + "\n" for one in dump))
    rows = read_rows(tmp_path, 1)
    assert [(row.group, row.correct) for row in rows] == [("a", True), ("a", False), ("b", True), ("b", False)]
    # Two scores 0.9 apart: deviation 0.9 / sqrt(2), so +- sqrt(2) / 2.
    assert [row.advantage for row in rows[:2]] == pytest.approx([0.70711, -0.70711], abs=1e-5)
    one = RolloutRecord(1, "g_0_0", "g", 0, "How many?", "3", "3", 1.0, 1.0, "anchor", 2.0, k_prime=3)
    unverified = RolloutRecord(1, "g_1_0", "g", 1, "How many?", "?", "3", 0.0, None, "invalid", 0.0)
    (tmp_path / "records" / "1.jsonl").write_text(f"{one.line()}\n{unverified.line()}\n")
    assert read_rows(tmp_path, 1) == [Row("g", True, 2.0, "anchor", 3), Row("g", False, 0.0, "invalid", 0)]
