# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What each method makes of small groups, with the arithmetic written out."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recipe.care.advantage import care_advantages
from recipe.care.config import CareConfig
from recipe.care.method.credit import token_advantages
from recipe.care.repair.plan import Sampled, failures_to_repair
from recipe.care.text.regions import Regions
from recipe.replay.methods import METHODS, NOTHING, Credit, Method, care, each_group
from tests.unit.replay.dumps import rows_of

ONE_RIGHT = [[1, 0, 0, 0]]
ALL_WRONG = [[0, 0, 0, 0]]


def advantages(name, rows):
    return pytest.approx(METHODS[name].estimator(rows).tolist(), abs=1e-5)


@pytest.mark.parametrize("name", ["grpo", "dapo", "gspo"])
def test_a_mixed_group_of_grpo(name):
    """In numbers.

    Rewards 1 0 0 0: mean 0.25, deviations 0.75 and three of -0.25, so the squares sum to 0.75; over n - 1 = 3 that
    is a variance of 0.25, a deviation of 0.5, and advantages 1.5 and -0.5.
    """
    assert advantages(name, rows_of(ONE_RIGHT)) == [1.5, -0.5, -0.5, -0.5]


def test_grpo_learns_the_format_where_all_are_wrong_and_dapo_drops_the_group():
    """Rewards 0.1 0 0 0: a tenth of the above, and the division by the deviation takes the tenth away again."""
    rows = rows_of(ALL_WRONG, rewards=[0.1, 0, 0, 0])
    assert pytest.approx(METHODS["grpo"].estimator(rows).tolist(), abs=1e-4) == [1.5, -0.5, -0.5, -0.5]
    assert advantages("dapo", rows) == [0, 0, 0, 0]


def test_a_group_of_equal_rewards_and_a_single_row():
    assert advantages("grpo", rows_of([[1, 1, 1]], rewards=[0.1, 0.1, 0.1])) == [0, 0, 0]
    assert advantages("grpo", rows_of([[1]], rewards=[0.9])) == [0.9]
    assert advantages("dapo", rows_of([[1]], rewards=[0.9])) == [0]


@pytest.mark.parametrize("name", ["care-paper", "care-steady"])
def test_a_mixed_group_of_care(name):
    """In numbers.

    One right, K' = 3 wrong: mu = 1/4, sigma = sqrt(3)/4, so raw advantages sqrt(3) and -1/sqrt(3). The wrong are
    halved, and all is multiplied by sqrt(K/K') = sqrt(4/3): 2 and -1/3.
    """
    assert advantages(name, rows_of(ONE_RIGHT)) == [2, -1 / 3, -1 / 3, -1 / 3]


def test_a_group_that_failed_throughout_pushes_up_its_shortest_where_there_are_no_log_probabilities():
    """In numbers.

    paper: pseudo-rewards are standardised like real ones, hence 2 and -1/3 as above. steady: 0.1 and -0.1/3, times
    sqrt(4/3). best: no rescue.
    """
    rows = rows_of(ALL_WRONG, tokens_B=[17, 17, 12, 17])
    # Pseudo-rewards are a tenth of real ones, so that eps = 1e-6 takes 0.015% away.
    assert METHODS["care-paper"].estimator(rows).tolist() == pytest.approx([-1 / 3, -1 / 3, 2, -1 / 3], rel=2e-4)
    third = 0.1 * math.sqrt(4 / 3) / 3
    assert [-third, -third, 3 * third, -third] == advantages("care-steady", rows)
    assert advantages("care-best", rows) == [0, 0, 0, 0]


def test_log_probabilities_decide_where_a_group_has_all_of_them():
    """The first group has them all, and its third row is the likeliest; of the second group's one is missing."""
    logp = [-9, -9, -1, -9, -9, -9, math.nan, -1]
    rows = rows_of([*ALL_WRONG, *ALL_WRONG], tokens_B=[17] * 4 + [12] + [17] * 3, logp_sum_B=logp)
    assert np.flatnonzero(METHODS["care-paper"].estimator(rows) > 0).tolist() == [2, 4]


def test_best_gives_the_anchor_side_to_all_that_are_right():
    """In numbers.

    Two right, two wrong, K' = 2: mu = 1/3, sigma = sqrt(2)/3, raw sqrt(2) and -1/sqrt(2); the wrong halved; times
    sqrt(4/2): 2 for the right together, -0.5 for each of the wrong.
    """
    assert advantages("care-best", rows_of([[1, 1, 0, 0]])) == [1, 1, -0.5, -0.5]


def test_rows_without_a_verdict_are_left_out_by_care_alone():
    rows = rows_of([[1, None, 0, 0]])
    assert METHODS["care-paper"].estimator(rows)[1] == 0
    assert METHODS["grpo"].estimator(rows)[1] == pytest.approx(-0.5, abs=1e-5)


def test_groups_do_not_touch_each_other():
    """Each group by itself gives what it gives beside others, in every method."""
    together = rows_of([[1, 0, 0], [0, 0], [1, 1, 1, 1], [0, 1]])
    for method in METHODS.values():
        alone = [method.estimator(one) for _, one in together.groups()]
        assert np.concatenate(alone).tolist() == method.estimator(together).tolist(), method.name


def test_a_new_estimator_is_one_entry():
    """REINFORCE with a baseline of 0.5, from a function of one group."""
    method = Method("mine", each_group(lambda group: group.reward_B - 0.5))
    assert method.estimator(rows_of([[1, 0], [1]])).tolist() == [0.5, -0.5, 0.5]
    assert method.credit.rationale_share_B(rows_of([[1]])).tolist() == [9 / 17]


def test_the_share_of_a_row_that_its_rationale_gets():
    """In numbers.

    9 rationale and 8 answer tokens. gamma 0.005: 0.045 against 8, so 0.045 / 8.045 of a right row and nothing of a
    wrong one. ``steady`` blames the whole wrong response, ``best`` and GRPO know no regions: 9 / 17.
    """
    shares = {name: method.credit.rationale_share_B(rows_of([[1, 0]])).tolist() for name, method in METHODS.items()}
    assert shares["care-paper"] == pytest.approx([0.045 / 8.045, 0])
    assert shares["care-steady"] == pytest.approx([0.045 / 8.045, 9 / 17])
    assert shares["care-best"] == shares["grpo"] == pytest.approx([9 / 17, 9 / 17])


@given(
    lengths=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=6),
    right=st.lists(st.booleans(), min_size=6, max_size=6),
    settings_=st.sampled_from(
        [
            {},
            {"rationale_share": 0.25, "gamma_pos": None},
            {"blame": "response"},
            {"enable": False},
            {"gamma_pos": 1.0},
        ]
    ),
)
def test_the_share_from_lengths_is_that_of_the_token_advantages(lengths, right, settings_):
    """Rationale, answer and other tokens in a row; a response without an answer counts as answer throughout."""
    config = CareConfig.from_omegaconf({"regions": settings_})
    width = max(1, max(map(sum, lengths)))
    place = torch.arange(width)
    think, answer, mask = (torch.zeros(len(lengths), width, dtype=torch.bool) for _ in range(3))
    for one, (rationale, answered, other) in enumerate(lengths):
        mask[one] = place < rationale + answered + other
        think[one] = (place < rationale) & bool(answered)
        answer[one] = (place >= rationale) & (place < rationale + answered) if answered else mask[one]
    acc = torch.tensor(right[: len(lengths)]).float()
    regions = Regions(think, answer, think.sum(1), answer.sum(1))
    spread = token_advantages(torch.ones(len(lengths)), mask, regions, acc, config).double()
    rows = rows_of(
        [acc.tolist()],
        tokens_B=mask.sum(1).numpy(),
        rationale_B=(think & ~answer).sum(1).numpy(),
        answer_B=answer.sum(1).numpy(),
    )
    measured = (spread * (think & ~answer)).sum(1)
    assert Credit(config).rationale_share_B(rows) == pytest.approx(measured.numpy(), abs=1e-5)


def test_a_row_weighs_by_its_length_in_dapo_alone():
    rows = rows_of([[1, 0]], tokens_B=[10, 30])
    assert METHODS["grpo"].credit.mass_B(rows, np.array([0.5, -1.0])).tolist() == [0.5, 1]
    assert METHODS["dapo"].credit.mass_B(rows, np.array([0.5, -1.0])).tolist() == [5, 30]


def test_rows_that_the_log_prob_pass_needs():
    """In numbers.

    GRPO's are those with an advantage. CARE: one anchor and all six failures, though only four are taken; nothing
    of a group that is all right; all of a rescued one, which has two rows at least.
    """
    rows = rows_of([[1, 1, 0, 0, 0, 0, 0, 0], [1, 1], [0, 0, 0, 0, 0, 0, 0], [0]])
    counted = {}
    for name, method in METHODS.items():
        taught = np.abs(method.estimator(rows)) > NOTHING
        counted[name] = (int(taught.sum()), int(method.before_update_B(rows, taught).sum()))
    assert counted["grpo"] == counted["dapo"] == (8, 8)
    assert counted["care-paper"] == counted["care-steady"] == (5 + 5, 7 + 7)
    assert counted["care-best"] == (6, 8)


class Letters:
    """One token a letter."""

    def get_vocab(self):
        return {chr(code): code for code in range(128)}

    def decode(self, token_ids, *, skip_special_tokens):
        return "".join(map(chr, token_ids))


@pytest.mark.parametrize("name", [name for name, method in METHODS.items() if method.care])
@pytest.mark.parametrize("right", range(9))
def test_repairs_are_counted_as_the_rollout_asks_for_them(name, right):
    one = Sampled([1], [ord("a")], [-1.0])
    order, most = failures_to_repair([one] * right, [one] * (8 - right), Letters(), METHODS[name].care)
    group = rows_of([[1] * right + [0] * (8 - right)])
    assert METHODS[name].repairs(group) == min(len(order), most)


def test_care_is_what_care_advantages_returns():
    """The whole way, on rows for which the choice depends on distances: with two failures to take of three."""
    method = care("paper")
    embeddings = np.array([[1, 0], [0.9, 0.1], [0.2, 0.8], [-1, 0], [0.5, 0.5], [0, 1], [0.1, 1]], dtype=np.float32)
    rows = rows_of([[1, 0, 0, 0, 0, 0, 0]], embeddings_BH=embeddings)
    direct = care_advantages(
        rows.acc_B, rows.reward_B, [0] * 7, rows.think_len_B, rows.answer_len_B, embeddings, None, method.care
    )
    assert method.estimator(rows).tolist() == pytest.approx(direct.advantages.tolist())
    assert (method.estimator(rows) < 0).sum() == 4
