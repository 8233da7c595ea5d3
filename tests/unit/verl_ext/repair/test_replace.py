# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Putting repairs in their places: bookkeeping on random groups."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from transfer_queue import KVBatchMeta
from verl.utils.tensordict_utils import list_of_dict_to_tensordict

from recipe.care.config import CareConfig, RgrConfig
from recipe.care.errors import CareDataError
from recipe.care.repair.choose import Outcome
from tests.unit.verl_ext.repair.rows import (
    PROMPT,
    TOKENIZER,
    Queue,
    begun,
    candidate,
    row_of,
    with_new_log_probs,
)
from verl_ext.repair.record import REPAIR, SCORED, Repair, with_repairs
from verl_ext.repair.replace import (
    MANAGER,
    StepRepairs,
    install_manager,
    refresh_log_probs,
)
from verl_ext.step import rollouts
from verl_ext.step.compute import compute_step, finish_step
from verl_ext.step.passes import plan_pass
from verl_ext.step.rollouts import read_rollouts


@st.composite
def steps(draw):
    """A batch in TransferQueue: mixed groups with repairs, other groups, and padding rows that copy a row."""
    queue, keys, tags = Queue(), [], []
    for group in range(draw(st.integers(1, 4))):
        for session in range(draw(st.integers(1, 6))):
            acc = float(draw(st.booleans()))
            text = b"<think>" + b"so " * draw(st.integers(0, 6)) + b"</think><answer>6</answer>"
            row = row_of(text, acc, [draw(st.floats(-1, 1, width=32)) for _ in range(3)])
            if acc == 0.0 and draw(st.booleans()):
                repair = candidate(draw(st.sampled_from(list(Outcome))), session, draw(st.integers(0, 20)))
                sampling = draw(st.booleans())
                (row["extra_fields"],) = with_repairs([row["extra_fields"]], [repair], shown=int(sampling))
            key = f"g{group}_{session}_0"
            queue.rows[key] = row
            keys.append(key)
            length = len(row["responses"])
            tags.append(
                {
                    "prompt_len": 2,
                    "response_len": length,
                    "seq_len": length + 2,
                    "min_global_steps": 7,
                    "max_global_steps": 8,
                }
            )
    for number in range(draw(st.integers(0, 2))):
        key = f"pad_{number}_0"
        queue.rows[key] = copy.deepcopy(queue.rows[keys[0]])
        tags.append({**tags[0], "is_padding": True})
        keys.append(key)
    order = draw(st.permutations(range(len(keys))))
    return queue, KVBatchMeta([keys[i] for i in order], [tags[i] for i in order], "train")


def rollouts_acc(rows: dict, key: str) -> float:
    extra = rows[key]["extra_fields"]
    return extra.get(SCORED, extra["reward_extra_info"])["acc"]


cares = st.builds(
    lambda selector, on_fail, k, fill_to: CareConfig(
        k=k, m=6, selector=selector, rgr=RgrConfig(on_fail=on_fail, fill_to=fill_to)
    ),
    st.sampled_from(["nearest", "random", "lexical", "farthest"]),
    st.sampled_from(["reflected", "original"]),
    st.integers(1, 4),
    st.sampled_from([None, 0.25, 0.5, 0.75]),
)


def _check_rows(queue, batch, before, replaced):
    """Every row fits its response, and no repair is left anywhere but in the rows that took one."""
    assert not any({REPAIR, SCORED} & row["extra_fields"].keys() for row in queue.rows.values())
    for row, key in enumerate(batch.keys):
        length = len(queue.rows[key]["responses"])
        fields = ("response_mask", "loss_mask", "rm_scores", "rollout_log_probs")
        assert {len(queue.rows[key][name]) for name in fields} == {length}
        assert queue.rows[key]["input_ids"].tolist() == PROMPT + queue.rows[key]["responses"].tolist()
        assert queue.rows[key]["position_ids"].shape == (4, length + 2)
        assert batch.tags[row]["response_len"] == length and batch.tags[row]["seq_len"] == length + 2
        if row not in replaced:
            assert rollouts_acc(queue.rows, key) == rollouts_acc(before, key)
            assert torch.equal(queue.rows[key]["responses"], before[key]["responses"])
            assert torch.equal(queue.rows[key]["rm_scores"], before[key]["rm_scores"])
        else:
            assert queue.tags[key]["min_global_steps"] == 6 and queue.tags[key]["max_global_steps"] == 9


@settings(max_examples=150)
@given(steps(), cares)
def test_replacing_keeps_the_batch_and_the_selection(step, care):
    queue, batch = step
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rollouts, "tq", queue)
        before = copy.deepcopy(queue.rows)
        keys = list(batch.keys)
        was = compute_step(read_rollouts(batch, None), TOKENIZER, care)
        step = begun(batch, care)
        repairs = StepRepairs(batch, step, care)
        repairs.write(batch)
        with_new_log_probs(queue, batch, repairs.replaced)
        after = step.after_repairs(read_rollouts(batch, None), repairs.replaced, repairs.result({}), TOKENIZER, care)
        now = finish_step(after, care)

    assert list(batch.keys) == keys and set(queue.rows) == set(keys)
    after.check_order(keys)
    _check_rows(queue, batch, before, repairs.replaced)

    # In mixed groups the selection is the one made on the originals, but that failures which were not selected may
    # help to fill a group, each in place of one that was. No more rows are repairs than there is room for.
    name_of = [key.split("_")[0] for key in keys]
    mixed = {name_of[row] for row, role in enumerate(was.result.role) if role == "anchor"}
    in_mixed = torch.tensor([name in mixed for name in name_of])
    selected = {row for row, role in enumerate(was.result.role) if role == "hard_negative"}
    extra = {row for row in repairs.chosen.rows if name_of[row] in mixed} - selected
    assert not extra or care.rgr.fill_to is not None
    same = in_mixed & torch.tensor([name not in {name_of[row] for row in extra} for name in name_of])
    assert torch.equal(now.result.anchor_of[same], was.result.anchor_of[same])
    assert torch.equal(now.result.k_prime[in_mixed], was.result.k_prime[in_mixed])
    groups = [name_of[row] for row in repairs.chosen.rows]
    sampled = {name: [rollouts_acc(before, key) for key in keys if key.startswith(name)] for name in set(name_of)}
    assert "pad" not in groups
    for name in groups:
        assert groups.count(name) <= care.rgr.replacements(sum(sampled[name]), len(sampled[name]))
    # Where every rollout had failed, a repair that passed is now the anchor.
    anchors = [row for row in repairs.chosen.rows if name_of[row] not in mixed]
    assert all(row in repairs.replaced and rollouts_acc(before, keys[row]) == 0.0 for row in anchors)
    contrasted = {name_of[row] for row in anchors if now.result.k_prime[row] > 0}
    positive = [row for row, role in enumerate(now.result.role) if role == "anchor" and name_of[row] in contrasted]
    assert {name_of[row] for row in positive} == contrasted and set(positive) <= set(anchors)
    assert all(now.result.advantages[row] > 0 for row in positive)
    repaired = [row for row, role in enumerate(now.result.role) if role.startswith("repaired")]
    assert repaired == sorted(set(repairs.chosen.rows) - set(anchors))
    left = {row for row, role in enumerate(now.result.role) if role == "hard_negative" and in_mixed[row]}
    assert left <= selected and len(left) + len(repaired) == len(selected)
    for row in repaired:
        report = Repair.unpacked(before[keys[row]]["extra_fields"][REPAIR]).report
        assert (now.result.role[row] == "repaired_positive") == (report.outcome is Outcome.PASSED)
        kept = report.outcome is Outcome.FAILED and care.rgr.on_fail == "original"
        assert (row in repairs.replaced) != kept
    assert repairs.metrics({})["care/rgr/replaced"] == len(repairs.replaced)


def test_the_anchor_of_a_failed_group_is_the_shortest_of_the_repairs_not_of_the_failures(monkeypatch):
    """Rollout 0 failed briefly and was repaired at length, rollout 1 the other way round."""
    queue = Queue()
    for session, (failed, repaired) in enumerate([(1, 60), (40, 2), (5, None), (6, None)]):
        row = row_of(b"<think>" + b"so " * failed + b"</think><answer>6</answer>", 0.0, [1.0, session, 0.0])
        if repaired is not None:
            repair = candidate(Outcome.PASSED, session, repaired)
            (row["extra_fields"],) = with_repairs([row["extra_fields"]], [repair], shown=0)
        queue.rows[f"g_{session}_0"] = row
    tags = [{"prompt_len": 2, "response_len": len(row["responses"]), "seq_len": 9} for row in queue.rows.values()]
    batch = KVBatchMeta(list(queue.rows), tags, "train")
    monkeypatch.setattr(rollouts, "tq", queue)
    care = CareConfig(rgr=RgrConfig(groups="failed", fill_to=0.5))
    step = begun(batch, care)
    repairs = StepRepairs(batch, step, care)
    repairs.write(batch)
    with_new_log_probs(queue, batch, repairs.replaced)
    rows = read_rollouts(batch, None)
    now = finish_step(step.after_repairs(rows, repairs.replaced, repairs.result({}), TOKENIZER, care), care)
    assert now.result.role.tolist() == ["unused", "anchor", "hard_negative", "hard_negative"]
    assert now.metrics["care/anchor_len"] == 2.0


@given(
    st.lists(st.integers(3, 50), min_size=1, max_size=40),
    st.integers(1, 4),
    st.one_of(st.none(), st.integers(1, 8)),
    st.data(),
)
def test_a_pass_can_be_shared_out(lengths, ranks, largest, data):
    """Verl pads its batches to a multiple of ranks and micro-batches, so there are enough rows to fill up with."""
    multiple = ranks * (largest or 1)
    tags = [{"seq_len": lengths[i % len(lengths)]} for i in range(-(-len(lengths) // multiple) * multiple)]
    rows = data.draw(st.lists(st.integers(0, len(tags) - 1), min_size=1, unique=True))
    plan = plan_pass(rows, tags, ranks, largest)
    assert plan.rows[: len(rows)] == rows and len(set(plan.rows)) == len(plan.rows)
    assert len(plan.rows) % (ranks * plan.micro_batch) == 0
    assert plan.micro_batch <= (largest or len(tags))
    assert len(plan.rows) - len(rows) < ranks * plan.micro_batch


def test_a_pass_is_filled_up_with_the_shortest_real_rows():
    tags = [{"seq_len": 9}, {"seq_len": 5}, {"seq_len": 3, "is_padding": True}, {"seq_len": 7}]
    assert plan_pass([0], tags, 2, 128) == ([0, 1], 1)
    assert plan_pass([0, 1, 3], tags, 2, None) == ([0, 1, 3, 2], 2)


def test_only_replaced_rows_get_new_log_probs(monkeypatch):
    queue, keys = Queue(), ["a_0_0", "a_1_0", "a_2_0", "a_3_0"]
    for key in keys:
        queue.rows[key] = row_of(b"xy", 0.0, [1.0])
    queue.rows["a_2_0"] |= {
        "rollout_log_probs": torch.tensor([-1.0, -2.0]),
        "response_mask": torch.tensor([0, 1]),
    }
    before = {key: queue.rows[key]["old_log_probs"].clone() for key in keys}
    monkeypatch.setattr(rollouts, "tq", queue)
    batch = KVBatchMeta(keys, [{"seq_len": 4}] * 4, "train", extra_info={"temperature": 1.0})
    seen = []

    def compute(part):
        seen.append((part.keys, part.extra_info))
        fields = list_of_dict_to_tensordict([{"old_log_probs": torch.tensor([-3.0, -2.5])} for _ in part.keys])
        queue.kv_batch_put(part.keys, "train", fields)

    found = refresh_log_probs(batch, [2], plan_pass([2], batch.tags, 2, 128), compute)
    assert seen == [(["a_2_0", "a_0_0"], {"temperature": 1.0, "micro_batch_size_per_gpu": 1})]
    assert [[column.tolist() for column in found[row]] for row in found] == [[[-3.0, -2.5], [-1.0, -2.0], [0, 1]]]
    assert queue.rows["a_2_0"]["old_log_probs"].tolist() == [-3.0, -2.5]
    for key in ("a_0_0", "a_1_0", "a_3_0"):
        assert torch.equal(queue.rows[key]["old_log_probs"], before[key])
    assert "micro_batch_size_per_gpu" not in batch.extra_info


def test_rows_that_were_reordered_in_between_are_refused(monkeypatch):
    queue, keys = Queue(), ["a_0_0", "a_1_0"]
    for key in keys:
        queue.rows[key] = row_of(b"xy", 0.0, [1.0])
    monkeypatch.setattr(rollouts, "tq", queue)
    batch = KVBatchMeta(keys, [{"seq_len": 4}] * 2, "train")
    step = begun(batch, CareConfig())
    result = StepRepairs(batch, step, CareConfig()).result({})
    after = step.after_repairs(step.rollouts, [], result, TOKENIZER, CareConfig())
    after.check_order(batch.keys)
    batch.reorder([1, 0])
    with pytest.raises(CareDataError, match="reordered"):
        after.check_order(batch.keys)


def test_the_trainer_chooses_the_workers_unless_the_user_did(caplog):
    rollout = {"agent": {"num_workers": 1}, "calculate_log_probs": False, "scheduling_policy": "fcfs"}
    config = OmegaConf.create({"actor_rollout_ref": {"rollout": rollout}})
    OmegaConf.set_struct(config, True)
    install_manager(config)
    assert config.actor_rollout_ref.rollout.calculate_log_probs
    assert config.actor_rollout_ref.rollout.agent.agent_loop_manager_class == MANAGER
    # vLLM looks at the priority of a repair only then.
    assert config.actor_rollout_ref.rollout.scheduling_policy == "priority"
    install_manager(config)
    assert not caplog.records
    config.actor_rollout_ref.rollout.agent.agent_loop_manager_class = "mine.Manager"
    install_manager(config)
    assert config.actor_rollout_ref.rollout.agent.agent_loop_manager_class == "mine.Manager"
    assert "algorithm.care.rgr.enable=false" in caplog.text
