# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""One CARE step on rollouts made by hand."""

import dataclasses
import itertools
import math

import pytest
import torch

from recipe.care.config import CareConfig, RegionsConfig, RescueConfig
from recipe.care.errors import CareDataError
from recipe.care.method.metrics import METRICS, REGION_METRICS
from recipe.care.text.regions import find_regions, locate_regions
from tests.unit.verl_ext.repair.byte_tokenizer import Bytes
from verl_ext.step import compute
from verl_ext.step.compute import STEP_METRICS, Repairs, Selectable, Step, compute_step, finish_step
from verl_ext.step.rollouts import Rollouts
from verl_ext.step.verdicts import LeftOut

RIGHT, WRONG = "<think>ab</think><answer>1</answer>", "<think>abc</think><answer>2</answer>"


def make_rollouts(rows, embeddings=None, logp=None):
    """Rows are (key, text, acc, why it is left out)."""
    keys, texts, accs, left_out = map(list, zip(*rows, strict=True))
    width = max(map(len, texts))
    ids = torch.zeros(len(rows), width, dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for row, text in enumerate(texts):
        ids[row, : len(text)] = torch.tensor(list(text.encode()))
        mask[row, : len(text)] = 1
    sessions = [key.rsplit("_", 1)[0] for key in keys]
    last = [max(other for other, session in enumerate(sessions) if session == mine) for mine in sessions]
    return Rollouts(
        keys=keys,
        group=[key.rsplit("_", 2)[0] for key in keys],
        response_ids=ids,
        response_mask=mask,
        response_len=torch.tensor([len(text) for text in texts]),
        rewards=torch.tensor(accs),
        acc=torch.tensor(accs),
        left_out=left_out,
        session_row=torch.tensor(last),
        old_logp=None if logp is None else torch.tensor(logp)[:, None] * mask,
        think_embeddings=None if embeddings is None else torch.tensor(embeddings),
    )


def config(**changes):
    """One negative per anchor, every token weighs the same: a mixed group is +1 against -0.5."""
    plain = {"k": 1, "m": 1, "selector": "random", "regions": RegionsConfig(enable=False)}
    return CareConfig(**{**plain, **changes})


MIXED = [
    ("p_0_0", "tool call", 0.0, LeftOut.EARLIER_OUTPUT),
    ("p_0_1", RIGHT, 1.0, None),
    ("p_1_0", WRONG, 0.0, None),
    ("p_2_0", WRONG, 0.0, LeftOut.UNVERIFIED),
    ("pad0_0_0", "x", 0.0, LeftOut.PADDING),
    ("q_0_0", RIGHT, 1.0, None),
    ("q_1_0", "", 0.0, LeftOut.EMPTY),
]


@pytest.fixture(scope="module")
def mixed_step():
    return compute_step(make_rollouts(MIXED), Bytes(), config())


def test_rows_get_the_advantage_of_their_part(mixed_step):
    # Anchor and one negative: rewards 1 and 0, mean 1/2, deviation 1/2, so +1 and -1; the negative at half scale.
    torch.testing.assert_close(
        mixed_step.token_advantages.sum(dim=1), torch.tensor([1.0, 1.0, -0.5, 0, 0, 0, 0]), rtol=0, atol=1e-5
    )
    assert list(mixed_step.result.role) == ["invalid", "anchor", "hard_negative", *["invalid"] * 2, "unused", "invalid"]


def test_an_earlier_output_of_a_session_shares_the_last_ones_advantage(mixed_step):
    row = mixed_step.token_advantages[0]
    # 9 bytes of "tool call" carry the advantage of p_0_1, the rest of the row is padding.
    torch.testing.assert_close(row[:9], torch.ones(9) / 9, rtol=0, atol=1e-5)
    assert not row[9:].any()


def test_ties_go_to_the_earlier_session_in_whatever_order_balancing_left_the_rows():
    """Two positives of equal length tie for the anchor, three failures at equal distance for the one negative."""
    rows = [
        *[(f"p_{session}_0", RIGHT, 1.0, None) for session in (10, 2)],
        *[(f"p_{session}_0", WRONG, 0.0, None) for session in (11, 9, 3)],
    ]
    embeddings = [[1.0, 0.0]] * 2 + [[0.0, 1.0]] * 3
    for order in itertools.permutations(range(len(rows))):
        shuffled = make_rollouts([rows[row] for row in order], [embeddings[row] for row in order])
        result = compute_step(shuffled, Bytes(), config(selector="nearest")).result
        # Session 2 comes before 10 as a number, which it would not as text.
        role = dict(zip(shuffled.keys, result.role, strict=True))
        assert [key for key in role if role[key] == "anchor"] == ["p_2_0"]
        assert [key for key in role if role[key] == "hard_negative"] == ["p_3_0"]
        for row in (shuffled.keys.index("p_2_0"), shuffled.keys.index("p_3_0")):
            assert shuffled.keys[result.anchor_of[row]] == "p_2_0"
            assert result.advantages[row] != 0 and result.k_prime[row] == 1


def test_a_correct_last_output_makes_the_earlier_one_a_positive_for_the_regions():
    """A wrong row's rationale gets no credit, a correct one's does; whose verdict counts is the session's."""
    rows = [("p_0_0", "<think>ab</think>", 0.0, LeftOut.EARLIER_OUTPUT), *MIXED[1:3]]
    care = config(regions=RegionsConfig(gamma_pos=1.0))
    advantages = compute_step(make_rollouts(rows), Bytes(), care).token_advantages
    assert (advantages[0, 7:9] > 0).all() and (advantages[1, 7:9] > 0).all()
    assert not advantages[2, 7:10].any()


def test_a_failed_verification_is_neither_right_nor_wrong():
    """It changes nobody's advantage, and being counted is all that happens to it."""
    with_it = compute_step(make_rollouts(MIXED), Bytes(), config())
    without = compute_step(make_rollouts([*MIXED[:3], *MIXED[4:]]), Bytes(), config())
    kept = [0, 1, 2, 4, 5, 6]
    assert torch.equal(with_it.token_advantages[kept], without.token_advantages)
    assert with_it.metrics["care/left_out/unverified"] == 1 and without.metrics["care/left_out/unverified"] == 0


def test_padding_changes_nobody():
    padded = [*MIXED, *[(f"pad{index}_0_0", "y", 0.0, LeftOut.PADDING) for index in range(1, 4)]]
    plain = compute_step(make_rollouts(MIXED), Bytes(), config())
    more = compute_step(make_rollouts(padded), Bytes(), config())
    assert torch.equal(more.token_advantages[: len(MIXED)], plain.token_advantages)
    assert not more.token_advantages[len(MIXED) :].any()
    assert more.metrics["care/left_out/padding"] == 4


def test_rows_left_out_are_counted_by_reason(mixed_step):
    for reason in LeftOut:
        assert mixed_step.metrics[f"care/left_out/{reason.value}"] == 1


def metric_names(k):
    names = {*METRICS, *REGION_METRICS, *STEP_METRICS} - {"care/k_prime/<n>"}
    return names | {f"care/k_prime/{count}" for count in range(1, k + 1)}


ONLY_PADDING = [("pad_0_0", "x", 0.0, LeftOut.PADDING)]
ALL_WRONG = [("p_0_0", "7", 0.0, None), ("p_1_0", "88888888", 0.0, None)]
ALL_RIGHT = [("p_0_0", "7", 1.0, None), ("p_1_0", "88888888", 1.0, None)]


@pytest.mark.parametrize(
    "rows", [MIXED, ONLY_PADDING, ALL_WRONG, ALL_RIGHT], ids=["mixed", "padding", "wrong", "right"]
)
@pytest.mark.parametrize("k", [1, 4])
def test_the_same_finite_metrics_come_back_every_time(rows, k):
    rollouts = make_rollouts(rows, logp=[-1.0] * len(rows))
    metrics = compute_step(rollouts, Bytes(), config(k=k, m=6)).metrics
    assert set(metrics) == metric_names(k)
    assert all(isinstance(value, float) and math.isfinite(value) for value in metrics.values())


def test_the_nearest_failure_is_taken_by_the_policys_embeddings():
    rows = [("p_0_0", RIGHT, 1.0, None), ("p_1_0", WRONG, 0.0, None), ("p_2_0", WRONG, 0.0, None)]
    near, far = [0.9, 0.1], [0.0, 1.0]
    for embeddings, chosen in (([[1.0, 0.0], near, far], 1), ([[1.0, 0.0], far, near], 2)):
        step = compute_step(make_rollouts(rows, embeddings), Bytes(), config(selector="nearest"))
        assert [role == "hard_negative" for role in step.result.role] == [False, chosen == 1, chosen == 2]


def test_lexical_selection_compares_rationales_and_needs_no_embeddings():
    near, far = "<think>abd</think>zzzzzzzz", "<think>xyz</think>ab ab ab"
    rows = [("p_0_0", "<think>abc</think>q", 1.0, None), ("p_1_0", far, 0.0, None), ("p_2_0", near, 0.0, None)]
    step = compute_step(make_rollouts(rows), Bytes(), config(selector="lexical"))
    assert list(step.result.role) == ["anchor", "unused", "hard_negative"]


def test_missing_embeddings_are_an_error_not_a_guess():
    with pytest.raises(CareDataError, match="embeddings"):
        compute_step(make_rollouts(MIXED), Bytes(), config(selector="nearest"))


@pytest.mark.parametrize(("logp", "anchor"), [("mean", 1), ("sum", 0)])
def test_rescue_ranks_failures_by_the_log_probability_asked_for(logp, anchor):
    # Row 0: 1 token of -2, sum -2, mean -2. Row 1: 8 tokens of -0.5, sum -4, mean -0.5.
    rollouts = make_rollouts(ALL_WRONG, logp=[-2.0, -0.5])
    step = compute_step(rollouts, Bytes(), config(rescue=RescueConfig(logp=logp, delta=0.2)))
    total = step.token_advantages.sum(dim=1).tolist()
    # delta on the pseudo-anchor, -delta on the only other row.
    assert total[anchor] == pytest.approx(0.2) and total[1 - anchor] == pytest.approx(-0.2)
    assert step.metrics["care/rescue_rate"] == 1


def test_regions_move_credit_within_a_row_but_keep_its_total():
    rows = MIXED[1:3]
    flat = compute_step(make_rollouts(rows), Bytes(), config()).token_advantages
    shaped = compute_step(make_rollouts(rows), Bytes(), config(regions=RegionsConfig())).token_advantages
    torch.testing.assert_close(flat.sum(dim=1), shaped.sum(dim=1), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(shaped.sum(dim=1), torch.tensor([1.0, -0.5]), rtol=1e-4, atol=0)
    assert not shaped[1, :18].any() and flat[1, :18].all()


def test_pool_mask_is_the_rationale_or_everything():
    rollouts = make_rollouts([("p_0_0", RIGHT, 1.0, None), ("p_1_0", "no tags", 0.0, None), ("p_2_0", "", 0.0, None)])
    mask = Step.begin(rollouts, Bytes(), config()).pool_mask()
    # "<think>" is 7 bytes, then "ab".
    assert mask.dtype == torch.int64
    assert mask[0].nonzero().flatten().tolist() == [7, 8]
    assert mask[1].nonzero().flatten().tolist() == list(range(7))
    assert not mask[2].any()


def test_a_batch_of_other_rows_is_refused():
    rollouts = make_rollouts(MIXED[1:3])
    step = Step.begin(rollouts, Bytes(), config())
    step.check_order(tuple(rollouts.keys))
    for other in (rollouts.keys[::-1], rollouts.keys[:1]):
        with pytest.raises(CareDataError, match="reordered"):
            step.check_order(other)


def test_accuracy_as_sampled_ignores_repairs_and_rows_without_a_verdict():
    # Valid rows of MIXED: p_0_1 and q_0_0 right, p_1_0 wrong, of which the last is repaired by now.
    rollouts = make_rollouts(MIXED)
    step = Step.begin(rollouts, Bytes(), config())
    repaired = torch.tensor([key == "p_1_0" for key in rollouts.keys])
    acc = rollouts.acc.clone()
    acc[repaired] = 1.0
    trained = dataclasses.replace(rollouts, acc=acc)
    repairs = Repairs(repaired, Selectable.of(step, config()), rollouts.acc, {})
    metrics = finish_step(step.after_repairs(trained, [], repairs, Bytes(), config()), config()).metrics
    assert metrics["care/acc"] == 1.0
    assert metrics["care/acc_sampled"] == pytest.approx(2 / 3)
    assert compute_step(rollouts, Bytes(), config()).metrics["care/acc_sampled"] == pytest.approx(2 / 3)


def test_a_group_without_any_verdict_trains_nothing():
    rows = [(key, text, acc, LeftOut.UNVERIFIED) for key, text, acc, _ in MIXED[1:3]]
    step = compute_step(make_rollouts(rows), Bytes(), config())
    assert not step.token_advantages.any()
    assert step.metrics["care/groups_invalid"] == 1
    assert make_rollouts(rows).valid.tolist() == [False, False]


def counted(monkeypatch):
    """The rows of each call that looks for regions."""
    calls = []
    monkeypatch.setattr(
        compute,
        "locate_regions",
        lambda ids, mask, tokenizer: calls.append(len(ids)) or locate_regions(ids, mask, tokenizer),
    )
    return calls


@pytest.mark.parametrize("include_tags", [True, False])
def test_regions_are_found_once_and_anew_only_where_a_repair_took_a_row(include_tags, monkeypatch):
    """A longer text makes the batch wider, a shorter one narrower; every row has the regions of its own text."""
    calls = counted(monkeypatch)
    care = config(regions=RegionsConfig(include_tags=include_tags))
    texts = [RIGHT, WRONG, WRONG]
    for repaired in (RIGHT + "and on", "<think>z</think><answer>7</answer>" + "z" * 40, "<answer>1"):
        for row in range(3):
            rows = [(f"p_{number}_0", text, 1.0, None) for number, text in enumerate(texts)]
            step = Step.begin(make_rollouts(rows), Bytes(), care)
            step.pool_mask()
            now = make_rollouts([(key, repaired if key == f"p_{row}_0" else text, *rest) for key, text, *rest in rows])
            repairs = Repairs(torch.zeros(3, dtype=torch.bool), Selectable.of(step, care), now.acc, {})
            after = step.after_repairs(now, [row], repairs, Bytes(), care)
            assert calls == [3, 1] and after.regions_s > step.regions_s
            expected = find_regions(now.response_ids, now.response_mask, Bytes(), include_tags)
            for field in dataclasses.fields(expected):
                assert torch.equal(getattr(after.regions, field.name), getattr(expected, field.name)), field.name
            assert finish_step(after, care).metrics["care/timing_s/regions"] == after.regions_s
            calls.clear()
