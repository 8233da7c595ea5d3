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
"""With the plugin installed, a run that does not choose CARE is verl's own."""

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]


def test_grpo_is_the_same_with_and_without_the_plugin(reference, cached_rollouts, run_demo, tmp_path):
    """Two GRPO runs on the same rollouts: one with the plugin, one with the CPU workarounds alone.

    The rollouts are replayed because vLLM's sampling cannot be made repeatable on the CPU: its batch-invariant mode,
    which verl's ``full_determinism`` switches on, is made of kernels for accelerators.
    """
    stock = {"VERL_USE_EXTERNAL_PLUGINS": "none", "VERL_USE_EXTERNAL_MODULES": "verl_ext.cpu.alone"}
    settings = [*cached_rollouts, "trainer.val_before_train=False", "trainer.test_freq=-1", "trainer.save_freq=-1"]
    plugin, alone = (
        run_demo(tmp_path / name, *settings, METHOD="grpo", **variables)
        for name, variables in (("plugin", {"STEPS": "2"}), ("stock", {"STEPS": "1", **stock}))
    )
    assert plugin.prompts(1) == alone.prompts(1) == reference.prompts(1)
    for name in ("critic/score/mean", "critic/advantages/max", "actor/pg_loss", "actor/grad_norm", "actor/entropy"):
        assert plugin.steps()[1][name] == pytest.approx(alone.steps()[1][name], rel=1e-5, abs=1e-8), name
    for data in (plugin.steps()[1], plugin.steps()[2]):
        assert data["actor/grad_norm"] > 0
        assert not any(name.startswith("care/") for name in data)
