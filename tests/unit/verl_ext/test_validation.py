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

import subprocess
import sys

import pytest

from recipe.care.errors import CareConfigError
from verl_ext.dry_run import compose, main
from verl_ext.validation import validate_run

BASE = ["algorithm.adv_estimator=care", "actor_rollout_ref.rollout.n=8"]

REFUSED = {
    "+algorithm.care.k=0": ("algorithm.care.k=0", "1 or more"),
    "+algorithm.care.m=3": ("algorithm.care.m=3", "algorithm.care.k=4"),
    "+algorithm.care.K=4": ("algorithm.care.K=4", "no such setting"),
    "+algorithm.care.selector=nearst": ("algorithm.care.selector='nearst'", "nearest"),
    "+algorithm.care.regions.gamma_pos=1.5": ("algorithm.care.regions.gamma_pos=1.5", "between 0 and 1"),
    "+algorithm.care.rescue.delta=0": ("algorithm.care.rescue.delta=0", "rescue.enable=false"),
    "actor_rollout_ref.rollout.n=1": ("actor_rollout_ref.rollout.n=1", "2 or more"),
    "trainer.use_v1=False": ("trainer.use_v1=False", "true"),
    "algorithm.use_kl_in_reward=True": ("algorithm.use_kl_in_reward=True", "use_kl_loss"),
    "actor_rollout_ref.actor.loss_agg_mode=median": ("actor_rollout_ref.actor.loss_agg_mode", "token-mean"),
    "actor_rollout_ref.actor.strategy=megatron": (
        "actor_rollout_ref.actor.strategy",
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


def test_bypass_mode_needs_another_selector():
    bypass = "algorithm.rollout_correction.bypass_mode=True"
    with pytest.raises(CareConfigError, match=r"algorithm\.rollout_correction\.bypass_mode.*algorithm\.care\.selector"):
        validate_run(compose([*BASE, bypass]))
    assert validate_run(compose([*BASE, bypass, "+algorithm.care.selector=lexical"])).selector == "lexical"


def test_defaults_need_nothing_but_the_estimator():
    assert validate_run(compose(BASE)).k == 4


def test_dry_run_reports_and_sets_the_exit_status(capsys):
    micro = [
        "actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=1",
        "actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu=1",
    ]
    assert main([*BASE, *micro]) == 0
    assert "The configuration is valid." in capsys.readouterr().out
    assert main([*BASE, *micro, "+algorithm.care.k=0"]) == 2
    assert "algorithm.care.k=0" in capsys.readouterr().err


def test_main_ppo_stops_before_ray_starts():
    command = [sys.executable, "-m", "verl.trainer.main_ppo", *BASE, "+algorithm.care.k=0"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert result.returncode != 0
    assert "algorithm.care.k=0" in result.stderr
    assert "ray init kwargs" not in result.stdout
