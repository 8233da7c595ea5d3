# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The baselines that are not plain GRPO train on the real stack, and stop when the user says so.

GRPO trains in test_against_grpo.py, CARE without repairs in test_data_prep.py and CARE in the others.
"""

import signal
from collections import defaultdict

import psutil
import pytest

from tests.e2e.conftest import ALARMS_ONLY, QUIET, command_line

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


@pytest.mark.parametrize("method", ["dapo", "gspo"])
def test_two_steps_and_ctrl_c(method, start_demo, tmp_path):
    process, run = start_demo(tmp_path, *QUIET, METHOD=method, STEPS="50")
    run.wait_for(process, step=2)
    _interrupt_and_look_around(process)
    for step in (1, 2):
        data = run.steps()[step]
        assert data["training/rollout_actor_probs_pearson_corr"] > 0.999
        assert data["actor/grad_norm"] > 0
        assert {name for name in data if name.startswith("care/")} == ALARMS_ONLY
        groups = defaultdict(list)
        for row in run.rollouts(step):
            groups[row["uid"].split("_")[0]].append(row["score"] > 0.5)
        # A full batch either way; with dynamic sampling each group has something right and something wrong.
        assert sorted(map(len, groups.values())) == [8] * 16
        mixed = sum(0 < sum(group) < len(group) for group in groups.values())
        assert mixed == 16 or method != "dapo"
    evicted = "training/filter_groups/evicted_samples"
    assert any(evicted in run.steps()[step] for step in (1, 2)) == (method == "dapo")


def _interrupt_and_look_around(process) -> None:
    started = {one: command_line(one) for one in psutil.Process(process.pid).children(recursive=True)}
    assert any("ray::" in name for name in started.values()) and any("VLLM" in name for name in started.values())
    # The model runs in the engine's process; vLLM takes this by the executor's name only.
    assert not any("VLLM::Worker" in name for name in started.values())
    process.send_signal(signal.SIGINT)
    process.wait(timeout=60)
    _, alive = psutil.wait_procs(list(started), timeout=30)
    assert not alive, f"left behind: {[started[one] for one in alive]}"


def test_best_repairs_groups_until_half_is_right(run_demo, tmp_path):
    run = run_demo(tmp_path, *QUIET, "+algorithm.care.preset=best", STEPS="2")
    several = 0
    for step in (1, 2):
        data, groups = run.steps()[step], defaultdict(list)
        assert 0 < data["care/rgr/replaced"] <= data["care/rgr/triggered"]
        for row in run.records(step):
            groups[row.group].append(row)
        repaired = [[row.role.startswith("repaired") for row in rows] for rows in groups.values()]
        right = [sum((row.acc or 0.0) > 0.5 for row in rows) for rows in groups.values()]
        assert all(count <= 4 for count, roles in zip(right, repaired, strict=True) if any(roles))
        several += sum(sum(roles) > 1 for roles in repaired)
    assert several > 0
