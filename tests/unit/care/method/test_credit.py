# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""How a row's advantage is spread over its tokens, and that verl's loss then weighs the row as GRPO's would."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from verl.trainer.ppo.core_algos import agg_loss, compute_policy_loss_vanilla, kl_penalty
from verl.workers.config import ActorConfig

from recipe.care.config import CareConfig, RegionsConfig
from recipe.care.errors import CareConfigError
from recipe.care.method.credit import LOSS_AGG_MODES, check_loss_agg_mode, scale_for_loss_agg, token_advantages
from recipe.care.method.metrics import REGION_METRICS, region_masses, row_masses
from recipe.care.text.regions import Regions

OFF = CareConfig(regions=RegionsConfig(enable=False))
EVEN = CareConfig(regions=RegionsConfig(gamma_pos=0.5))
SHARE = CareConfig(regions=RegionsConfig(rationale_share=0.25))

each_mode = pytest.mark.parametrize("mode", LOSS_AGG_MODES)


def drawn(*rows: str) -> tuple[torch.Tensor, Regions]:
    """The mask and regions of rows drawn with ``t`` rationale, ``a`` answer, ``b`` both, ``.`` neither, ``-`` padding.

    Lengths are never read here, so they are left at 0.
    """
    cells = np.array([list(row) for row in rows])
    think, answer = np.isin(cells, ["t", "b"]), np.isin(cells, ["a", "b"])
    nothing = torch.zeros(len(rows), dtype=torch.int64)
    regions = Regions(torch.from_numpy(think), torch.from_numpy(answer), nothing, nothing)
    return torch.from_numpy(cells != "-").long(), regions


def spread(config: CareConfig, advantage: float, acc: float, row: str) -> list[float]:
    mask, regions = drawn(row)
    return token_advantages(torch.tensor([advantage]), mask, regions, torch.tensor([acc]), config)[0].tolist()


def test_gamma_weighs_the_rationale_of_a_correct_row() -> None:
    """Weights .5 .5 0 1 1 0 sum to 3, and A = 6: .5 * 6/3 = 1 and 1 * 6/3 = 2."""
    assert spread(EVEN, 6.0, 1, "tt.aa-") == pytest.approx([1, 1, 0, 2, 2, 0])


def test_a_wrong_rows_rationale_weighs_nothing() -> None:
    """Weights 0 0 0 1 1 0 sum to 2, and A = -3: -1.5 on each answer token."""
    assert spread(EVEN, -3.0, 0, "tt.aa-") == pytest.approx([0, 0, 0, -1.5, -1.5, 0])


def test_the_papers_gamma_at_the_papers_lengths() -> None:
    """300 rationale tokens at .005 weigh 1.5, 4 answer tokens weigh 4: the rationale gets 1.5 / 5.5 = 27%."""
    mask, regions = drawn("t" * 300 + "a" * 4)
    tokens = token_advantages(torch.ones(1), mask, regions, torch.ones(1), CareConfig())
    assert row_masses(tokens, regions).rationale.item() == pytest.approx(1.5 / 5.5)


def test_share_ignores_the_lengths() -> None:
    """A = 8: the rationale gets .25 * 8 = 2, over 4 tokens .5 each; the answer's one token gets the other 6."""
    assert spread(SHARE, 8.0, 1, "tttt.a") == pytest.approx([0.5, 0.5, 0.5, 0.5, 0, 6])


def test_share_without_rationale_tokens_goes_to_the_answer() -> None:
    """A = 8 over two answer tokens, 4 each."""
    assert spread(SHARE, 8.0, 1, ".aa") == pytest.approx([0, 4, 4])


def test_share_of_a_wrong_row_is_all_the_answers() -> None:
    assert spread(SHARE, -8.0, 0, "tt.aa") == pytest.approx([0, 0, 0, -4, -4])


@pytest.mark.parametrize("config", [EVEN, SHARE, OFF])
@pytest.mark.parametrize("acc", [0, 1])
def test_a_row_without_an_answer_is_spread_evenly(config: CareConfig, acc: int) -> None:
    """The answer mask covers the response, and wins where the rationale's does too: 8 / 4 = 2 each."""
    assert spread(config, 8.0, acc, "bbaa-") == pytest.approx([2, 2, 2, 2, 0])


def test_regions_off_is_even_whatever_the_regions() -> None:
    assert spread(OFF, 8.0, 1, "tt.a-") == pytest.approx([2, 2, 2, 2, 0])


@pytest.mark.parametrize("config", [EVEN, SHARE, OFF])
def test_rows_without_tokens_are_zero(config: CareConfig) -> None:
    assert spread(config, 8.0, 1, "---") == [0, 0, 0]


@pytest.mark.parametrize(
    "acc", [torch.tensor([1, 0]), torch.tensor([True, False]), torch.tensor([0.9, 0.5]), np.array([1, 0])]
)
def test_verdicts_of_any_type(acc: torch.Tensor) -> None:
    """Above 0.5 is correct: row 0 has weights .5 and 1 (A = 3: 1 and 2), row 1 has 0 and 1."""
    mask, regions = drawn("ta", "ta")
    tokens = token_advantages(np.array([3.0, 3.0]), mask.numpy(), regions, acc, EVEN)
    assert tokens.flatten().tolist() == pytest.approx([1, 2, 0, 3])


def test_precision_of_long_rows() -> None:
    """2,048 tokens in float32 still sum to A within 1e-5; whole numbers become float32."""
    mask, regions = drawn("t" * 2000 + "a" * 48, "a" * 2048)
    tokens = token_advantages(torch.tensor([3, -1]), mask, regions, torch.tensor([1, 0]), CareConfig())
    assert tokens.dtype == torch.float32
    torch.testing.assert_close(tokens.sum(dim=1), torch.tensor([3.0, -1.0]), rtol=1e-5, atol=0)


def test_masses_of_rows_and_batch() -> None:
    """Credit of row 0: 1 rationale, 1 neither, 2 answer of 4. Row 1: all on the answer. Row 2: none.

    Batch: rationale (.25 + 0) / 2 rows with credit; of the one row pushed up, .25.
    """
    _, regions = drawn("t.a", "bba", "taa")
    tokens = torch.tensor([[1.0, 1, 2], [-1, -1, -2], [0, 0, 0]])
    masses = row_masses(tokens, regions)
    assert masses.rationale.tolist() == [0.25, 0, 0]
    assert masses.answer.tolist() == [0.5, 1, 0]
    assert masses.other.tolist() == [0.25, 0, 0]
    assert region_masses(tokens, regions) == {
        "care/region_mass/rationale": 0.125,
        "care/region_mass/answer": 0.75,
        "care/region_mass/other": 0.125,
        "care/region_mass/rationale_of_positives": 0.25,
    }


def test_masses_of_nothing_are_zero() -> None:
    _, regions = drawn("taa")
    assert region_masses(torch.zeros(1, 3), regions) == dict.fromkeys(REGION_METRICS, 0.0)


def test_a_failure_may_be_blamed_as_a_whole() -> None:
    """A = -1 on 8 tokens is -1/8 each, rationale, answer and what stands between alike; a correct row is as before."""
    mask, regions = drawn("tttt.aaa", "tttt.aaa")
    acc, rows = torch.tensor([0, 1]), torch.tensor([-1.0, 2.0])
    blamed = token_advantages(rows, mask, regions, acc, CareConfig(regions=RegionsConfig(blame="response")))
    papers = token_advantages(rows, mask, regions, acc, CareConfig())
    torch.testing.assert_close(blamed[0], torch.full((8,), -1 / 8))
    torch.testing.assert_close(papers[0], torch.tensor([0, 0, 0, 0, 0, -1 / 3, -1 / 3, -1 / 3]))
    assert torch.equal(blamed[1], papers[1])


# What follows runs verl's own loss on a toy policy.
ADVANTAGES = torch.tensor([1.5, -0.5, 0.25, -2.0, 1.0])
ACC = torch.tensor([1, 0, 1, 0, 1])
DRAWING = ("ttttttt.aaa-", "ttt.aa------", "bbbbbbbbbbbb", "aa----------", "------------")
# What verl passes when a mini-batch is split over micro-batches or data-parallel ranks.
SPLITS: dict[str, dict[str, int]] = {
    "whole": {},
    "split": {"dp_size": 2, "batch_num_tokens": 77, "global_batch_size": 9, "loss_scale_factor": 16},
}


def care_rows(config: CareConfig, mode: str | None) -> tuple[torch.Tensor, torch.Tensor]:
    """CARE's token advantages for ``mode`` (None: unscaled) and the mask."""
    mask, regions = drawn(*DRAWING)
    tokens = token_advantages(ADVANTAGES, mask, regions, ACC, config)
    return (tokens if mode is None else scale_for_loss_agg(tokens, mask, mode)), mask


def grpo_rows(mask: torch.Tensor) -> torch.Tensor:
    return ADVANTAGES[:, None] * mask


def policy_logp() -> Callable[[torch.Tensor], torch.Tensor]:
    """A softmax policy over five tokens; the shift (B, 1) is added to all log-probabilities of a row."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(*drawn(*DRAWING)[0].shape, 5, generator=generator)
    actions = torch.randint(5, (*logits.shape[:2], 1), generator=generator)
    return lambda shift: logits.log_softmax(-1).gather(-1, actions).squeeze(-1) + shift


def row_gradient(loss_of: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
    """The loss's gradient with respect to each row's shift: the row's total policy-gradient weight."""
    shift = torch.zeros(len(ADVANTAGES), 1, requires_grad=True)
    loss_of(policy_logp()(shift)).backward()
    assert shift.grad is not None
    return shift.grad.squeeze(1)


def weights(advantages: torch.Tensor, mask: torch.Tensor, mode: str, **split: int) -> torch.Tensor:
    """(B, T) gradient of verl's loss with respect to each token's ratio."""
    ratio = torch.ones_like(advantages, requires_grad=True)
    agg_loss(-(advantages * ratio), mask, mode, **split).backward()
    assert ratio.grad is not None
    return ratio.grad


def test_all_of_verls_modes_are_known() -> None:
    """The trainer refuses any other; a mode it gains later must be checked here before CARE takes it."""
    for mode in LOSS_AGG_MODES:
        assert actor(mode).loss_agg_mode == mode
    with pytest.raises(ValueError, match="Invalid loss_agg_mode"):
        actor("seq-median")


def actor(mode: str) -> ActorConfig:
    return ActorConfig(
        strategy="fsdp", rollout_n=1, ppo_mini_batch_size=1, ppo_micro_batch_size_per_gpu=1, loss_agg_mode=mode
    )


@each_mode
def test_regions_off_is_grpo_token_by_token(mode: str) -> None:
    """a_t = A / n, times n, is A again; so are loss and weights."""
    tokens, mask = care_rows(OFF, mode)
    torch.testing.assert_close(tokens, grpo_rows(mask))
    torch.testing.assert_close(weights(tokens, mask, mode), weights(grpo_rows(mask), mask, mode))


@each_mode
@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("config", [CareConfig(), EVEN, SHARE])
def test_a_row_weighs_what_grpo_gives_it(mode: str, split: str, config: CareConfig) -> None:
    """Row by row, the token weights sum to those of a GRPO row of the same A, however they are spread."""
    tokens, mask = care_rows(config, mode)
    care, grpo = (weights(each, mask, mode, **SPLITS[split]) for each in (tokens, grpo_rows(mask)))
    torch.testing.assert_close(care.sum(dim=1), grpo.sum(dim=1), rtol=1e-5, atol=1e-8)
    assert not torch.allclose(care[0], grpo[0])


@each_mode
@pytest.mark.parametrize("config", [CareConfig(), EVEN, SHARE, OFF])
def test_raising_a_rows_logp_pays_as_in_grpo(mode: str, config: CareConfig) -> None:
    """The gradient along one shift of all a row's log-probabilities is the row's total weight, with its sign turned."""
    tokens, mask = care_rows(config, mode)
    old = policy_logp()(torch.zeros(()))

    def loss_of(advantages: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
        return lambda logp: agg_loss(-(advantages * (logp - old).exp()), mask, mode)

    care, grpo = row_gradient(loss_of(tokens)), row_gradient(loss_of(grpo_rows(mask)))
    torch.testing.assert_close(care, grpo, rtol=1e-5, atol=1e-8)
    assert (grpo[:4].sign() == -ADVANTAGES[:4].sign()).all()


@each_mode
def test_without_the_scale_the_row_shrinks_by_its_length(mode: str) -> None:
    """A user who only swaps the estimator would train rows of 11, 6, 12 and 2 tokens 11, 6, 12 and 2 times slower."""
    tokens, mask = care_rows(CareConfig(), None)
    care, grpo = weights(tokens, mask, mode).sum(dim=1), weights(grpo_rows(mask), mask, mode).sum(dim=1)
    torch.testing.assert_close(grpo[:4] / care[:4], torch.tensor([11.0, 6.0, 12.0, 2.0]))


@each_mode
def test_the_balance_with_the_kl_term_is_grpos(mode: str) -> None:
    """The clipped loss plus beta * KL: scaled, a row's gradient is GRPO's; unscaled, KL outweighs the advantage."""
    beta, config = 0.5, actor(mode)
    tokens, mask = care_rows(CareConfig(), mode)
    unscaled, _ = care_rows(CareConfig(), None)
    old = policy_logp()(torch.zeros(()))
    reference = old - 0.3

    def kl_of(logp: torch.Tensor) -> torch.Tensor:
        return beta * agg_loss(kl_penalty(logp, reference, "low_var_kl"), mask, mode)

    def loss_of(advantages: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
        return lambda logp: (
            compute_policy_loss_vanilla(old, logp, advantages, mask, loss_agg_mode=mode, config=config)[0] + kl_of(logp)
        )

    care, grpo = row_gradient(loss_of(tokens)), row_gradient(loss_of(grpo_rows(mask)))
    torch.testing.assert_close(care, grpo, rtol=1e-5, atol=1e-8)
    # With KL's share taken out, the policy's share of the unscaled row 0 is an eleventh of GRPO's.
    kl = row_gradient(kl_of)
    shrunk = row_gradient(loss_of(unscaled))
    assert ((grpo - kl) / (shrunk - kl))[0].item() == pytest.approx(11, rel=1e-4)


def test_scale_is_the_response_length() -> None:
    """Mask holes count as they do in verl: not at all. Lengths 2 and 0."""
    mask = torch.tensor([[1, 0, 1], [0, 0, 0]])
    scaled = scale_for_loss_agg(torch.tensor([[0.5, 0, 0.25], [0, 0, 0]]), mask, "token-mean")
    assert scaled.tolist() == [[1, 0, 0.5], [0, 0, 0]]


@pytest.mark.parametrize("mode", ["seq-mean", "token_mean", ""])
def test_unknown_modes_are_refused(mode: str) -> None:
    """Key, value and what would work, all in the text."""
    for refuse in (check_loss_agg_mode, lambda each: scale_for_loss_agg(torch.ones(1, 1), torch.ones(1, 1), each)):
        with pytest.raises(CareConfigError, match=r"^actor_rollout_ref\.actor\.loss_agg_mode=") as caught:
            refuse(mode)
        assert repr(mode) in str(caught.value)
        assert all(known in str(caught.value) for known in LOSS_AGG_MODES)
