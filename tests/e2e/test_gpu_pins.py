# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""CARE with repairs on the GPU pins, in a build for the CPU (``tests/run_gpu_pins.sh``); skipped on the CPU stack."""

import json

import pytest

from tests.e2e.conftest import REPAIRS
from tests.e2e.test_swap import SMALL_DYNAMIC, TINY
from verl_ext.checks.versions import installed

PIN = "0.24.0"
STEPS = 4
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(installed("vllm") != PIN, reason=f"for the GPU pins (vLLM {PIN}): bash tests/run_gpu_pins.sh"),
]
VALIDATE = ("trainer.val_before_train=True", f"trainer.test_freq={STEPS}", "trainer.save_freq=-1")
RUNS = {
    "Qwen2.5-VL, dynamic batch": ("qwen2_5_vl", SMALL_DYNAMIC),
    "Qwen3-VL, LoRA, colocate_async": ("qwen3_vl", TINY["LoRA, colocate_async"]),
}


@pytest.mark.parametrize("name", RUNS)
def test_care_trains_with_repairs(name, run_demo, tmp_path, tiny_data):
    family, overrides = RUNS[name]
    data = tiny_data if family == "qwen2_5_vl" else tiny_data.with_name(f"tiny_data_{family}")
    run = run_demo(tmp_path, *VALIDATE, REPAIRS, *overrides, FAMILY=family, DATA_DIR=str(data), STEPS=str(STEPS))
    for step in range(1, STEPS + 1):
        found = run.steps()[step]
        # An asynchronous mode samples later steps with weights that are partly a step old.
        assert found["training/rollout_actor_probs_pearson_corr"] > (0.999 if "async" not in name or step == 1 else 0.9)
        assert found["actor/grad_norm"] > 0
        assert found["care/groups_mixed"] > 0 and found["care/distance/selected_mean"] > 0
        assert found["care/rgr/replaced"] > 0 and found["care/rgr/failed_requests"] == 0
    report = json.loads((run.folder / "report.json").read_text())
    accuracy = f"accuracy {report['val_accuracy_before']:.3f} -> {report['val_accuracy_after']:.3f}"
    print(f"\ntrained {name}: {STEPS} steps, {accuracy}, {report['step_seconds_median']:.1f} s a step")
