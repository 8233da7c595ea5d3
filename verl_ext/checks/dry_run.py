# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""``care dry-run OVERRIDES...``: resolve and validate a training command without running it.

Takes the overrides of ``python -m verl.trainer.main_ppo``, groups such as ``+method=dapo`` among them, composes the
same Hydra configuration, resolves every interpolation and runs verl's and CARE's own validation. Needs no GPU, model or
data. With ``--show KEY`` it prints a part of the result.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence

from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from recipe.care.config import CareConfig
from recipe.care.errors import CareError
from recipe.estimators.registry import estimators
from verl_ext.checks.rollout import check_context, check_lengths, check_load_format, check_weight_transfer
from verl_ext.checks.validation import ESTIMATOR, chosen_estimator, dynamic_sampling

INVALID = (
    CareError,
    HydraException,
    OmegaConfBaseException,
    ValueError,
    TypeError,
    AssertionError,
    NotImplementedError,
)
"""What Hydra, verl and CARE raise over a configuration that cannot work."""


def compose(overrides: Sequence[str], *, trainer: str = "ppo_trainer", resolve: bool = True) -> DictConfig:
    """The configuration a verl trainer would run with, fully resolved unless ``resolve`` is false.

    Args:
        overrides: As on the command line.
        trainer: Verl's name of the trainer's configuration; ``ppo_trainer`` is ``main_ppo``'s.
        resolve: Whether to replace interpolations by their values.
    """
    from hydra import compose as hydra_compose
    from hydra import initialize_config_module

    with initialize_config_module("verl.trainer.config", version_base=None):
        config = hydra_compose(trainer, overrides=list(overrides))
    if resolve:
        OmegaConf.resolve(config)
    return config


def validate(config: DictConfig) -> None:
    """Verl's start-up validation, which the plugin extends for its estimators, and what verl checks later.

    Raises:
        ValueError: A setting cannot work; also other types of ``INVALID``.
    """
    from verl.trainer.ppo.utils import need_critic, need_reference_policy
    from verl.utils.config import validate_config

    check_numbers(config)
    _check_estimator(config)
    _check_rollout_gpus(config)
    check_load_format(config)
    check_lengths(config)
    check_context(config)
    check_weight_transfer(config)
    validate_config(config=config, use_reference_policy=need_reference_policy(config), use_critic=need_critic(config))


def check_numbers(config: DictConfig) -> None:
    """Refuse what a trainer would stumble over when it first calculates with it."""
    for key in ("trainer.nnodes", "trainer.n_gpus_per_node"):
        _count(config, key)
    steps = config.trainer.total_training_steps
    if steps is not None and type(steps) is not int:
        raise ValueError(
            f"trainer.total_training_steps={steps!r}: must be a whole number, or null to train for "
            "trainer.total_epochs epochs."
        )


def _count(config: DictConfig, key: str) -> int:
    """A setting that counts things, of which there must be one at least."""
    value = OmegaConf.select(config, key)
    if type(value) is not int or value < 1:
        raise ValueError(f"{key}={value!r}: must be a whole number, 1 or more.")
    return value


def _check_estimator(config: DictConfig) -> None:
    """Verl looks the estimator up only in the first step."""
    from verl.trainer.ppo.core_algos import ADV_ESTIMATOR_REGISTRY

    name = str(config.algorithm.adv_estimator)
    if ESTIMATOR in ADV_ESTIMATOR_REGISTRY:  # the plugin is at work here
        chosen_estimator(config)
    if name in ADV_ESTIMATOR_REGISTRY:
        return
    remedy = f"set it to one of {', '.join(sorted(ADV_ESTIMATOR_REGISTRY))}"
    if name in estimators():
        remedy = (
            "the plugin is not loaded here. Install the package (pip install -e .), unset "
            f"VERL_USE_EXTERNAL_PLUGINS=none, or {remedy}"
        )
    raise ValueError(f"algorithm.adv_estimator={name}: unknown advantage estimator; {remedy}.")


def _check_rollout_gpus(config: DictConfig) -> None:
    """Engines take equal parts of the GPUs that they share with the trainer; what is over would be in none."""
    rollout, trainer = config.actor_rollout_ref.rollout, config.trainer
    # Separate rollouts have GPUs of their own; with prefill and decoding apart an engine's size is another one.
    if trainer.v1.trainer_mode == "separate_async" or rollout.get("disaggregation", {}).get("enabled", False):
        return
    keys = [f"actor_rollout_ref.rollout.{kind}_parallel_size" for kind in ("tensor_model", "pipeline_model", "data")]
    sizes = {key: _count(config, key) for key in keys}
    gpus, engine = trainer.nnodes * trainer.n_gpus_per_node, math.prod(sizes.values())
    if gpus % engine:
        named = ", ".join(f"{key}={size}" for key, size in sizes.items() if size > 1)
        raise ValueError(
            f"{named}: an engine of {engine} GPUs does not divide the {gpus} of trainer.nnodes={trainer.nnodes} x "
            f"trainer.n_gpus_per_node={trainer.n_gpus_per_node}. Lower it to a divisor (ROLLOUT_TP of the scripts), or "
            "change the GPUs (NGPUS_PER_NODE)."
        )


def summary(config: DictConfig) -> str:
    """What a user wants to see before spending GPU hours."""
    rollout, actor = config.actor_rollout_ref.rollout, config.actor_rollout_ref.actor
    lines = [
        f"estimator       {config.algorithm.adv_estimator} ({config.trainer.v1.trainer_mode})",
        f"model           {config.actor_rollout_ref.model.path}",
        f"train files     {config.data.train_files}",
        f"devices         {config.trainer.nnodes} node(s) x {config.trainer.n_gpus_per_node} {config.trainer.device}",
        f"batch           {config.data.train_batch_size} prompts x {rollout.n} rollouts, "
        f"mini-batch {actor.ppo_mini_batch_size} prompts",
        f"lengths         prompt {config.data.max_prompt_length}, response {config.data.max_response_length} tokens",
        f"objective       {actor.loss_agg_mode}, clip {actor.clip_ratio_low}/{actor.clip_ratio_high}, "
        f"KL {actor.kl_loss_coef if actor.use_kl_loss else 'off'}, lr {actor.optim.lr}",
    ]
    if actor.policy_loss.loss_mode != "vanilla":
        lines.append(f"policy loss     {actor.policy_loss.loss_mode}")
    if sampling := dynamic_sampling(config):
        lines.append(f"sampling        groups all alike in {sampling.metric} are replaced")
    if config.actor_rollout_ref.model.lora_rank:
        lines.append(f"adapters        LoRA, rank {config.actor_rollout_ref.model.lora_rank}")
    if context := check_context(config):
        lines.append(f"context         {context}")
    if note := check_weight_transfer(config):
        lines.append(f"note            {note}")
    if config.algorithm.adv_estimator == ESTIMATOR:
        lines.append(f"care            {CareConfig.of_run(config.algorithm.get('care'))}")
    elif chosen := chosen_estimator(config):
        lines.append(f"settings        {chosen.settings}")
    return "\n".join(lines)


def in_a_line(error: Exception) -> str:
    """What one of ``INVALID`` says, and what it means where Hydra and Python leave that open."""
    text = " ".join(str(error).split())
    if isinstance(error, OverrideParseException):
        return (
            f"{error.override}: {text} Write key=value, for options of Hydra's own command line can not be checked; a "
            """value that holds one of = , ( ) { } [ ] needs quotes that reach Hydra: 'key="a=b"'."""
        )
    if isinstance(error, MissingConfigException):
        # It ends with every folder that was looked in.
        return text.partition(" Config search path:")[0]
    if isinstance(error, ConfigCompositionException):
        return f"{text} (if the key is spelt right: verl does not list it)"
    if isinstance(error, TypeError):
        return f"a setting is of the wrong type ({text})"
    return text


def dry_run(
    arguments: Sequence[str] | None,
    parser: argparse.ArgumentParser,
    trainer: str,
    check: Callable[[DictConfig], None],
    describe: Callable[[DictConfig], str],
) -> int:
    """Compose, check and describe the configuration of a command line; returns the exit status.

    Args:
        arguments: The command line; by default this process's.
        parser: For its ``--help``.
        trainer: As for ``compose``.
        check: Raises one of ``INVALID`` over a configuration that cannot work.
        describe: What to print of a valid one.
    """
    parser.add_argument("--show", metavar="KEY", help="also print this part of the resolved configuration, as YAML")
    options, overrides = parser.parse_known_args(arguments)
    try:
        config = compose(overrides, trainer=trainer)
        check(config)
    except INVALID as error:
        print(f"invalid: {in_a_line(error)}", file=sys.stderr)
        return 2
    print(describe(config))
    if options.show:
        shown = OmegaConf.select(config, options.show, throw_on_missing=True)
        print(OmegaConf.to_yaml(shown) if OmegaConf.is_config(shown) else shown)
    print("The configuration is valid.")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="care dry-run", usage="%(prog)s [-h] [--show KEY] [OVERRIDE ...]", description=__doc__
    )
    return dry_run(arguments, parser, "ppo_trainer", validate, summary)


if __name__ == "__main__":
    sys.exit(main())
