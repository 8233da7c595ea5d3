# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Who leaves unread rows out of the log-prob pass."""

import dataclasses

import pytest
from omegaconf import OmegaConf

from recipe.care.config import CareConfig, RgrConfig
from verl_ext.step.skip import skips_unread_rows

NO_REPAIRS = CareConfig(rgr=RgrConfig(enable=False))


def config_with(recorded=True, stock=None, **correction):
    rollout = {"calculate_log_probs": recorded}
    algorithm = {"adv_estimator": "care", "use_kl_in_reward": False, **(stock or {})}
    algorithm["rollout_correction"] = correction or None
    return OmegaConf.create({"actor_rollout_ref": {"rollout": rollout}, "algorithm": algorithm})


def test_what_was_sampled_must_have_been_recorded():
    assert skips_unread_rows(config_with(), NO_REPAIRS)
    assert not skips_unread_rows(config_with(recorded=False), NO_REPAIRS)
    # Repairs have the rollout record it.
    assert skips_unread_rows(config_with(recorded=False), CareConfig())


@pytest.mark.parametrize("correction", [{"rollout_is": "token"}, {"rollout_rs": "seq_k1"}, {"bypass_mode": True}])
def test_not_where_the_rollout_is_corrected(correction):
    assert not skips_unread_rows(config_with(**correction), CareConfig())
    assert skips_unread_rows(config_with(rollout_is=None, bypass_mode=False), CareConfig())


def test_it_can_be_switched_off():
    assert not skips_unread_rows(config_with(), dataclasses.replace(CareConfig(), skip_dead_rows=False))


def test_grpo_asks_for_it_and_others_cannot():
    asks = {"adv_estimator": "grpo", "skip_dead_rows": True}
    assert skips_unread_rows(config_with(stock=asks), None)
    assert not skips_unread_rows(config_with(stock={**asks, "skip_dead_rows": False}), None)
    assert not skips_unread_rows(config_with(stock=asks, recorded=False), None)
    # Advantages that need log-probabilities, or what is not told from rewards alone.
    assert not skips_unread_rows(config_with(stock={**asks, "use_kl_in_reward": True}), None)
    assert not skips_unread_rows(config_with(stock={**asks, "adv_estimator": "reinforce_plus_plus"}), None)
