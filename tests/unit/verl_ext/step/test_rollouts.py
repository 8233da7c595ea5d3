# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Rows go through a real TransferQueue and come back as the trainer side needs them."""

import math

import pytest
import torch

from recipe.care.errors import CareDataError
from verl_ext.step.rollouts import (
    read_extra_fields,
    read_log_probs,
    read_objects,
    read_rollouts,
    read_rows,
    write_response_field,
    write_rows,
)
from verl_ext.step.verdicts import LeftOut

CORRECT, FAILED = {"score": 1.0, "acc": 1.0}, {"score": 0.1, "acc": 0.0}


def row(length, extra, mask=None, **fields):
    """A row of tokens 1, 2, ...; its score sits on the last token, as verl puts it."""
    scores = torch.zeros(length)
    scores[-1] = extra.get("score") or extra.get("acc") or 0.0
    return {
        "responses": torch.arange(length) + 1,
        "response_mask": torch.ones(length, dtype=torch.int64) if mask is None else torch.tensor(mask),
        "rm_scores": scores,
        "extra_fields": {"reward_extra_info": extra},
        **fields,
    }


def test_rows_come_back_padded_and_in_the_order_of_the_keys(put):
    batch = put({"p_0_0": row(2, CORRECT), "p_1_0": row(4, FAILED), "q_0_0": row(3, CORRECT)})
    rollouts = read_rollouts(batch, None)
    assert rollouts.keys == ["p_0_0", "p_1_0", "q_0_0"] and list(rollouts.group) == ["p", "p", "q"]
    assert rollouts.response_ids.tolist() == [[1, 2, 0, 0], [1, 2, 3, 4], [1, 2, 3, 0]]
    assert rollouts.response_mask.tolist() == [[1, 1, 0, 0], [1, 1, 1, 1], [1, 1, 1, 0]]
    assert rollouts.response_len.tolist() == [2, 4, 3]
    torch.testing.assert_close(rollouts.rewards, torch.tensor([1.0, 0.1, 1.0]))
    assert rollouts.acc.tolist() == [1.0, 0.0, 1.0]
    assert rollouts.valid.all() and rollouts.session_row.tolist() == [0, 1, 2]
    assert rollouts.old_logp is None and rollouts.think_embeddings is None


def test_rows_of_one_length_are_no_special_case(put):
    rollouts = read_rollouts(put({"p_0_0": row(3, CORRECT), "p_1_0": row(3, FAILED)}), None)
    assert rollouts.response_ids.tolist() == [[1, 2, 3], [1, 2, 3]]


def test_reordered_and_partial_batches_give_their_own_rows(put, transfer_queue):
    batch = put({"p_0_0": row(2, CORRECT), "p_1_0": row(4, FAILED), "q_0_0": row(3, CORRECT)})
    part = transfer_queue.KVBatchMeta(keys=["q_0_0", "p_1_0"], tags=[{}, {}], partition_id=batch.partition_id)
    rollouts = read_rollouts(part, None)
    assert rollouts.response_mask.sum(dim=1).tolist() == [3, 4] and rollouts.acc.tolist() == [1.0, 0.0]


def test_log_probs_and_embeddings_are_read_once_they_are_there(put):
    logp = [torch.tensor([-1.0, -2.0]), torch.tensor([-3.0])]
    rows = [{"old_log_probs": lp, "think_embeddings": torch.full((5,), float(i))} for i, lp in enumerate(logp)]
    batch = put({"p_0_0": row(2, CORRECT, **rows[0]), "p_1_0": row(1, FAILED, **rows[1])})
    rollouts = read_rollouts(batch, None)
    assert rollouts.old_logp.tolist() == [[-1.0, -2.0], [-3.0, 0.0]]
    assert rollouts.think_embeddings.tolist() == [[0.0] * 5, [1.0] * 5]


def test_what_the_log_prob_pass_wrote_is_read_by_itself(put):
    batch = put({"p_0_0": row(2, CORRECT), "p_1_0": row(1, FAILED)})
    before = read_rollouts(batch, None)
    logp = [torch.tensor([-1.0, -2.0]), torch.tensor([-3.0])]
    fields = [{"old_log_probs": lp, "think_embeddings": torch.full((5,), float(i))} for i, lp in enumerate(logp)]
    write_rows(batch, batch.keys, fields)
    after, whole = read_log_probs(batch, before), read_rollouts(batch, None)
    assert after.old_logp.tolist() == whole.old_logp.tolist() == [[-1.0, -2.0], [-3.0, 0.0]]
    assert after.think_embeddings.tolist() == whole.think_embeddings.tolist() == [[0.0] * 5, [1.0] * 5]
    assert after.response_ids is before.response_ids and before.old_logp is None


def test_a_prompts_name_may_contain_underscores(put):
    rollouts = read_rollouts(
        put({"a_b_0_0": row(1, CORRECT), "a_b_10_0": row(1, FAILED), "a_0_0": row(1, FAILED)}), None
    )
    assert list(rollouts.group) == ["a_b", "a_b", "a"]


def test_the_last_output_of_a_session_carries_its_verdict(put):
    """By its number, wherever it stands; verl's padding reorders rows. Output 10 comes after output 9."""
    keys = ["p_0_10", "p_0_2", "p_0_9", "p_1_0"]
    rollouts = read_rollouts(put({key: row(2, CORRECT) for key in keys}), None)
    assert rollouts.session_row.tolist() == [0, 0, 0, 3]
    assert rollouts.left_out == [None, LeftOut.EARLIER_OUTPUT, LeftOut.EARLIER_OUTPUT, None]


def test_rows_left_out_say_why(put):
    rows = {
        "p_0_0": row(2, CORRECT),
        "p_1_0": row(2, {**CORRECT, "verified": 0.0}),
        "p_2_0": row(2, {"score": 0.0, "acc": math.nan}),
        "p_3_0": row(2, CORRECT, mask=[0, 0]),
        "pad0_0_0": row(2, {}),
    }
    rollouts = read_rollouts(put(rows, tags=[{}, {}, {}, {}, {"is_padding": True}]), None)
    unverified = [LeftOut.UNVERIFIED] * 2
    assert rollouts.left_out == [None, *unverified, LeftOut.EMPTY, LeftOut.PADDING]
    assert rollouts.acc.tolist() == [1.0, 0.0, 0.0, 0.0, 0.0]
    assert rollouts.valid.tolist() == [True, False, False, False, False]


def test_a_bare_float_is_refused_unless_a_threshold_says_what_is_right(put):
    batch = put({"p_0_0": row(2, {"acc": 0.9}), "p_1_0": row(2, {"acc": 0.1})})
    with pytest.raises(CareDataError, match=r"algorithm\.care\.positive_threshold"):
        read_rollouts(batch, None)
    assert read_rollouts(batch, 0.5).acc.tolist() == [1.0, 0.0]


def colocated(length, reward, **fields):
    """A row whose reward came after the rollout, with what else the reward model returned as fields of its own."""
    return {**row(length, {"score": reward}), "extra_fields": {}, **fields}


def test_a_colocated_reward_model_writes_its_verdicts_as_fields(put):
    fields = [{"acc": 1.0, "verified": 1.0}, {"acc": 0.0, "verified": 1.0}, {"acc": 1.0, "verified": 0.0}]
    rows = {f"p_{i}_0": colocated(i + 1, 1.0, score=1.0, **extra) for i, extra in enumerate(fields)}
    rollouts = read_rollouts(put(rows), None)
    assert rollouts.acc.tolist() == [1.0, 0.0, 0.0]
    assert rollouts.left_out == [None, None, LeftOut.UNVERIFIED]


def test_a_colocated_bare_float_needs_a_threshold_too(put):
    """A field ``acc`` is what verl makes of it, without a ``score``."""
    batch = put({f"p_{i}_0": colocated(2, score, acc=score) for i, score in enumerate((0.6, 0.95))})
    with pytest.raises(CareDataError, match=r"algorithm\.care\.positive_threshold"):
        read_rollouts(batch, None)
    assert read_rollouts(batch, 0.9).acc.tolist() == [0.0, 1.0]


def test_a_discriminative_reward_model_returns_nothing_but_the_reward(put):
    batch = put({f"p_{i}_0": colocated(2, score) for i, score in enumerate((0.6, 0.4))})
    assert read_rollouts(batch, 0.5).acc.tolist() == [1.0, 0.0]


def test_a_column_of_the_dataset_is_no_verdict(put):
    """Every column becomes a field of verl's; this one holds a pass rate measured before."""
    rows = {"p_0_0": row(2, FAILED, acc=1.0), "p_1_0": row(2, CORRECT, acc="0/8")}
    assert read_rollouts(put(rows), None).acc.tolist() == [0.0, 1.0]


def test_a_field_is_written_beside_the_responses(put):
    batch = put({"p_0_0": row(2, CORRECT), "p_1_0": row(4, FAILED)})
    rollouts = read_rollouts(batch, None)
    assert rollouts.response_len.tolist() == [2, 4]
    pooled = torch.tensor([[0, 1, 9, 9], [1, 0, 1, 0]])
    write_response_field(batch, "care_pool_mask", pooled, rollouts.response_len)
    assert [values.tolist() for values in read_rows(batch, "care_pool_mask")] == [[0, 1], [1, 0, 1, 0]]


def test_rewritten_rows_change_in_place_and_no_other_does(put, transfer_queue):
    batch = put({"p_0_0": row(2, CORRECT), "p_1_0": row(4, FAILED)}, tags=[{"seq_len": 2}, {"seq_len": 4}])
    new = {"responses": torch.tensor([7, 8, 9]), "extra_fields": {"repaired": True}}
    write_rows(batch, ["p_1_0"], [new], tags=[{"seq_len": 3}])
    assert [values.tolist() for values in read_rows(batch, "responses")] == [[1, 2], [7, 8, 9]]
    assert read_extra_fields(batch) == [{"reward_extra_info": CORRECT}, {"repaired": True}]
    assert read_objects(batch, "extra_fields") == [{"reward_extra_info": CORRECT}, {"repaired": True}]
    assert batch.tags == [{"seq_len": 2}, {"seq_len": 3}]
    assert transfer_queue.kv_list(batch.partition_id)[batch.partition_id] == dict(
        zip(batch.keys, batch.tags, strict=True)
    )


def test_writing_no_rows_is_allowed(put):
    write_rows(put({"p_0_0": row(2, CORRECT)}), [], [])
