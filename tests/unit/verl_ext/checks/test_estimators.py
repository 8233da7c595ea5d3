# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Which estimator a run has chosen, and what is refused before it starts."""

import os
import subprocess
import sys

import pytest
from verl.trainer.ppo.core_algos import get_adv_estimator_fn

from recipe.care.errors import CareConfigError
from recipe.estimators import registry
from recipe.estimators.registry import estimators
from verl_ext.checks.dry_run import compose, main
from verl_ext.checks.validation import TRAINER_MODES, chosen_estimator
from verl_ext.step.estimator import care_estimator

MINE = """
from dataclasses import dataclass
import numpy as np
from recipe.estimators import Need, group_estimator

@dataclass(frozen=True)
class Mine:
    scale: float = 1.0

@group_estimator("mine", settings=Mine, needs=[Need.EMBEDDINGS])
def mine(group, settings):
    return settings.scale * group.right_G
"""
KL_LOSS = "actor_rollout_ref.actor.use_kl_loss"


@pytest.fixture
def file(monkeypatch, tmp_path):
    monkeypatch.setattr(registry, "_ESTIMATORS", dict(estimators()))
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    return f"+algorithm.estimator_file={path}"


def chosen(*overrides):
    return chosen_estimator(compose([*overrides, "actor_rollout_ref.rollout.n=8"]))


def test_a_file_of_ones_own_is_trained_by_its_name(file):
    mine = chosen("algorithm.adv_estimator=mine", file, "+algorithm.mine.scale=2")
    assert mine.name == "mine" and mine.settings.scale == 2.0
    assert get_adv_estimator_fn("mine") is care_estimator


@pytest.mark.parametrize("mode", TRAINER_MODES)
@pytest.mark.parametrize("name", ["ngrpo", "lens", "weighted_reinforce"])
def test_every_trainer_mode_takes_them(name, mode):
    assert chosen(f"algorithm.adv_estimator={name}", f"trainer.v1.trainer_mode={mode}").name == name


@pytest.mark.parametrize("name", ["care", "grpo", "gae"])
def test_care_and_verls_own_are_left_alone(name):
    assert chosen(f"algorithm.adv_estimator={name}", "trainer.use_v1=False") is None


REFUSED = {
    ("ngrpo", "+algorithm.ngrpo.virtual_rows=0"): ("algorithm.ngrpo.virtual_rows=0", "at least 1"),
    ("ngrpo", "+algorithm.ngrpo.max_reard=2"): (
        "algorithm.ngrpo.max_reard=2",
        "Did you mean algorithm.ngrpo.max_reward?",
    ),
    ("noise_forward", "+algorithm.noise_forward={}"): ("algorithm.noise_forward.false_negative", "must be set"),
    ("ngrpo", "trainer.use_v1=False"): ("trainer.use_v1=False", "V1 trainer", "algorithm.adv_estimator=ngrpo"),
    ("ngrpo", "trainer.v1.trainer_mode=later"): ("trainer.v1.trainer_mode='later'", "one of sync, colocate_async"),
    ("ngrpo", "algorithm.use_kl_in_reward=True"): ("algorithm.use_kl_in_reward=True", "adv_estimator=ngrpo"),
    ("ace", f"{KL_LOSS}=False"): (f"{KL_LOSS}=False", "estimator ace", "kl_loss_coef=0"),
    ("mine", "actor_rollout_ref.actor.strategy=megatron"): ("strategy='megatron'", "estimator mine", "Need.LEXICAL"),
    ("mine", "algorithm.rollout_correction.bypass_mode=True"): ("bypass_mode=True", "estimator mine"),
    ("nobody", "trainer.use_v1=True"): ("there is no estimator 'nobody'", "known: ace, "),
}


@pytest.mark.parametrize(("name", "override"), REFUSED)
def test_what_cannot_work_is_refused_with_key_and_remedy(file, name, override):
    with pytest.raises(CareConfigError) as error:
        chosen(f"algorithm.adv_estimator={name}", file, override)
    for part in REFUSED[name, override]:
        assert part in str(error.value)


def test_the_reference_is_there_with_a_kl_loss():
    assert chosen("algorithm.adv_estimator=ace", f"{KL_LOSS}=True").name == "ace"


def test_a_name_of_verls_own_is_refused(file, tmp_path):
    (tmp_path / "mine.py").write_text(MINE.replace('"mine"', '"rloo"'))
    with pytest.raises(CareConfigError, match="estimator rloo: verl has one of this name"):
        chosen("algorithm.adv_estimator=rloo", file)


MICRO = ["actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=1", "actor_rollout_ref.rollout.n=8"]
MICRO += ["actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu=1"]


def test_a_dry_run_shows_the_settings_and_refuses_a_missing_file(file, tmp_path, capsys):
    assert main(["algorithm.adv_estimator=mine", file, "+algorithm.mine.scale=2", *MICRO]) == 0
    assert "settings        Mine(scale=2.0)" in capsys.readouterr().out
    assert main(["algorithm.adv_estimator=mine", "+algorithm.estimator_file=no.py", *MICRO]) == 2
    assert "algorithm.estimator_file=no.py: there is no file" in capsys.readouterr().err


def test_an_installed_module_can_bring_estimators(tmp_path):
    """Verl imports ``VERL_USE_EXTERNAL_MODULES`` in every process, before it looks estimators up."""
    (tmp_path / "brings_mine.py").write_text(MINE)
    code = "import verl, verl.trainer.ppo.core_algos as c; print(c.get_adv_estimator_fn('mine').__name__)"
    variables = {"VERL_USE_EXTERNAL_MODULES": "brings_mine", "PYTHONPATH": f"{tmp_path}{os.pathsep}{os.getcwd()}"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **variables})
    assert done.stdout.split()[-1] == "care_estimator", done.stderr
