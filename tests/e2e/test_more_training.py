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
"""Real runs that CI does not include yet: ``pytest -m extra tests/e2e``. Each takes two to four minutes."""

import signal
import time
from collections import Counter

import psutil
import pytest

pytestmark = [pytest.mark.extra, pytest.mark.timeout(1200)]


def test_interrupt_leaves_no_process_behind(start_demo, tmp_path):
    process, run = start_demo(tmp_path, STEPS="50")
    _wait_for_step(process, run, step=1)
    started = psutil.Process(process.pid).children(recursive=True)
    assert any("vLLM" in name or "ray" in name.lower() for name in (child.name() for child in started))
    process.send_signal(signal.SIGINT)
    for child in started:
        if "recipe.tiny.run" in " ".join(child.cmdline()):
            child.send_signal(signal.SIGINT)
    process.wait(timeout=60)
    _, alive = psutil.wait_procs(started, timeout=30)
    assert not alive, f"left behind: {[child.cmdline()[:3] for child in alive]}"


def _wait_for_step(process, run, step: int) -> None:
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        assert process.poll() is None, run.log[-4000:]
        if (run.folder / "metrics-1.jsonl").exists() and step in run.steps():
            return
        time.sleep(0.5)
    raise AssertionError(f"step {step} was not reached:\n{run.log[-4000:]}")


def _prompts(run, step: int) -> Counter:
    return Counter((row["input"], row["gts"]) for row in run.rollouts(step))


def test_grpo_is_the_same_with_and_without_the_plugin(start_demo, tmp_path):
    """Two seeded GRPO runs side by side on one machine: one with the plugin, one with the CPU workarounds alone."""
    deterministic = ["actor_rollout_ref.rollout.full_determinism=True", "trainer.val_before_train=False"]
    stock = {"VERL_USE_EXTERNAL_PLUGINS": "none", "VERL_USE_EXTERNAL_MODULES": "verl_ext.cpu.alone"}
    runs = [
        start_demo(tmp_path / name, *deterministic, ALGO="grpo", STEPS="2", **variables)
        for name, variables in (("plugin", {}), ("stock", stock))
    ]
    for process, run in runs:
        output, _ = process.communicate(timeout=900)
        assert process.returncode == 0, f"{output}\n{run.log[-6000:]}"
    plugin, alone = (run for _, run in runs)
    for step in (1, 2):
        assert _prompts(plugin, step) == _prompts(alone, step)
        for name in ("critic/score/mean", "actor/pg_loss", "actor/grad_norm", "actor/entropy", "response_length/mean"):
            assert plugin.steps()[step][name] == alone.steps()[step][name], f"step {step}: {name}"
    assert not any(name.startswith("care/") for name in plugin.steps()[1])
