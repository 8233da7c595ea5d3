# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""A run that cannot work is refused before anything heavy happens, with the key, the value and the remedy."""

import os
import subprocess
import sys

import pytest

from recipe.care.errors import CareConfigError
from verl_ext.checks import dry_run_sft
from verl_ext.checks.dry_run import compose, main, validate
from verl_ext.checks.validation import dynamic_sampling, validate_run

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
    "actor_rollout_ref.actor.policy_loss.loss_mode=geo_mean": (
        "actor_rollout_ref.actor.policy_loss.loss_mode='geo_mean'",
        "averages the advantages of a row",
        "set it to vanilla",
    ),
    "actor_rollout_ref.actor.strategy=megatron": (
        "actor_rollout_ref.actor.strategy='megatron'",
        "use fsdp or fsdp2",
        "algorithm.care.distance=lexical",
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


def test_tokens_may_be_rejected_where_the_estimator_sees_it_only():
    tokens = ["+algorithm.care.selector=lexical", "algorithm.rollout_correction.rollout_rs=token_k1"]
    validate_run(compose([*BASE, *tokens]))
    with pytest.raises(CareConfigError) as error:
        validate_run(compose([*BASE, *tokens, BYPASS]))
    for part in ("algorithm.rollout_correction.rollout_rs='token_k1'", "bypass_mode=false", "seq_"):
        assert part in str(error.value)


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
    assert main([*BASE, *MICRO]) == 0
    assert "The configuration is valid." in capsys.readouterr().out
    assert main([*BASE, *MICRO, "+algorithm.care.k=0"]) == 2
    assert "algorithm.care.k=0" in capsys.readouterr().err


MICRO = [
    "actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=1",
    "actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu=1",
]
TENSOR_PARALLEL = "actor_rollout_ref.rollout.tensor_model_parallel_size"
CANNOT_RUN = {
    # verl itself would stop over these in its first step, over the numbers while it starts.
    "algorithm.adv_estimator=crae": ("algorithm.adv_estimator=crae", "set it to one of ace, care, gae,", "grpo,"),
    f"{TENSOR_PARALLEL}=3": (f"{TENSOR_PARALLEL}=3", "trainer.n_gpus_per_node=8", "ROLLOUT_TP"),
    f"{TENSOR_PARALLEL}=16": (f"{TENSOR_PARALLEL}=16", "does not divide the 8"),
    f"{TENSOR_PARALLEL}=0": (f"{TENSOR_PARALLEL}=0", "1 or more"),
    "trainer.total_training_steps=abc": ("trainer.total_training_steps='abc'", "whole number, or null"),
    "trainer.total_training_steps=2.5": ("trainer.total_training_steps=2.5", "whole number, or null"),
    "trainer.nnodes=many": ("trainer.nnodes='many'", "whole number"),
    # Hydra's.
    "algorithm.care.k=3": ("Could not override 'algorithm.care.k'", "use +algorithm.care.k=3"),
    "trainer.nnods=3": ("Could not override 'trainer.nnods'", "if the key is spelt right"),
    "data.train_files=/lr=1e-6/a": ("data.train_files=/lr=1e-6/a", "needs quotes", "'key=\"a=b\"'"),
    "nonsense": ("nonsense", "Write key=value"),
    "--config-path=..": ("--config-path=..", "options of Hydra"),
    "actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=null": (
        "[actor] Please set at least one of",
        "full_key: actor_rollout_ref.actor",
    ),
    "actor_rollout_ref.actor.ppo_mini_batch_size=abc": ("a setting is of the wrong type",),
}


@pytest.mark.parametrize("override", CANNOT_RUN)
def test_what_cannot_run_is_invalid_on_one_line(override, capsys):
    assert main(["algorithm.adv_estimator=grpo", *MICRO, override]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("invalid: ")
    for part in CANNOT_RUN[override]:
        assert part in line


def test_engines_apart_from_the_trainer_may_have_any_size(capsys):
    overrides = ["algorithm.adv_estimator=grpo", *MICRO, f"{TENSOR_PARALLEL}=3"]
    assert main([*overrides, "trainer.v1.trainer_mode=separate_async"]) == 0
    six = ["trainer.n_gpus_per_node=6", "data.train_batch_size=1536"]
    assert main([*overrides, *six, "trainer.total_training_steps=7"]) == 0


def test_without_the_plugin_the_estimator_is_unknown_for_that_reason(monkeypatch):
    from verl.trainer.ppo import core_algos

    monkeypatch.delitem(core_algos.ADV_ESTIMATOR_REGISTRY, "care")
    with pytest.raises(ValueError, match=r"algorithm.adv_estimator=care: .* plugin is not loaded"):
        validate(compose([*BASE, *MICRO]))


@pytest.mark.parametrize(
    ("override", "part"),
    [
        ("trainer.total_epoch=3", "Could not override 'trainer.total_epoch'"),
        ("trainer.total_training_steps=1.5", "trainer.total_training_steps=1.5: must be a whole number"),
        ("--config-path=..", "options of Hydra"),
        ("data.truncation=right", "data.truncation=right: a row cut short"),
    ],
)
def test_sft_settings_that_cannot_run_are_invalid_on_one_line(override, part, capsys):
    assert dry_run_sft.main([override]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("invalid: ") and part in line


def test_the_dry_run_of_the_cold_start_has_a_help(capsys):
    with pytest.raises(SystemExit) as stop:
        dry_run_sft.main(["--help"])
    assert stop.value.code == 0 and "usage: care dry-run-sft" in capsys.readouterr().out


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
