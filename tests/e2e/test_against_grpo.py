# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""GRPO beside CARE: with the plugin installed it is verl's own, and CARE's stages keep the cost they had against it."""

import pytest

from recipe.tiny.cpu_seconds import seconds_per_step, slower_stages
from tests.e2e.conftest import ALARMS_ONLY, QUIET, Run

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

STAGES = {
    "rollouts and repairs": ("AgentLoopWorkerTQ", "CareAgentLoopWorker"),
    "decoding": ("EngineCore", "vLLMHttpServer"),
    "scoring": ("RewardLoopWorker",),
    "log-probs and update": ("WorkerDict",),
    "trainer, with CARE's advantages": ("TaskRunnerV1",),
}
"""Stage -> the kinds of process that do its work."""
OVER_GRPO = {
    "rollouts and repairs": 1.36,
    "decoding": 1.70,
    "scoring": 1.38,
    "log-probs and update": 1.06,
    "trainer, with CARE's advantages": 1.75,
}
"""CPU seconds of a step of CARE over GRPO's, as measured on 2 cores (docs/comparing.md)."""
SLACK = 1.3


@pytest.fixture(scope="module")
def grpo(reference, cached_rollouts, run_demo, tmp_path_factory) -> Run:
    """GRPO with the plugin, its first step on the reference's rollouts."""
    return run_demo(tmp_path_factory.mktemp("grpo"), *cached_rollouts, *QUIET, METHOD="grpo", STEPS="7")


def test_grpo_is_the_same_with_and_without_the_plugin(grpo, reference, cached_rollouts, run_demo, tmp_path):
    """Two GRPO runs on the same rollouts: one with the plugin, one with the CPU workarounds alone.

    The rollouts are replayed because vLLM's sampling cannot be made repeatable on the CPU: its batch-invariant mode,
    which verl's ``full_determinism`` switches on, is made of kernels for accelerators.
    """
    stock = {"VERL_USE_EXTERNAL_PLUGINS": "none", "VERL_USE_EXTERNAL_MODULES": "verl_ext.cpu.alone"}
    alone = run_demo(tmp_path, *cached_rollouts, *QUIET, METHOD="grpo", STEPS="1", **stock)
    assert grpo.prompts(1) == alone.prompts(1) == reference.prompts(1)
    for name in ("critic/score/mean", "critic/advantages/max", "actor/pg_loss", "actor/grad_norm", "actor/entropy"):
        assert grpo.steps()[1][name] == pytest.approx(alone.steps()[1][name], rel=1e-5, abs=1e-8), name
    for data in grpo.steps().values():
        assert data["actor/grad_norm"] > 0
        assert {name for name in data if name.startswith("care/")} == ALARMS_ONLY


def test_no_stage_got_slower_against_grpo(grpo, reference):
    """In CPU seconds, because two runs at a time share the cores; of steps without replay, validation or checkpoint."""
    ours, theirs = (seconds_per_step(run.folder / "cpu-1.jsonl", first=2, last=6) for run in (reference, grpo))
    ratios = {
        stage: sum(ours.get(kind, 0.0) for kind in kinds) / sum(theirs.get(kind, 0.0) for kind in kinds)
        for stage, kinds in STAGES.items()
    }
    print({stage: round(ratio, 2) for stage, ratio in ratios.items()})
    slower = slower_stages(ratios, OVER_GRPO, SLACK)
    assert not slower, f"{slower}: over GRPO {ratios}; seconds a step: CARE {ours}, GRPO {theirs}"
