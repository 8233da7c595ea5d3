# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The simulated step: decoding by events with the arithmetic written out, and what a step is made of."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recipe.care.config import CareConfig

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))
from simulate_step import ALL_ROWS, LIVE_ROWS, Batch, Profile, Rows, cost, decode, predict, rows_of

PROFILE = Profile(
    "by hand", prompts=2, rollouts=2, length=10, prompt=0, engines=1, knee=2, gen=8, old_log_prob=4, update=12, rest=1
)


def batch(*lengths: tuple[float, float], right=((1, 0), (1, 1))) -> Batch:
    return Batch(np.array(right, dtype=bool), np.array(lengths, dtype=float))


def test_iterations_take_longer_the_more_decode():
    """Two of 4 and two of 6 tokens: 4 iterations of 1 + 3/2 with four, then 2 of 1 + 1/2 with two."""
    assert decode(batch((4, 6), (4, 6)), [0, 0], PROFILE, np.random.default_rng(0)) == pytest.approx(4 * 2.5 + 2 * 1.5)


def test_engines_share_the_prompts():
    """Each has two of 4 tokens, an iteration takes 1 + 1/2."""
    two = replace(PROFILE, engines=2)
    assert decode(batch((4, 4), (4, 4)), [0, 0], two, np.random.default_rng(0)) == pytest.approx(4 * 1.5)


def test_a_repair_begins_when_its_group_has_ended():
    """All of one length; a repair of half a length 10 begins behind iteration 4, beside two that have 6 left.

    4 iterations with four rollouts (2.5 each), then 5 with two rollouts and the repair (2 each), then 1 with two (1.5).
    """
    halves = replace(PROFILE, spread=0.0, repair=0.5)
    assert decode(batch((4, 4), (10, 10)), [1, 0], halves, np.random.default_rng(0)) == pytest.approx(
        4 * 2.5 + 5 * 2 + 1 * 1.5
    )


def test_passes_cost_what_their_rows_cost():
    """Of 4 rows one is left out of the log-prob pass, one is in it again, and two of four are updated on."""
    step = cost(PROFILE, PROFILE, Rows(3, 1, 2, [0, 0]), 0.5, np.random.default_rng(0))
    assert (step.old_log_prob, step.update, step.rest) == (4.0, 6.0, 1.0)


def test_rows_of_grpo_and_of_care():
    mixed_and_right = batch((4, 4), (4, 4))
    rng = np.random.default_rng(0)
    assert rows_of(mixed_and_right, ALL_ROWS, 0.5, rng) == Rows(4, 0, 4, [0, 0])
    assert rows_of(mixed_and_right, LIVE_ROWS, 0.5, rng) == Rows(2, 0, 2, [0, 0])
    # The anchor and its failure; the second group has no failure.
    assert rows_of(mixed_and_right, CareConfig.of_run({"rgr": {"enable": False}}), 0.5, rng) == Rows(2, 0, 2, [0, 0])


def test_a_run_that_does_half_the_work_is_predicted_at_half_its_passes():
    def run(method: str, skipped: float, update: float) -> dict:
        step = {"timing_s/gen": 2.0, "timing_s/old_log_prob": 1.0, "timing_s/update_actor": update}
        step |= {"timing_s/step": 3.5 + update, "response_length/mean": 20.0, "response_length/max": 20.0}
        step["care/rows_skipped/update"] = skipped
        return {"method": method, "rollouts": 8, "prompts": 16, "steps": [step]}

    *_, line = predict([run("grpo", 0.0, 3.0), run("care without repairs", 0.5, 1.5)])
    assert line.split()[-3:] == ["5.00s", "5.00s", "+0%"]
