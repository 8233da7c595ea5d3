# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The reference run's first step from its own rollouts again: with every row in every pass, and with a KL loss."""

import pytest

from tests.e2e.conftest import QUIET, REPAIRS

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2700)]
UPDATE, LOG_PROBS = "care/rows_skipped/update", "care/rows_skipped/log_probs"
KL = [
    "actor_rollout_ref.actor.use_kl_loss=True",
    "actor_rollout_ref.actor.kl_loss_coef=0.01",
    "actor_rollout_ref.ref.log_prob_micro_batch_size_per_gpu=8",
    "+algorithm.care.kl_taught_rows_only=True",
]


@pytest.fixture(scope="module")
def again(run_demo, reference, cached_rollouts, tmp_path_factory):
    """Metrics of that step under other settings.

    A replay names the rollouts of a prompt in another order, by which ties are broken, so replays are compared with
    each other.
    """

    def run(name: str, *overrides: str) -> dict[str, float]:
        folder = tmp_path_factory.mktemp(name)
        return run_demo(folder, *cached_rollouts, REPAIRS, *QUIET, *overrides, STEPS="1").steps()[1]

    return run


@pytest.fixture(scope="module")
def whole(again):
    """With every row in every pass."""
    return again("whole", "+algorithm.care.skip_dead_rows=False")


@pytest.fixture(scope="module")
def left_out(again):
    """Without the rows that teach nothing or are not read, as by default."""
    return again("left_out")


def assert_same_update(step: dict[str, float], other: dict[str, float]) -> None:
    for name in ("critic/score/mean", "care/failure_mass", "actor/grad_norm"):
        assert step[name] == pytest.approx(other[name], rel=1e-5), name


def test_rows_left_out_do_not_change_the_update(whole, left_out):
    assert left_out[UPDATE] > 0.2 and left_out[LOG_PROBS] > 0.1
    assert UPDATE not in whole and LOG_PROBS not in whole
    assert_same_update(left_out, whole)


def test_a_kl_of_taught_rows_alone_is_asked_of_them_alone(again, whole, left_out):
    step = again("kl", *KL)
    assert step[UPDATE] == left_out[UPDATE] and step[LOG_PROBS] == left_out[LOG_PROBS]
    # Policy and reference are still one and the same, and the KL has no gradient there.
    assert abs(step["actor/kl_loss"]) < 1e-6
    assert_same_update(step, whole)
