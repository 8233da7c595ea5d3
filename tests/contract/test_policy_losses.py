# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Which of verl's policy losses train the tokens that CARE's advantages say: verl's own code, at ratio 1."""

import pytest
import torch
from verl.trainer.ppo.core_algos import POLICY_LOSS_REGISTRY, agg_loss
from verl.workers.config import FSDPActorConfig, PolicyLossConfig

from recipe.care.method.credit import LOSS_AGG_MODES, scale_for_loss_agg
from verl_ext.checks.validation import REFUSED_POLICY_LOSSES
from verl_ext.step.estimator import care_estimator, token_advantages_for_verl

# A positive of 6 tokens, its rationale at weight 0.1, and a failure of 4, whose rationale has none.
MASK = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0]])
TOKENS = torch.tensor([[0.1, 0.1, 0.1, 0.1, 1.0, 1.0], [0.0, 0.0, -0.5, -0.5, 0.0, 0.0]])
OLD = torch.tensor([[-1.0, -0.2, -0.5, -0.9, -0.1, -0.4], [-0.3, -0.7, -0.6, -0.8, 0.0, 0.0]])
RANDOM = ("clip_cov", "kl_cov")
"""These treat a few tokens of a batch in their own way, chosen by covariance."""
NOT_A_LOSS = ("bypass_mode",)
"""This one calls another after its own correction."""


def shares(name: str) -> torch.Tensor:
    """(2, 6) of a row's gradient on its log-probabilities, what each token gets, and the row's sign."""
    policy_loss = PolicyLossConfig(loss_mode=name, dro_beta=0.1)
    config = FSDPActorConfig(
        strategy="fsdp2", rollout_n=2, ppo_micro_batch_size_per_gpu=1, policy_loss=policy_loss, clip_ratio=0.2
    )
    scaled = scale_for_loss_agg(TOKENS, MASK, "seq-mean-token-mean")
    logp = OLD.clone().requires_grad_()
    loss, _ = POLICY_LOSS_REGISTRY[name](
        old_log_prob=OLD,
        log_prob=logp,
        advantages=scaled,
        response_mask=MASK,
        loss_agg_mode="seq-mean-token-mean",
        config=config,
    )
    (gradient,) = torch.autograd.grad(loss, logp)
    return -gradient / gradient.abs().sum(dim=1, keepdim=True)


def test_every_loss_of_verl_is_judged():
    assert set(REFUSED_POLICY_LOSSES) < set(POLICY_LOSS_REGISTRY)


@pytest.mark.parametrize("name", sorted({*POLICY_LOSS_REGISTRY} - {*REFUSED_POLICY_LOSSES, *RANDOM, *NOT_A_LOSS}))
def test_a_loss_that_is_accepted_gives_each_token_its_share(name):
    expected = TOKENS / TOKENS.abs().sum(dim=1, keepdim=True)
    torch.testing.assert_close(shares(name), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", sorted(REFUSED_POLICY_LOSSES))
def test_a_loss_that_is_refused_does_not(name):
    """It averages the advantages over the row: its rationale gets 4 of 6 parts where it should get 0.4 of 2.4."""
    assert shares(name)[0, :4].sum().item() == pytest.approx(4 / 6, abs=1e-3)


@pytest.mark.parametrize("mode", LOSS_AGG_MODES)
def test_tokens_that_rejection_takes_out_leave_the_others_credit_as_it_was(mode):
    """Half of the positive's rationale is rejected; under verl's means its answer weighs what it would without."""
    rejected = MASK.clone()
    rejected[0, :2] = 0

    def weights(mask: torch.Tensor) -> torch.Tensor:
        with token_advantages_for_verl(TOKENS, mode):
            advantages, _ = care_estimator(torch.zeros_like(TOKENS), mask)
        logp = OLD.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(agg_loss(-advantages * (logp - OLD).exp(), mask, mode), logp)
        return -gradient

    before, after = weights(MASK), weights(rejected)
    assert not after[0, :2].any()
    # A mode's own denominator may change with the batch's tokens; what a row's tokens weigh against those of others may
    # not, but that in token modes a row counts by its tokens, as with GRPO.
    per_row = 1.0 if mode.startswith("seq") and mode.endswith("mean") else 4 / 6
    ratio = (after[0, 4] / after[1, 2]) / (before[0, 4] / before[1, 2])
    assert ratio.item() == pytest.approx(per_row, rel=1e-5)
