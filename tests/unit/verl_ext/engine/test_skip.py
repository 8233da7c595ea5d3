# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Updates without the rows that teach nothing are the updates with them, in verl's own training worker."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from recipe.care.config import CareConfig
from recipe.care.errors import CareConfigError
from recipe.tiny.prepare import prepare_base
from recipe.tiny.settings import BaseSettings
from verl_ext.step.skip import LINEAR_LOSSES, skips_dead_rows

PROBE = Path(__file__).with_name("skip_probe.py")
ROOT = Path(__file__).parents[4]
NOT_PROPORTIONAL = "sapo, which is not proportional"


@pytest.fixture(scope="module", params=[1, 2], ids=["one rank", "two ranks"])
def measured(request, tmp_path_factory) -> dict[str, dict]:
    """What the probe found."""
    folder = tmp_path_factory.mktemp("skip")
    prepare_base(folder / "base", BaseSettings("qwen2_5_vl", "count_add", seed=0))
    processes = []
    for rank in range(request.param):
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "VERL_PLATFORM": "cpu",
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
            "RANK": str(rank),
            "WORLD_SIZE": str(request.param),
            # verl reads them; the processes meet at the file.
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": "1",
            "DIST_INIT_METHOD": f"file://{folder}/rendezvous",
        }
        command = [sys.executable, "-W", "ignore", str(PROBE), str(folder / "base")]
        with (folder / f"{rank}.log").open("w") as log:
            processes.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
    statuses = [process.wait(timeout=540) for process in processes]
    logs = [(folder / f"{rank}.log").read_text()[-3000:] for rank in range(request.param)]
    assert not any(statuses), "\n\n".join(logs)
    return json.loads((folder / "0.log").read_text().splitlines()[-1])


def test_the_gradients_are_equal(measured):
    for name, case in measured.items():
        if name != NOT_PROPORTIONAL:
            assert case["rows"][1] < case["rows"][0], name
            assert max(case["norms"]) > 0.01, name
            assert max(case["gradients"]) < 1e-5, (name, case)


def test_the_weights_are_equal(measured):
    assert measured["five updates"]["steps"] == [10, 10]
    for name, case in measured.items():
        # One optimizer step for each mini-batch, those without a live row too: momentum and schedule are verl's.
        assert case["steps"][0] == case["steps"][1] >= 2, name
        if name != NOT_PROPORTIONAL:
            assert case["weights"] < 1e-4, (name, case)


def test_a_loss_that_is_not_proportional_would_show(measured):
    assert max(measured[NOT_PROPORTIONAL]["gradients"]) > 1e-3


def test_every_policy_loss_of_verl_is_known():
    from verl.trainer.ppo.core_algos import POLICY_LOSS_REGISTRY

    others = {"sapo", "clip_cov", "kl_cov", "geo_mean", "dro", "bypass_mode"}
    assert set(POLICY_LOSS_REGISTRY) == {*LINEAR_LOSSES, *others}


def config_with(**changed):
    actor = {
        "use_kl_loss": False,
        "entropy_coeff": 0,
        "shuffle": False,
        "strategy": "fsdp2",
        "loss_agg_mode": "token-mean",
        "loss_scale_factor": None,
        "policy_loss": {"loss_mode": "vanilla"},
    }
    algorithm = {"skip_dead_rows": changed.pop("stock")} if "stock" in changed else {}
    return OmegaConf.create({"actor_rollout_ref": {"actor": {**actor, **changed}}, "algorithm": algorithm})


OBSTACLES = {
    "use_kl_loss=True gives every row a gradient": {"use_kl_loss": True},
    "entropy_coeff=0.01 gives every row a gradient": {"entropy_coeff": 0.01},
    "shuffle=True": {"shuffle": True},
    "policy_loss.loss_mode=clip_cov is not proportional": {"policy_loss": {"loss_mode": "clip_cov"}},
    "loss_scale_factor is set": {"loss_agg_mode": "seq-mean-token-sum-norm"},
    "strategy=megatron was not tested": {"strategy": "megatron"},
}


@pytest.mark.parametrize("reason", OBSTACLES)
def test_auto_stands_back_and_true_says_why(reason):
    config = config_with(**OBSTACLES[reason])
    assert not skips_dead_rows(config, CareConfig())
    with pytest.raises(CareConfigError) as error:
        skips_dead_rows(config, CareConfig(skip_dead_rows=True))
    assert "algorithm.care.skip_dead_rows=True" in str(error.value) and reason in str(error.value)


def test_who_skips():
    assert skips_dead_rows(config_with(), CareConfig())
    assert not skips_dead_rows(config_with(), CareConfig(skip_dead_rows=False))
    norm = config_with(loss_agg_mode="seq-mean-token-sum-norm", loss_scale_factor=512)
    assert skips_dead_rows(norm, CareConfig(skip_dead_rows=True))
    # Another estimator is left as it is unless it asks.
    assert not skips_dead_rows(config_with(), None)
    assert skips_dead_rows(config_with(stock=True), None)
    with pytest.raises(CareConfigError, match=r"algorithm.skip_dead_rows='yes'"):
        skips_dead_rows(config_with(stock="yes"), None)


def test_the_kl_of_taught_rows_is_an_objective_to_be_asked_for():
    with_kl = config_with(use_kl_loss=True)
    assert not skips_dead_rows(with_kl, CareConfig())
    assert skips_dead_rows(with_kl, CareConfig(kl_taught_rows_only=True))
    with pytest.raises(CareConfigError, match=r"set actor_rollout_ref.actor.use_kl_loss=True too"):
        skips_dead_rows(config_with(), CareConfig(kl_taught_rows_only=True))
