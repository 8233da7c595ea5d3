# Copyright 2026 The CARE-verl authors
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""A run survives what happens to runs: a dead worker, kill -9, Ctrl-C; and GRPO is left as it was."""

import os
import signal

import psutil
import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]


@pytest.fixture
def slot(slots):
    """A share of the machine for a whole test."""
    with slots():
        yield


@pytest.mark.usefixtures("slot")
def test_a_run_survives_what_happens_to_it(reference, start_demo, tmp_path):
    """A worker dies, then everything is killed, then the user interrupts; the data order stays as if nothing had."""
    last = max(reference.steps())
    settings = ["trainer.val_before_train=False", "trainer.test_freq=-1", "trainer.save_freq=1"]

    process, run = start_demo(tmp_path, *settings, STEPS="50")
    run.wait_for(process, step=2)
    _kill_a_rollout_worker(process, run)

    process, run = start_demo(tmp_path, *settings, STEPS="50")
    run.wait_for(process, step=3, attempt=2)
    _kill_nine(process)

    process, run = start_demo(tmp_path, *settings, STEPS="50")
    run.wait_for(process, step=last, attempt=3)
    for attempt, expected in ((2, 2), (3, 3)):
        # The step before was saved; the latest may have been, while the test looked for its victims.
        assert min(run.steps(attempt)) >= expected, f"attempt {attempt} did not resume"
    for step in range(1, last + 1):
        assert run.prompts(step) == reference.prompts(step)
    _interrupt_and_look_around(process)


def _kill_a_rollout_worker(process, run) -> None:
    """Without CARE's watch verl waits forever for the rollouts and repairs the worker had begun."""
    mine = {one: _name(one) for one in psutil.Process(process.pid).children(recursive=True)}
    (worker,) = [one for one, name in mine.items() if "CareAgentLoopWorker" in name]
    worker.kill()
    output, _ = process.communicate(timeout=180)
    assert process.returncode != 0
    assert "an agent-loop worker died" in run.log and "resumes from the last checkpoint" in output
    _, alive = psutil.wait_procs(list(mine), timeout=30)
    assert not alive, [mine[one] for one in alive]


def _kill_nine(process) -> None:
    mine = psutil.Process(process.pid).children(recursive=True)
    # The names first: once their parents are dead, processes vanish while one looks at them.
    names = {one: _name(one) for one in [psutil.Process(process.pid), *mine]}
    for victim, name in names.items():
        if "main_ppo" in name or "recipe.tiny.run" in name:
            os.kill(victim.pid, signal.SIGKILL)
    # kill -9 gives nobody a chance to clean up: Ray ends its workers itself, but its two agents stay.
    _, alive = psutil.wait_procs(mine, timeout=90)
    assert all("Agent" in names[one] for one in alive), [names[one] for one in alive]
    for one in alive:
        one.kill()


def _interrupt_and_look_around(process) -> None:
    started = {one: _name(one) for one in psutil.Process(process.pid).children(recursive=True)}
    assert any("ray::" in name for name in started.values()) and any("VLLM" in name for name in started.values())
    process.send_signal(signal.SIGINT)
    process.wait(timeout=60)
    _, alive = psutil.wait_procs(list(started), timeout=30)
    assert not alive, f"left behind: {[started[one] for one in alive]}"


def _name(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return "ended"
