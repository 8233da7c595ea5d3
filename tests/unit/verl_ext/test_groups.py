# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The groups of ``recipe/care/conf`` in a worker of Ray, which has neither the driver's modules nor its directory."""

import os

import ray
from omegaconf import OmegaConf


def test_a_worker_of_ray_finds_the_groups(transfer_queue, tmp_path):
    @ray.remote(num_cpus=0)
    def composed(folder: str) -> dict:
        from hydra import compose, initialize_config_module

        os.chdir(folder)
        with initialize_config_module("verl.trainer.config", version_base=None):
            config = compose("ppo_trainer", ["+method=gspo", "+care=best", "algorithm.care.k=3"])
        return {
            "care": OmegaConf.to_container(config.algorithm.care),
            "loss": config.actor_rollout_ref.actor.policy_loss.loss_mode,
        }

    assert ray.get(composed.remote(str(tmp_path))) == {"care": {"preset": "best", "k": 3}, "loss": "gspo"}
