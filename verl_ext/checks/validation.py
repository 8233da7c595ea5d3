# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Refuse a CARE run that cannot work, before Ray starts or a model loads, with the full key and the remedy."""

from __future__ import annotations

import functools
import logging
from types import ModuleType
from typing import TYPE_CHECKING, NoReturn

from recipe.alarms.table import NAMES
from recipe.care.config import AlarmsConfig, CareConfig
from recipe.care.errors import CareConfigError
from recipe.care.method.credit import check_loss_agg_mode
from recipe.estimators.group import Need
from recipe.estimators.registry import FILE_KEY, Configured, estimators, find, load
from verl_ext import hooks
from verl_ext.checks.rollout import check_lengths, check_load_format
from verl_ext.step.estimator import register

if TYPE_CHECKING:
    from omegaconf import DictConfig

logger = logging.getLogger(__name__)

ESTIMATOR = "care"
EMBEDDING_STRATEGIES = ("fsdp", "fsdp2")
"""Actor strategies whose engine can return them."""
REFUSED_POLICY_LOSSES = {
    "geo_mean": "averages the advantages of a row before it weighs them, which undoes CARE's token weights",
}
"""verl's policy losses under which CARE's token advantages would not mean what they say."""
TRAINER_MODES = ("sync", "colocate_async", "separate_async")

_NO_EMBEDDINGS = "use algorithm.care.distance=lexical (or selector=random), which need no hidden states"


def chooses_care(config: DictConfig) -> bool:
    """Whether this verl run trains with CARE."""
    return bool(config.algorithm.adv_estimator == ESTIMATOR)


def needs_embeddings(care: CareConfig) -> bool:
    """Whether hard negatives are chosen by the policy's hidden states."""
    return care.measured_by == "hidden"


def validate_run(config: DictConfig) -> CareConfig:
    """Check ``algorithm.care`` and everything in the rest of verl's config that CARE depends on.

    Args:
        config: verl's whole configuration, with ``algorithm.adv_estimator=care``.

    Returns:
        The validated ``algorithm.care``.

    Raises:
        CareConfigError: Something would not work; the text names the key, the value and the remedy.
    """
    check_hooks()
    care = CareConfig.of_run(config.algorithm.get("care"))
    check_trainer(config)
    _check_rollout(config)
    _check_objective(config)
    if needs_embeddings(care):
        check_embeddings(config, f"algorithm.care.selector={care.selector}", _NO_EMBEDDINGS)
    if care.rgr.enable:
        _check_repairs(config, care)
    return care


def check_hooks(estimator: str = ESTIMATOR) -> None:
    """Refuse a run whose verl could not be adapted, with the cause."""
    if hooks.FAILURES:
        causes = "; ".join(f"{name}: {type(error).__name__}: {error}" for name, error in hooks.FAILURES.items())
        raise CareConfigError(
            f"algorithm.adv_estimator={estimator}: the plugin could not adapt verl ({causes}). "
            "`care doctor` compares versions."
        )


def validate_alarms(config: DictConfig) -> AlarmsConfig:
    """Check ``algorithm.care.alarms``, which a run of any estimator may set.

    Raises:
        CareConfigError: It names an alarm that does not exist, or would end the run without a checkpoint.
    """
    alarms = AlarmsConfig.of_run(config.algorithm.get("care"))
    key = "algorithm.care.alarms.stop"
    if unknown := [name for name in alarms.stop if name not in NAMES]:
        raise CareConfigError(
            f"{key}={list(alarms.stop)}: there is no alarm {unknown[0]!r}. Known: {', '.join(NAMES)}."
        )
    if alarms.stop and not alarms.enable:
        raise CareConfigError(f"{key}={list(alarms.stop)}: needs algorithm.care.alarms.enable=true.")
    if alarms.stop and config.trainer.save_freq <= 0:
        raise CareConfigError(
            f"{key}={list(alarms.stop)}: would end the run without a checkpoint; set trainer.save_freq above 0."
        )
    return alarms


def _refuse(key: str, value: object, remedy: str, estimator: str = ESTIMATOR) -> NoReturn:
    raise CareConfigError(f"{key}={value!r}: {remedy} (algorithm.adv_estimator={estimator}).")


def check_trainer(config: DictConfig, estimator: str = ESTIMATOR) -> None:
    """Refuse another trainer than those the plugin extends."""
    if not config.trainer.use_v1:
        remedy = "it runs in verl's V1 trainer; set it to true"
        _refuse("trainer.use_v1", config.trainer.use_v1, remedy, estimator)
    mode = config.trainer.v1.trainer_mode
    if mode not in TRAINER_MODES:
        _refuse("trainer.v1.trainer_mode", mode, f"must be one of {', '.join(TRAINER_MODES)}", estimator)


def _check_rollout(config: DictConfig) -> None:
    n = config.actor_rollout_ref.rollout.n
    if n < 2:
        remedy = "a group needs at least a correct and a failed rollout; set it to 2 or more (the paper's G is 8)"
        _refuse("actor_rollout_ref.rollout.n", n, remedy)
    check_lengths(config)
    check_load_format(config)


def _check_objective(config: DictConfig) -> None:
    check_loss_agg_mode(config.actor_rollout_ref.actor.loss_agg_mode)
    loss = config.actor_rollout_ref.actor.policy_loss.get("loss_mode", "vanilla")
    if loss in REFUSED_POLICY_LOSSES:
        remedy = f"{REFUSED_POLICY_LOSSES[loss]}; set it to vanilla (verl's default), gspo or cispo"
        _refuse("actor_rollout_ref.actor.policy_loss.loss_mode", loss, remedy)
    correction = config.algorithm.get("rollout_correction")
    rejection = None if correction is None else correction.get("rollout_rs")
    if rejection is not None and correction.get("bypass_mode", False) and "token" in str(rejection):
        remedy = (
            "in bypass mode tokens are rejected inside the loss, after CARE has fitted a row's credit to its tokens: "
            "those that are left would weigh more; set algorithm.rollout_correction.bypass_mode=false, or "
            "reject whole sequences (seq_...)"
        )
        _refuse("algorithm.rollout_correction.rollout_rs", rejection, remedy)
    check_reward_kl(config)


def check_reward_kl(config: DictConfig, estimator: str = ESTIMATOR) -> None:
    """Refuse a KL term in the rewards, which verdicts and rewards of the reward function do not have."""
    if config.algorithm.use_kl_in_reward:
        remedy = "rewards are never modified; set it to false and use actor_rollout_ref.actor.use_kl_loss=true"
        _refuse("algorithm.use_kl_in_reward", True, remedy, estimator)


def check_embeddings(config: DictConfig, reader: str, instead: str, estimator: str = ESTIMATOR) -> None:
    """Refuse a run that cannot pool hidden states in the log-prob pass.

    Args:
        config: verl's.
        reader: What needs them.
        instead: What to do without them.
        estimator: Its name.
    """
    correction = config.algorithm.get("rollout_correction")
    if correction is not None and correction.get("bypass_mode", False):
        remedy = (
            f"bypass mode skips the log-prob pass that {reader} takes its hidden states from; set it to false, or "
            f"{instead}"
        )
        _refuse("algorithm.rollout_correction.bypass_mode", True, remedy, estimator)
    strategy = config.actor_rollout_ref.actor.strategy
    if strategy not in EMBEDDING_STRATEGIES:
        remedy = f"this backend does not return the hidden states that {reader} needs; use fsdp or fsdp2, or {instead}"
        _refuse("actor_rollout_ref.actor.strategy", strategy, remedy, estimator)


def _check_repairs(config: DictConfig, care: CareConfig) -> None:
    """A repair replaces a row's tokens; what verl recorded token by token of the rollout would no longer fit."""
    off = "set it to false, or switch repairs off with +algorithm.care.rgr.enable=false"
    if config.actor_rollout_ref.rollout.get("enable_rollout_routing_replay", False):
        _refuse(
            "actor_rollout_ref.rollout.enable_rollout_routing_replay", True, f"repaired rows have no routing; {off}"
        )
    distillation = config.get("distillation")
    if distillation is not None and distillation.get("enabled", False):
        _refuse("distillation.enabled", True, f"repaired rows have no teacher log-probabilities; {off}")
    size = config.actor_rollout_ref.rollout.n
    if care.rgr.replacements(0, size) < 1:
        remedy = f"is less than one of actor_rollout_ref.rollout.n={size} rollouts, so none is repaired; raise it"
        _refuse("algorithm.care.rgr.fill_to", care.rgr.fill_to, remedy)
    sampling = dynamic_sampling(config)
    if sampling is not None and sampling.metric == "reward" and care.rgr.groups != "mixed":
        logger.warning(
            f"algorithm.filter_groups.metric={sampling.metric} drops a group whose rollouts all got the same reward, "
            f"also where a repair has just made it mixed (algorithm.care.rgr.groups={care.rgr.groups}). Set "
            "algorithm.filter_groups.metric=acc, which repairs change."
        )
    correction = config.algorithm.get("rollout_correction")
    if correction is not None and correction.get("bypass_mode", False) and care.rgr.target == "rewrite":
        logger.warning(
            "algorithm.rollout_correction.bypass_mode=true takes the sampled log-probabilities for the old ones; those "
            "of a repair were sampled after the failed rationale and the cue, which algorithm.care.rgr.target=rewrite "
            "leaves out of the row. Set +algorithm.care.rgr.target=continue, whose rows keep both."
        )


def chosen_estimator(config: DictConfig) -> Configured | None:
    """The estimator beside CARE that a run has chosen, checked and known to verl.

    Args:
        config: verl's whole configuration.

    Returns:
        None for ``care`` and for verl's own.

    Raises:
        CareConfigError: Something would not work; the text names the key, the value and the remedy.
    """
    name, file = str(config.algorithm.adv_estimator), config.algorithm.get(FILE_KEY)
    if file is not None:
        load(str(file))
    if name == ESTIMATOR or (file is None and name not in estimators()):
        return None
    chosen = find(name).configured(config.algorithm.get(name))
    # Here, since the file may be one that was loaded just now.
    from verl.trainer.ppo import core_algos

    register(core_algos, name)
    check_hooks(name)
    check_trainer(config, name)
    check_reward_kl(config, name)
    check_load_format(config)
    if Need.EMBEDDINGS in chosen.needs:
        check_embeddings(config, f"estimator {name}", "declare Need.LEXICAL in place of Need.EMBEDDINGS", name)
    if Need.REF_LOGP in chosen.needs and not config.actor_rollout_ref.actor.use_kl_loss:
        remedy = (
            f"estimator {name} reads the reference's log-probabilities, which verl computes only with a KL loss; set "
            "it to true, with actor_rollout_ref.actor.kl_loss_coef=0 if the loss is to have no such term"
        )
        _refuse("actor_rollout_ref.actor.use_kl_loss", False, remedy, name)
    return chosen


def dynamic_sampling(config: DictConfig) -> DictConfig | None:
    """The settings of verl's dynamic sampling; None where it is off."""
    sampling = config.algorithm.get("filter_groups")
    return sampling if sampling is not None and sampling.enable else None


def install(verl_config: ModuleType) -> None:
    """Let verl's own ``validate_config``, which every entry point calls first, check CARE runs too."""
    original = verl_config.validate_config

    @functools.wraps(original)
    def validate_config(config: DictConfig, use_reference_policy: bool, use_critic: bool) -> None:
        validate_alarms(config)
        if chooses_care(config):
            validate_run(config)
        else:
            chosen_estimator(config)
        original(config=config, use_reference_policy=use_reference_policy, use_critic=use_critic)

    verl_config.validate_config = validate_config  # type: ignore[attr-defined]
