# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Every method with every script: what it resolves to, that it is valid, and that methods differ where they should.

The scripts are run with an interpreter that only prints its arguments, and what they print is composed and validated in
this process: loading verl once instead of once a script.
"""

import dataclasses
import functools
import os
import subprocess
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from recipe.care.config import CareConfig
from recipe.tiny.suite.tables import TABLES
from verl_ext.checks.dry_run import compose, summary, validate

ROOT = Path(__file__).parents[3]
CONF = ROOT / "recipe" / "care" / "conf"
METHODS = ("care", "care_no_rgr", "dapo", "grpo", "gspo")
GPU_SCRIPTS = sorted(path.name for path in (ROOT / "examples").glob("run_qwen*_care.sh"))
TINY = "run_tiny_vlm_care_cpu.sh"
ACTOR = "actor_rollout_ref.actor"

GRPO_SETTINGS = {
    "algorithm.adv_estimator": "grpo",
    "algorithm.filter_groups.enable": False,
    "algorithm.filter_groups.metric": "reward",
    f"{ACTOR}.loss_agg_mode": "seq-mean-token-mean",
    f"{ACTOR}.clip_ratio_low": 0.2,
    f"{ACTOR}.clip_ratio_high": 0.2,
    f"{ACTOR}.policy_loss.loss_mode": "vanilla",
}
CHANGES = {
    "dapo": {
        f"{ACTOR}.loss_agg_mode": "token-mean",
        f"{ACTOR}.clip_ratio_high": 0.28,
        "algorithm.filter_groups.enable": True,
        "algorithm.filter_groups.metric": "acc",
    },
    "gspo": {
        f"{ACTOR}.policy_loss.loss_mode": "gspo",
        f"{ACTOR}.clip_ratio_low": 3e-4,
        f"{ACTOR}.clip_ratio_high": 4e-4,
    },
    "care_no_rgr": {"algorithm.adv_estimator": "care", f"{ACTOR}.clip_ratio_high": 0.28},
    "care": {"algorithm.adv_estimator": "care", f"{ACTOR}.clip_ratio_high": 0.28},
}
"""What each method changes about GRPO, besides ``algorithm.care``; nothing else may differ."""


@pytest.fixture(scope="module")
def arguments(tmp_path_factory):
    """The arguments a script would start verl with."""
    environment_dir = tmp_path_factory.mktemp("venv")
    python = environment_dir / "bin" / "python"
    python.parent.mkdir()
    python.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    python.chmod(0o755)

    def run(script: str, **variables: str) -> list[str]:
        stub = {"PYTHON": str(python), "VENV": str(environment_dir), "SKIP_SETUP": "1", "DRY_RUN": "1"}
        clean = {name: value for name, value in os.environ.items() if name not in ("METHOD", "LORA", "LR", "SEED")}
        command = ["bash", str(ROOT / "examples" / script)]
        output = subprocess.run(command, env={**clean, **stub, **variables}, capture_output=True, text=True, check=True)
        module, *found = output.stdout.splitlines()[1:]
        assert module == "verl_ext.checks.dry_run"
        return found

    return run


@pytest.fixture(scope="module")
def resolve(arguments):
    """The validated configuration of a script, and as it was set, flat; run names are the same for all."""

    @functools.cache
    def run(script: str, method: str = "care", lora: str = "0") -> tuple[DictConfig, dict[str, object]]:
        names = {"EXPERIMENT": "run", "OUT_DIR": "runs/run", "RUN_DIR": "runs/run"}
        config = compose(arguments(script, METHOD=method, LORA=lora, NNODES="4", **names), resolve=False)
        # Not resolved, a key that verl copies from another shows what it refers to and never differs.
        flat = dict(_leaves(OmegaConf.to_container(config)))
        OmegaConf.resolve(config)
        validate(config)
        return config, flat

    return run


def _leaves(node, prefix=""):
    if not isinstance(node, dict) or not node:
        return [(prefix, node)]
    return [leaf for key, value in node.items() for leaf in _leaves(value, f"{prefix}.{key}".lstrip("."))]


def _differences(one, other):
    return {key: other.get(key) for key in one.keys() | other.keys() if one.get(key) != other.get(key)}


@pytest.mark.parametrize("script", [*GPU_SCRIPTS, TINY])
def test_methods_are_valid_and_differ_where_they_should(script, resolve):
    configs = {method: resolve(script, method)[1] for method in METHODS}
    grpo = configs["grpo"]
    assert GRPO_SETTINGS.items() <= grpo.items()
    # Its rollouts are recorded, too; that is all of CARE in it.
    assert [key for key in grpo if key.startswith("algorithm.care")] == ["algorithm.care.records.folder"]
    for method, changes in CHANGES.items():
        found = _differences(grpo, configs[method])
        care = {key: found.pop(key) for key in list(found) if key.startswith("algorithm.care.")}
        assert found == changes, method
        assert bool(care) == (method == "care_no_rgr" or (method == "care" and script == TINY))
    assert _differences(configs["care"], configs["care_no_rgr"]) == {"algorithm.care.rgr.enable": False}


@pytest.mark.parametrize("script", GPU_SCRIPTS)
def test_care_has_what_a_run_has_by_default(script, resolve):
    config, _ = resolve(script)
    assert config.algorithm.care == {"records": {"folder": "runs/run/records"}}
    # Repairs are sampled as the rollouts are.
    assert (CareConfig.of_run(None).rgr.temperature, CareConfig.of_run(None).rgr.top_p) == (None, None)
    shown = summary(config)
    for line in (
        "512 prompts x 8 rollouts, mini-batch 128 prompts",
        "prompt 2048, response 2048 tokens",
        "seq-mean-token-mean, clip 0.2/0.28, KL 0.01, lr 1e-06",
        "4 node(s) x 8 cuda",
    ):
        assert line in shown


def test_summary_says_what_sets_a_method_apart(resolve):
    script = "run_qwen2_5_vl_7b_care.sh"
    assert "groups all alike in acc are replaced" in summary(resolve(script, "dapo")[0])
    assert "policy loss     gspo" in summary(resolve(script, "gspo")[0])
    assert "LoRA, rank 64" in summary(resolve(script, "care", "1")[0])
    plain = summary(resolve(script, "grpo")[0])
    assert not any(word in plain for word in ("replaced", "policy loss", "LoRA", "CareConfig"))


LORA = {
    # Those of the adapters.
    "actor_rollout_ref.model.lora_rank": 64,
    "actor_rollout_ref.model.lora_alpha": 64,
    "actor_rollout_ref.model.exclude_modules": ".*visual.*",
    f"{ACTOR}.fsdp_config.model_dtype": "bf16",
    f"{ACTOR}.optim.lr": 1e-5,
    # Those of one GPU.
    "trainer.n_gpus_per_node": 1,
    "transfer_queue.backend.SimpleStorage.num_data_storage_units": 4,  # one a node
    "actor_rollout_ref.rollout.tensor_model_parallel_size": 1,
    f"{ACTOR}.ppo_max_token_len_per_gpu": 8192,
    "actor_rollout_ref.rollout.log_prob_max_token_len_per_gpu": 8192,
    "actor_rollout_ref.ref.log_prob_max_token_len_per_gpu": 8192,
}


@pytest.mark.parametrize("script", GPU_SCRIPTS)
def test_lora_is_valid_and_changes_nothing_else(script, resolve):
    full, lora = resolve(script)[1], resolve(script, "care", "1")[1]
    # The 3B model needs no tensor parallelism with all weights either.
    assert _differences(full, lora) == {key: value for key, value in LORA.items() if full[key] != value}


def test_variables_win_over_those_of_lora(arguments):
    found = arguments(GPU_SCRIPTS[0], LORA="1", LORA_RANK="16", NGPUS_PER_NODE="2", LR="3e-6")
    for setting in ("model.lora_rank=16", "model.lora_alpha=16", "trainer.n_gpus_per_node=2", "optim.lr=3e-6"):
        assert any(one.endswith(setting) for one in found), setting
    assert "trainer.experiment_name=qwen2_5_vl_3b_care_lora" in found


@pytest.mark.parametrize("script", [*GPU_SCRIPTS, TINY])
def test_unknown_method_names_the_choices(script):
    command = ["bash", str(ROOT / "examples" / script)]
    result = subprocess.run(command, env={**os.environ, "METHOD": "ppo"}, capture_output=True, text=True)
    assert result.returncode == 2
    assert "METHOD=ppo" in result.stderr and " ".join(METHODS) in result.stderr


def test_the_demo_knows_the_method_by_its_other_name():
    command = ["bash", str(ROOT / "examples" / "run_tiny_vlm_care_cpu.sh")]
    clean = {name: value for name, value in os.environ.items() if name != "METHOD"}
    result = subprocess.run(command, env={**clean, "ALGO": "ppo"}, capture_output=True, text=True)
    assert result.returncode == 2 and "METHOD=ppo" in result.stderr


def test_unknown_lora_switch():
    command = ["bash", str(ROOT / "examples" / GPU_SCRIPTS[0])]
    result = subprocess.run(command, env={**os.environ, "LORA": "yes"}, capture_output=True, text=True)
    assert result.returncode == 2 and "LORA=yes: set it to 1" in result.stderr


def test_the_tiny_suites_main_table_has_every_method():
    assert {method.algorithm for method in TABLES["main"].methods} == set(METHODS)
    assert all(not one.overrides for one in TABLES["main"].methods if not one.algorithm.startswith("care"))


def test_tables_of_the_tiny_suite_change_what_they_say():
    """Over what the demo sets itself; two lines of a table never come to the same."""
    dynamic = OmegaConf.load(CONF / "method" / "dapo.yaml").algorithm.filter_groups
    dynamic_sampling = tuple(f"algorithm.filter_groups.{key}={value}" for key, value in dynamic.items())
    demo = OmegaConf.load(CONF / "tiny" / "regions.yaml").algorithm.care
    for table in TABLES.values():
        seen = {}
        for method in table.methods:
            ours = [one for one in method.overrides if one.startswith("++algorithm.care.")]
            others = tuple(one for one in method.overrides if one not in ours)
            assert others in ((), dynamic_sampling)
            given = [one.lstrip("+").removeprefix("algorithm.care.") for one in ours]
            care = CareConfig.of_run(OmegaConf.merge(demo, OmegaConf.from_dotlist(given)))
            seen[method.name] = (method.algorithm, care, others)
            if method.name.startswith("paper"):
                rgr = dataclasses.replace(CareConfig().rgr, importance="none")
                papers = dataclasses.replace(CareConfig(), rgr=rgr)
                assert care == (CareConfig.of_run({"preset": "paper"}) if table.name == "long" else papers)
        variants = [one for one in seen.values() if one[0].startswith("care")]
        assert len(set(variants)) == len(variants), f"{table.name}: {seen}"
    # The suite spells out what the preset sets.
    best = [one.lstrip("+").removeprefix("algorithm.care.") for one in TABLES["main"].methods[-1].overrides]
    preset = CareConfig.from_omegaconf(OmegaConf.from_dotlist(["preset=best"]))
    assert CareConfig.of_run(OmegaConf.from_dotlist(best)) == preset != CareConfig()
    # Hydra reads the last of them as that.
    papers = next(one for one in TABLES["main"].methods if one.name == "paper")
    config = compose(["+tiny=[demo,regions]", *papers.overrides], resolve=False)
    assert CareConfig.of_run(config.algorithm.care).regions == CareConfig().regions
