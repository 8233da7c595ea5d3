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
"""``python -m verl_ext.dry_run OVERRIDES...``: resolve and validate a training command without running it.

Takes the overrides of ``python -m verl.trainer.main_ppo``, composes the same Hydra configuration, resolves every
interpolation and runs verl's and CARE's own validation. Needs no GPU, model or data. With ``--show KEY`` it prints a
part of the result.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from recipe.care.config import CareConfig
from recipe.care.errors import CareError
from verl_ext.validation import dynamic_sampling


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
    """Verl's start-up validation, which the plugin extends when the estimator is ``care``."""
    from verl.trainer.ppo.utils import need_critic, need_reference_policy
    from verl.utils.config import validate_config

    validate_config(config=config, use_reference_policy=need_reference_policy(config), use_critic=need_critic(config))


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
    if config.algorithm.adv_estimator == "care":
        lines.append(f"care            {CareConfig.from_omegaconf(config.algorithm.get('care'))}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m verl_ext.dry_run", description=__doc__)
    parser.add_argument("--show", metavar="KEY", help="also print this part of the resolved configuration, as YAML")
    options, overrides = parser.parse_known_args(arguments)
    try:
        config = compose(overrides)
        validate(config)
    except (CareError, OmegaConfBaseException, ValueError, AssertionError) as error:
        print(f"invalid: {error}", file=sys.stderr)
        return 2
    print(summary(config))
    if options.show:
        shown = OmegaConf.select(config, options.show, throw_on_missing=True)
        print(OmegaConf.to_yaml(shown) if OmegaConf.is_config(shown) else shown)
    print("The configuration is valid.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
