# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The groups of ``recipe/care/conf``: every one with every method, found by stock verl and by nobody else."""

import os
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest
import setuptools
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from omegaconf import OmegaConf

from recipe.care.config import CareConfig
from recipe.care.errors import CareConfigError
from recipe.care.presets import PRESETS
from verl_ext.checks.dry_run import compose, main, validate

ROOT = Path(__file__).parents[3]
CONF = ROOT / "recipe" / "care" / "conf"
FILES = sorted(CONF.rglob("*.yaml"))
METHODS = ("care", "care_no_rgr", "dapo", "grpo", "gspo")
OPTIONS = sorted(f"{file.parent.name}={file.stem}" for file in FILES if file.parent.name != "method")
HEADER = ["# @package _global_", *(ROOT / "setup.py").read_text().splitlines()[:2]]
NEW = (
    "algorithm.care.*",
    "ray_kwargs.ray_init.*",
    "actor_rollout_ref.model.override_config.attn_implementation",
    "actor_rollout_ref.*.fsdp_config.mixed_precision.*",
    "actor_rollout_ref.rollout.engine_kwargs.vllm.*",
    "actor_rollout_ref.rollout.enable_sleep_mode",
)
"""Keys that verl reads but does not list."""


def _leaves(node, prefix=""):
    if not isinstance(node, dict) or not node:
        return {prefix: node}
    return {key: leaf for name, below in node.items() for key, leaf in _leaves(below, f"{prefix}.{name}").items()}


def _says(file: Path) -> dict[str, object]:
    """What a file sets, flat, without the files that it builds on."""
    node = OmegaConf.to_container(OmegaConf.load(file))
    return {key.lstrip("."): value for key, value in _leaves(node).items() if key != ".defaults"}


@pytest.fixture(scope="module")
def stock():
    return compose([], resolve=False)


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_a_file_sets_keys_that_verl_has(file, stock):
    assert file.read_text().splitlines()[:3] == HEADER
    said = _says(file)
    assert said
    for key in said:
        above, _, name = key.rpartition(".")
        # As a list: a key that verl wants a value for is not "in" its node.
        known = name in list(OmegaConf.select(stock, above) or ())
        assert known or any(fnmatch(key, pattern) for pattern in NEW), key


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("method", METHODS)
def test_every_group_goes_with_every_method(method, option):
    config = compose([f"+{option}", f"+method={method}"], resolve=False)
    raw = dict(_says(CONF / "method" / f"{method}.yaml"))
    group, _, name = option.partition("=")
    raw.update(_says(CONF / group / f"{name}.yaml"))
    found = {key.lstrip("."): value for key, value in _leaves(OmegaConf.to_container(config)).items()}
    assert raw.items() <= found.items()


def test_a_group_builds_on_another():
    config = compose(["+model=qwen3_vl_8b", "+method=care_no_rgr", "attention=sdpa"])
    model = config.actor_rollout_ref.model
    assert (config.data.image_patch_size, config.data.train_batch_size) == (16, 512)
    assert (model.override_config.attn_implementation, model.use_remove_padding) == ("sdpa", False)
    assert config.algorithm.adv_estimator == "care" and config.algorithm.care.rgr.enable is False
    assert compose(["+cpu=cluster", "+tiny=demo"]).trainer.device == "cpu"


def test_the_presets_are_those_of_the_code():
    assert {file.stem for file in (CONF / "care").iterdir()} == set(PRESETS)
    for name in PRESETS:
        assert CareConfig.of_run(compose([f"+care={name}"]).algorithm.care) == CareConfig.of_run({"preset": name})


def test_what_is_said_later_wins():
    assert compose(["+model=qwen2_5_vl_7b", "+lora=one_gpu"]).actor_rollout_ref.actor.optim.lr == 1e-5
    # A value wins over groups wherever it stands.
    values = ["actor_rollout_ref.actor.optim.lr=3e-6", "+model=qwen2_5_vl_7b", "+lora=one_gpu"]
    assert compose(values).actor_rollout_ref.actor.optim.lr == 3e-6
    assert compose(["+care=best", "algorithm.care.preset=paper"]).algorithm.care.preset == "paper"
    assert compose(["+cpu=alone", "trainer.n_gpus_per_node=2"]).ray_kwargs.ray_init.num_gpus == 2


@pytest.mark.parametrize("form", ["algorithm.care", "+algorithm.care", "++algorithm.care"])
def test_settings_of_care_go_with_a_group_in_every_form(form):
    config = compose(["+method=care", "+care=best", f"{form}.k=3", f"{form}.rgr.max_tokens=64"])
    care = CareConfig.of_run(config.algorithm.care)
    assert (care.k, care.rgr.max_tokens, care.anchor) == (3, 64, "multi")


def test_an_unknown_setting_of_care_is_refused_all_the_same():
    config = compose(["+method=care", "+care=best", "algorithm.care.kk=3", "actor_rollout_ref.rollout.n=8"])
    with pytest.raises(CareConfigError, match=r"algorithm\.care\.kk"):
        validate(config)


def test_the_dry_run_takes_groups_and_names_those_there_are(capsys):
    given = ["+method=dapo", "+care=best", "algorithm.care.k=3", "+model=qwen2_5_vl_3b"]
    assert main([*given, "--show", "algorithm.care"]) == 0
    assert "objective       token-mean, clip 0.2/0.28" in (out := capsys.readouterr().out)
    assert "preset: best\nrecords:\n  folder: checkpoints/care/gsm8k/records\nk: 3\n" in out
    assert main(["+method=dpo"]) == 2
    error = capsys.readouterr().err
    assert error.strip().endswith(f"Could not find 'method/dpo' Available options in 'method': {' '.join(METHODS)}")


def test_stock_verl_finds_them_from_another_directory(tmp_path):
    """By its own main, and from a path that does not depend on where one is."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT) if "PYTHONPATH" in os.environ else ""}
    given = ["+method=dapo", "+care=best", "algorithm.care.k=3", "+model=qwen2_5_vl_7b"]
    command = [sys.executable, "-m", "verl.trainer.main_ppo", *given, "--cfg", "job"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    config = OmegaConf.create(done.stdout[done.stdout.index("actor_rollout_ref:") :])
    records = {"folder": "${trainer.default_local_dir}/records"}
    assert OmegaConf.to_container(config.algorithm.care) == {"preset": "best", "records": records, "k": 3}
    assert config.actor_rollout_ref.actor.loss_agg_mode == "token-mean"
    assert config.actor_rollout_ref.model.path == "Qwen/Qwen2.5-VL-7B-Instruct"


def test_other_programs_that_use_hydra_do_not_see_them(tmp_path):
    """There, ``cpu=8`` is a value and no file of a group."""
    (tmp_path / "program.yaml").write_text("cpu: 4\nmethod: none\n")
    with initialize_config_dir(str(tmp_path), version_base=None):
        assert hydra_compose("program", ["cpu=8", "method=dapo"]) == {"cpu": 8, "method": "dapo"}


def test_groups_are_not_called_as_verls_settings_are(stock):
    """Else ``reward=...`` would be a group for whoever names none; ``model`` is one of verl's own."""
    assert not ({file.parent.name for file in FILES} - {"model"}) & set(stock)


def test_a_package_brings_them_along():
    keywords = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.setattr(setuptools, "setup", lambda **given: keywords.update(given))
        exec(compile((ROOT / "setup.py").read_text(), "setup.py", "exec"), {})
    assert "hydra_plugins" in keywords["packages"]
    patterns = keywords["package_data"]["recipe.care"]
    assert len(FILES) > 15
    for file in FILES:
        assert any(file.relative_to(CONF.parent).match(pattern) for pattern in patterns), file
    # Other packages have modules there too.
    assert not (ROOT / "hydra_plugins" / "__init__.py").exists()
