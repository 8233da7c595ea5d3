# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""CPU seconds by kind of process."""

import json
import subprocess
import sys

import psutil
import pytest

from recipe.tiny.cpu_seconds import Sample, kind_of, seconds_per_step, slower_stages


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        ("ray::TaskRunner.run", "TaskRunner"),
        ("ray::WorkerDict", "WorkerDict"),
        ("VLLM::EngineCore", "EngineCore"),
        ("python -m verl.trainer.main_ppo", "other"),
        ("", "other"),
    ],
)
def test_a_process_is_of_the_kind_its_title_says(command, kind):
    assert kind_of(command) == kind


def test_a_sample_counts_what_the_processes_below_have_spent():
    # argv holds a title as Ray writes it; the child says when it has worked half a second of CPU time.
    busy = "import time\nwhile time.process_time() < 0.5: pass\nprint(flush=True)\ntime.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", busy, "ray::Busy.work"], stdout=subprocess.PIPE)
    try:
        child.stdout.readline()
        sample = Sample.take(psutil.Process(), step=3)
    finally:
        child.kill()
        child.communicate()
    assert sample.step == 3
    assert 0.4 < sample.seconds["Busy"] < 5
    assert json.loads(sample.line()) == {"step": 3, "seconds": dict(sample.seconds)}


def test_seconds_of_a_step_are_the_difference_over_the_steps(tmp_path):
    path = tmp_path / "cpu-1.jsonl"
    samples = [
        Sample(1, {"EngineCore": 40.0, "TaskRunner": 9.0, "gone": 1.0}),
        Sample(2, {"EngineCore": 42.0, "TaskRunner": 9.5}),
        Sample(5, {"EngineCore": 45.0, "TaskRunner": 11.0, "late": 7.0}),
    ]
    path.write_text("".join(sample.line() for sample in samples))
    # After step 2: 45 - 42 = 3 over 3 steps, 11 - 9.5 = 1.5 over 3. After step 1: 5 over 4 and 2 over 4.
    assert seconds_per_step(path, first=2, last=5) == {"EngineCore": 1.0, "TaskRunner": 0.5}
    assert seconds_per_step(path, first=1, last=5) == {"EngineCore": 1.25, "TaskRunner": 0.5}


def test_a_stage_is_slower_beside_the_others():
    expected = {"rollouts": 1.4, "decoding": 1.7, "update": 1.0}
    assert slower_stages(expected, expected, 1.3) == []
    # One stage by 1.4 / 1.0; the median stage has not changed.
    assert slower_stages({**expected, "update": 1.4}, expected, 1.3) == ["update"]
    # All by a half: the machine. And one of them twice as much: 2.0 / 1.5 = 1.33.
    slow = {stage: 1.5 * ratio for stage, ratio in expected.items()}
    assert slower_stages(slow, expected, 1.3) == []
    assert slower_stages({**slow, "decoding": 2.0 * 1.7}, expected, 1.3) == ["decoding"]
    # Or GRPO's was: what stayed as it was is no slower, what grew by 30% is.
    fast = {stage: 0.76 * ratio for stage, ratio in expected.items()}
    assert slower_stages({**fast, "update": 1.2}, expected, 1.3) == []
    assert slower_stages({**fast, "update": 1.4}, expected, 1.3) == ["update"]
