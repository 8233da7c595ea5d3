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
"""A run that cannot work is refused before anything heavy happens, with the key, the value and the remedy."""

import os
import subprocess
import sys

import pytest

from recipe.care.errors import CareConfigError
from verl_ext.dry_run import compose, main, validate
from verl_ext.validation import dynamic_sampling, validate_run

BASE = ["algorithm.adv_estimator=care", "actor_rollout_ref.rollout.n=8"]

REFUSED = {
    "+algorithm.care.k=0": ("algorithm.care.k=0", "1 or more"),
    "+algorithm.care.k=four": ("algorithm.care.k='four'", "of type int"),
    "+algorithm.care.m=3": ("algorithm.care.m=3", "algorithm.care.k=4", "raise m or lower k"),
    "+algorithm.care.K=4": ("algorithm.care.K=4", "no such setting"),
    "+algorithm.care.selectr=random": ("algorithm.care.selectr='random'", "Did you mean algorithm.care.selector?"),
    "+algorithm.care.selector=nearst": ("algorithm.care.selector='nearst'", "Did you mean 'nearest'?"),
    "+algorithm.care.anchor=longest": ("algorithm.care.anchor='longest'", "must be one of shortest"),
    "+algorithm.care.neg_scale=2": ("algorithm.care.neg_scale=2.0", "between 0 and 1"),
    "+algorithm.care.eps=0": ("algorithm.care.eps=0.0", "above 0"),
    "+algorithm.care.regions.gamma_pos=1.5": ("algorithm.care.regions.gamma_pos=1.5", "between 0 and 1"),
    "+algorithm.care.regions.gamma_pos=-0.1": ("algorithm.care.regions.gamma_pos=-0.1", "between 0 and 1"),
    "+algorithm.care.regions={gamma_pos: 0.1, rationale_share: 0.2}": (
        "algorithm.care.regions.rationale_share=0.2",
        "excludes regions.gamma_pos",
        "only one",
    ),
    "+algorithm.care.rescue.delta=0": ("algorithm.care.rescue.delta=0", "rescue.enable=false"),
    "+algorithm.care.rescue.gamma=1": ("algorithm.care.rescue.gamma=1", "no such setting"),
    "+algorithm.care.rgr.candidates=0": ("algorithm.care.rgr.candidates=0", "rgr.enable=false"),
    "+algorithm.care.rgr.fill_to=0.05": (
        "algorithm.care.rgr.fill_to=0.05",
        "actor_rollout_ref.rollout.n=8",
        "raise it",
    ),
    "+algorithm.care=on": ("algorithm.care", "must be a mapping"),
    "actor_rollout_ref.rollout.n=1": ("actor_rollout_ref.rollout.n=1", "2 or more"),
    "trainer.use_v1=False": ("trainer.use_v1=False", "set it to true"),
    "trainer.v1.trainer_mode=later": ("trainer.v1.trainer_mode='later'", "one of sync, colocate_async"),
    "algorithm.use_kl_in_reward=True": ("algorithm.use_kl_in_reward=True", "use_kl_loss=true"),
    "actor_rollout_ref.actor.loss_agg_mode=median": (
        "actor_rollout_ref.actor.loss_agg_mode='median'",
        "token-mean",
        "seq-mean-token-mean",
    ),
    "actor_rollout_ref.actor.strategy=megatron": (
        "actor_rollout_ref.actor.strategy='megatron'",
        "use fsdp or fsdp2",
        "algorithm.care.selector=lexical",
    ),
}


@pytest.mark.parametrize("override", REFUSED)
def test_bad_setting_is_refused_with_key_value_and_remedy(override):
    config = compose([*BASE, override])
    with pytest.raises(CareConfigError) as error:
        validate_run(config)
    for part in REFUSED[override]:
        assert part in str(error.value)


BYPASS = "algorithm.rollout_correction.bypass_mode=True"


@pytest.mark.parametrize("selector", ["nearest", "mixed", "farthest"])
def test_bypass_mode_has_no_pass_to_take_hidden_states_from(selector):
    with pytest.raises(CareConfigError) as error:
        validate_run(compose([*BASE, BYPASS, f"+algorithm.care.selector={selector}"]))
    for part in ("algorithm.rollout_correction.bypass_mode=True", f"algorithm.care.selector={selector}", "lexical"):
        assert part in str(error.value)


@pytest.mark.parametrize("obstacle", [BYPASS, "actor_rollout_ref.actor.strategy=megatron"])
@pytest.mark.parametrize("selector", ["lexical", "random"])
def test_selectors_without_hidden_states_run_anywhere(selector, obstacle):
    assert validate_run(compose([*BASE, obstacle, f"+algorithm.care.selector={selector}"])).selector == selector


@pytest.mark.parametrize("strategy", ["fsdp", "fsdp2"])
@pytest.mark.parametrize("mode", ["sync", "colocate_async", "separate_async"])
def test_what_is_supported_passes(strategy, mode):
    overrides = [f"actor_rollout_ref.actor.strategy={strategy}", f"trainer.v1.trainer_mode={mode}"]
    assert validate_run(compose([*BASE, *overrides])).selector == "nearest"


def test_another_estimator_is_not_looked_at():
    """Verl's own validation, with the plugin, lets a GRPO run be whatever verl lets it be."""
    odd = ["+algorithm.care.k=0", "actor_rollout_ref.rollout.n=1", "algorithm.use_kl_in_reward=True"]
    micro = ["actor_rollout_ref.actor.use_dynamic_bsz=True", "actor_rollout_ref.rollout.log_prob_use_dynamic_bsz=True"]
    validate(compose(["algorithm.adv_estimator=grpo", *odd, *micro]))
    with pytest.raises(CareConfigError):
        validate(compose([BASE[0], *odd, *micro]))


def test_defaults_need_nothing_but_the_estimator():
    assert validate_run(compose(BASE)).k == 4


def test_dynamic_sampling_may_be_left_empty():
    """As verl allows."""
    off, on = "algorithm.filter_groups=null", "algorithm.filter_groups.enable=True"
    assert validate_run(compose([*BASE, off])).rgr.enable
    assert dynamic_sampling(compose([*BASE, off])) is None and dynamic_sampling(compose(BASE)) is None
    assert dynamic_sampling(compose([*BASE, on])).enable


def test_dry_run_reports_and_sets_the_exit_status(capsys):
    micro = [
        "actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=1",
        "actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu=1",
    ]
    assert main([*BASE, *micro]) == 0
    assert "The configuration is valid." in capsys.readouterr().out
    assert main([*BASE, *micro, "+algorithm.care.k=0"]) == 2
    assert "algorithm.care.k=0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("override", "key"),
    [("+algorithm.care.k=0", "algorithm.care.k=0"), ("trainer.use_v1=False", "trainer.use_v1=False")],
)
def test_main_ppo_stops_before_ray_starts(override, key, tmp_path):
    """The model path does not exist, and Ray would leave its session in the folder."""
    command = [sys.executable, "-m", "verl.trainer.main_ppo", *BASE, override]
    command += ["actor_rollout_ref.model.path=/no/such/model", f"hydra.run.dir={tmp_path}/hydra"]
    environment = {**os.environ, "RAY_TMPDIR": str(tmp_path / "ray")}
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert result.returncode != 0
    assert f"CareConfigError: {key}" in result.stderr
    # Hydra echoes the overrides; nobody has looked for the model.
    assert "OSError" not in result.stderr and "HFValidationError" not in result.stderr
    assert "ray init kwargs" not in result.stdout
    assert not (tmp_path / "ray").exists()
