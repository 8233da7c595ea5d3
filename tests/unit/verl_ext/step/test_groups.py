# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""An estimator over a whole step: what reaches it, and what can not change what it says."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recipe.estimators import Need, RolloutGroup, group_estimator, registry
from recipe.estimators.registry import estimators, find
from tests.unit.estimators.groups import every_estimator
from tests.unit.verl_ext.repair.byte_tokenizer import Bytes
from verl_ext.step.compute import compute_step
from verl_ext.step.groups import ESTIMATOR_METRICS, finish_groups
from verl_ext.step.rollouts import Rollouts
from verl_ext.step.verdicts import LeftOut

TOKENIZER = Bytes()


def step_of(rows: list[dict]) -> tuple[Rollouts, torch.Tensor]:
    """Rows by hand, and their reference log-probabilities (B, T)."""
    ids = [torch.tensor(list(row["text"].encode()), dtype=torch.int64) for row in rows]
    padded_BT = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True)
    mask_BT = torch.nn.utils.rnn.pad_sequence([torch.ones_like(one) for one in ids], batch_first=True)
    last = {}
    for place, row in enumerate(rows):
        last[row["key"].rsplit("_", 1)[0]] = place  # rows of a session are given in order
    rollouts = Rollouts(
        keys=[row["key"] for row in rows],
        group=[row["key"].rsplit("_", 2)[0] for row in rows],
        response_ids=padded_BT,
        response_mask=mask_BT,
        response_len=mask_BT.sum(dim=1),
        rewards=torch.tensor([row.get("reward", row["acc"]) for row in rows], dtype=torch.float32),
        acc=torch.tensor([row["acc"] for row in rows], dtype=torch.float32),
        left_out=[row.get("left_out") for row in rows],
        session_row=torch.tensor([last[row["key"].rsplit("_", 1)[0]] for row in rows]),
        old_logp=mask_BT * torch.tensor([[row.get("logp", -0.5)] for row in rows]),
        think_embeddings=torch.tensor([row.get("embedding", [1.0, 0.0]) for row in rows]),
    )
    return rollouts, mask_BT * torch.tensor([[row.get("ref", -0.5)] for row in rows])


def text(rationale: int, answer: int = 1) -> str:
    return f"<think>{'a' * rationale}</think><answer>{'1' * answer}</answer>"


def by_key(chosen, rows) -> dict[str, list[float]]:
    rollouts, ref_BT = step_of(rows)
    finished = finish_groups(rollouts, TOKENIZER, chosen, ref_BT)
    lengths = rollouts.response_len.tolist()
    return {
        key: row[:length].tolist() for key, row, length in zip(rollouts.keys, finished.per_token, lengths, strict=True)
    }


@pytest.fixture
def seen(monkeypatch):
    """An estimator that keeps the groups it was shown."""
    monkeypatch.setattr(registry, "_ESTIMATORS", dict(estimators()))
    groups: list[RolloutGroup] = []

    def look(needs):
        @group_estimator("look", needs=needs)
        def look(group, _settings):
            groups.append(group)
            return group.right_G - 0.5

        return find("look").configured(), groups

    return look


MIXED = [
    {"key": "p_0_0", "text": text(3), "acc": 1.0, "reward": 0.9, "logp": -0.1, "ref": -0.3},
    {"key": "p_1_0", "text": text(2, 2), "acc": 0.0, "logp": -0.2, "ref": -0.1},
    {"key": "p_2_0", "text": "no tags", "acc": 0.0, "left_out": LeftOut.UNVERIFIED},
    {"key": "pad0_0_0", "text": "x", "acc": 0.0, "left_out": LeftOut.PADDING},
]


def test_a_group_is_shown_with_all_that_was_declared(seen):
    chosen, groups = seen([Need.LOGP, Need.REF_LOGP, Need.EMBEDDINGS, Need.REGIONS])
    by_key(chosen, MIXED)
    (group,) = groups
    assert group.right_G.tolist() == [True, False] and group.reward_G.tolist() == pytest.approx([0.9, 0])
    length = len(text(3))
    assert group.tokens_G.tolist() == [length, length] and not group.repaired_G.any()
    np.testing.assert_allclose(group.logp_G, [-0.1 * length, -0.2 * length], rtol=1e-6)
    np.testing.assert_allclose(group.mean_ref_logp_G, [-0.3, -0.1], rtol=1e-6)
    assert group.embeddings_GH.tolist() == [[1, 0], [1, 0]]
    assert group.think_len_G.tolist() == [3, 2] and group.answer_len_G.tolist() == [1, 2]
    assert group.rationale_GT.sum(axis=1).tolist() == [len("<think></think>") + 3, len("<think></think>") + 2]
    assert group.answer_GT.sum(axis=1).tolist() == [len("<answer></answer>") + 1, len("<answer></answer>") + 2]


def test_lexical_likeness_needs_no_pass(seen):
    chosen, groups = seen([Need.LEXICAL])
    rollouts, _ = step_of(MIXED)
    finish_groups(replace(rollouts, think_embeddings=None, old_logp=None), TOKENIZER, chosen)
    assert groups[0].embeddings_GH.shape[0] == 2 and groups[0].distance_GG[0, 1] < 0.5


def test_nothing_is_looked_for_that_nobody_declared(seen):
    class NoTokenizer:
        """Regions can not be found with it."""

    chosen, groups = seen([])
    rollouts, _ = step_of(MIXED)
    finished = finish_groups(replace(rollouts, old_logp=None, think_embeddings=None), NoTokenizer(), chosen)
    assert vars(groups[0]).keys() >= {"logp", "regions"} and groups[0].logp is None and groups[0].regions is None
    assert finished.per_token[:, 0].tolist() == [0.5, -0.5, 0, 0]


def test_rows_come_by_session_however_they_were_balanced(seen):
    chosen, groups = seen([Need.REGIONS])
    by_key(chosen, [MIXED[1], MIXED[3], MIXED[0]])
    assert groups[0].think_len_G.tolist() == [3, 2]


def test_earlier_outputs_of_a_session_share_the_advantage_of_its_last(seen):
    chosen, groups = seen([])
    rows = [
        {"key": "p_0_0", "text": "ab", "acc": 0.0, "left_out": LeftOut.EARLIER_OUTPUT},
        {"key": "p_0_1", "text": "abcd", "acc": 1.0},
        {"key": "p_1_0", "text": "ab", "acc": 0.0},
    ]
    assert by_key(chosen, rows) == {"p_0_0": [0.5] * 2, "p_0_1": [0.5] * 4, "p_1_0": [-0.5] * 2}
    assert groups[0].size == 2


def test_what_a_step_reports(seen):
    """One right row at 0.5 and one wrong at -0.5; the group of two right rows has an advantage as well."""
    chosen, _ = seen([])
    rows = [*MIXED, {"key": "q_0_0", "text": "a", "acc": 1.0}, {"key": "q_1_0", "text": "b", "acc": 1.0}]
    metrics = finish_groups(step_of(rows)[0], TOKENIZER, chosen).metrics
    assert set(metrics) == set(ESTIMATOR_METRICS) | {f"care/left_out/{reason.value}" for reason in LeftOut}
    assert metrics["estimator/acc"] == metrics["estimator/rows_pushed_up"] == 0.75
    assert metrics["estimator/rows_pushed_down"] == 0.25 and metrics["estimator/groups_silent"] == 0
    assert (metrics["estimator/advantage/right_mean"], metrics["estimator/advantage/wrong_mean"]) == (0.5, -0.5)
    assert metrics["estimator/failure_mass"] == 0.25 and metrics["care/left_out/unverified"] == 1


def test_a_silent_group_is_counted():
    rows = [
        {"key": f"{prompt}_{n}_0", "text": "ab", "acc": acc} for prompt, acc in (("p", 1), ("q", 0)) for n in (0, 1)
    ]
    finished = finish_groups(step_of(rows)[0], TOKENIZER, find("ngrpo").configured())
    assert finished.metrics["estimator/groups_silent"] == 0.5
    assert finished.per_token.any(dim=1).tolist() == [False, False, True, True]
    # Each token of a row has the row's advantage, of which the two rows of a group have the same.
    assert finished.per_token[2].tolist() == finished.per_token[3].tolist() == [finished.per_token[2, 0].item()] * 2


@st.composite
def any_rows(draw) -> list[dict]:
    rows = []
    for prompt in draw(st.lists(st.sampled_from("pqr"), min_size=1, max_size=3, unique=True)):
        size = draw(st.integers(1, 4))
        # Lengths differ: of two shortest right rows CARE takes the earlier.
        lengths = draw(st.permutations(range(1, size + 1)))
        for session, length in enumerate(lengths):
            unverified = draw(st.integers(0, 4)) == 0
            rows.append(
                {
                    "key": f"{prompt}_{session}_0",
                    "text": text(length, draw(st.integers(1, 3))),
                    "acc": 0.0 if unverified else float(draw(st.booleans())),
                    "left_out": LeftOut.UNVERIFIED if unverified else None,
                    "logp": -0.05 * draw(st.integers(1, 40)),
                    "ref": -0.05 * draw(st.integers(1, 40)),
                    "embedding": [float(draw(st.integers(-4, 4))), 0.5 + session],
                }
            )
    return rows


each_estimator = pytest.mark.parametrize("chosen", every_estimator(), ids=lambda chosen: chosen.name)


@each_estimator
@given(data=st.data())
def test_order_padding_and_other_groups_never_matter(chosen, data):
    rows = data.draw(any_rows())
    expected = by_key(chosen, rows)

    def same(other, keys):
        for key in keys:
            assert other[key] == pytest.approx(expected[key], abs=1e-6), key

    same(by_key(chosen, data.draw(st.permutations(rows))), expected)
    longest = "z" * (max(len(row["text"]) for row in rows) + 3)
    padding = [{"key": f"pad{n}_0_0", "text": longest, "acc": 0.0, "left_out": LeftOut.PADDING} for n in (0, 1)]
    padded = by_key(chosen, [padding[0], *rows, padding[1]])
    same(padded, expected)
    assert not any(padded["pad0_0_0"]) and not any(padded["pad1_0_0"])
    for prompt in {row["key"][0] for row in rows}:
        alone = [row for row in rows if row["key"][0] == prompt]
        same(by_key(chosen, alone), [row["key"] for row in alone])


@given(rows=any_rows(), preset=st.sampled_from(["paper", "steady", "best"]), lexical=st.booleans())
def test_care_is_the_same_as_an_estimator_of_groups_and_in_its_own_step(rows, preset, lexical):
    """Without repairs. verl gets the tokens' shares times the length of the row."""
    settings = {"preset": preset, "rgr": {"enable": False}, "distance": "lexical" if lexical else "hidden"}
    chosen = find("care").configured(settings)
    rollouts, _ = step_of(rows)
    own = compute_step(rollouts, TOKENIZER, chosen.settings)
    ours = finish_groups(rollouts, TOKENIZER, chosen)
    expected_BT = own.token_advantages * rollouts.response_len[:, None]
    torch.testing.assert_close(ours.per_token, expected_BT.float(), rtol=1e-5, atol=1e-5)
