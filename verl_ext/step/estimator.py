# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Our entries in verl's estimator registry, and the handoff that feeds them.

verl gives a custom estimator neither responses nor embeddings nor verdicts, so the CARE-aware trainer computes the
token advantages itself and leaves them here while verl's own ``_compute_advantage`` runs. Everything around the
estimator (importance weights, write-back) thereby stays verl's. It can shrink when verl hands estimators the whole
batch (verl#7473).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from types import ModuleType
from typing import NamedTuple

import torch

from recipe.care.errors import CareConfigError, CareDataError
from recipe.care.method.credit import scale_for_loss_agg
from recipe.estimators.registry import estimators


class _Handoff(NamedTuple):
    token_advantages_BT: torch.Tensor
    loss_agg_mode: str | None


_handoff: ContextVar[_Handoff | None] = ContextVar("care_token_advantages", default=None)


@contextlib.contextmanager
def token_advantages_for_verl(token_advantages_BT: torch.Tensor, loss_agg_mode: str | None) -> Iterator[None]:
    """Hand token advantages to the estimator within the block.

    Args:
        token_advantages_BT: (B, T) in the order of the batch's keys; a row's add up to its advantage.
        loss_agg_mode: ``actor_rollout_ref.actor.loss_agg_mode``, which the estimator scales them for; None for
            advantages that are each token's own already, as GRPO's are.
    """
    token = _handoff.set(_Handoff(token_advantages_BT, loss_agg_mode))
    try:
        yield
    finally:
        _handoff.reset(token)


def care_estimator(
    token_level_rewards: torch.Tensor,
    response_mask: torch.Tensor,
    config: object = None,
    index: Sequence[object] | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Verl's estimator interface: return the advantages the CARE-aware trainer has computed for this batch.

    Args:
        token_level_rewards: (B, T), unused; CARE reads rewards and verdicts by field.
        response_mask: (B, T) mask after verl's own rejection sampling, if any.
        config: verl's ``algorithm`` node, unused.
        index: group ids, unused.

    Returns:
        Advantages and returns, both (B, T).
    """
    handoff = _handoff.get()
    if handoff is None:
        raise CareConfigError(
            "algorithm.adv_estimator=care, as every estimator of this plugin, needs a CARE-aware trainer: verl's V1 "
            "trainer (trainer.use_v1=true) with the plugin installed in every process; `care doctor` says what is "
            "missing."
        )
    advantages_BT = handoff.token_advantages_BT
    if advantages_BT.shape != response_mask.shape:
        raise CareDataError(
            f"CARE computed advantages for {tuple(advantages_BT.shape)} tokens but verl asks for "
            f"{tuple(response_mask.shape)}: the batch was changed in between."
        )
    # Only here is the mask final: rejection may have taken tokens out, and verl's means then have fewer to divide by.
    own_BT = advantages_BT * response_mask
    if handoff.loss_agg_mode is not None:
        own_BT = scale_for_loss_agg(own_BT, response_mask, handoff.loss_agg_mode)
    return own_BT, own_BT


def install(core_algos: ModuleType) -> None:
    """Register with verl the estimators that are known by now, ``care`` among them."""
    for name in estimators():
        register(core_algos, name)


def register(core_algos: ModuleType, name: str) -> None:
    """Register one name with verl; what belongs to it comes with the handoff.

    Raises:
        CareConfigError: verl has an estimator of this name.
    """
    try:
        core_algos.register_adv_est(name)(care_estimator)
    except ValueError as error:
        raise CareConfigError(f"estimator {name}: verl has one of this name; take another name.") from error
