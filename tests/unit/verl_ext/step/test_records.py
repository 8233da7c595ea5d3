# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The records of a step, from its rows in the data plane to the file."""

import dataclasses
import json

import pytest
import torch
from transfer_queue import KVBatchMeta

from recipe.care.config import CareConfig, RecordsConfig, RegionsConfig, RgrConfig
from recipe.care.repair.choose import Outcome
from recipe.care.repair.cue import CUES
from recipe.replay.records import DataRow, RolloutRecord, read_record, unpack_embedding
from tests.unit.verl_ext.repair.rows import TOKENIZER, Queue, begun, candidate, row_of, with_new_log_probs
from verl_ext.checks.dry_run import compose
from verl_ext.repair.record import with_repairs
from verl_ext.repair.replace import StepRepairs, refresh_log_probs
from verl_ext.step import rollouts
from verl_ext.step.compute import finish_step
from verl_ext.step.passes import plan_pass
from verl_ext.step.records import Recorder, Vocabulary
from verl_ext.step.rollouts import read_rollouts

IMAGE = 7
RIGHT, WRONG, OTHER = (
    f"<think>{thought}</think><answer>{answer}</answer>".encode()
    for thought, answer in (("so", 6), ("so so", 5), ("no", 4))
)
CARE = CareConfig(k=2, m=2, rgr=RgrConfig(candidates=1))
WORDS = Vocabulary(TOKENIZER, IMAGE)


def asked(row: dict, index: int) -> dict:
    """What the training file has of a row's prompt: two images, and text."""
    return {
        **row,
        "prompts": torch.tensor([IMAGE, IMAGE, *b"How", IMAGE, *b"many?"]),
        "data_source": "geometry3k",
        "reward_model": {"style": "rule", "ground_truth": "6"},
        "extra_info": {"index": index, "split": "train", "question": "How many?"},
    }


def judged(row: dict, **more: object) -> dict:
    row["extra_fields"]["reward_extra_info"] |= {"format": 1.0, "rule": "number", **more}
    return row


@pytest.fixture
def step(monkeypatch):
    """A mixed group, whose first failure was repaired, a group without a failure, and a padding row."""
    rows = {
        "p_0_0": judged(row_of(RIGHT, 1.0, [1.0, 0.0])),
        "p_1_0": judged(row_of(WRONG, 0.0, [0.9, 0.1])),
        "p_2_0": judged(row_of(OTHER, 0.0, [0.0, 1.0]), format=0.0),
        "q_0_0": judged(row_of(RIGHT, 1.0, [0.0, 0.0])),
        "q_1_0": judged(row_of(RIGHT, 1.0, [0.0, 0.0]), verified=0.0, rule="timeout"),
    }
    (rows["p_1_0"]["extra_fields"],) = with_repairs(
        [rows["p_1_0"]["extra_fields"]], [candidate(Outcome.PASSED, 0, 3)], shown=0
    )
    queue = Queue()
    queue.rows = {key: asked(row, "pq".index(key[0])) for key, row in rows.items()}
    queue.rows["pad0_0_0"] = {**queue.rows["q_0_0"], "prompts": torch.tensor([0])}
    order = ["q_1_0", "p_2_0", "pad0_0_0", "p_0_0", "q_0_0", "p_1_0"]
    tags = [
        {"response_len": len(queue.rows[key]["responses"]), "seq_len": 40, "is_padding": key.startswith("pad")}
        for key in order
    ]
    monkeypatch.setattr(rollouts, "tq", queue)
    return queue, KVBatchMeta(order, tags, "train")


def recorded(queue: Queue, batch: KVBatchMeta, care: CareConfig, folder) -> dict[str, RolloutRecord]:
    """The records of a step, as CARE's trainer goes through it."""
    step = begun(batch, care)
    repairs = StepRepairs(batch, step, care)
    repairs.write(batch)
    rows = repairs.replaced
    log_probs = {}
    if rows:
        plan = plan_pass(rows, batch.tags, 1, None)
        log_probs = refresh_log_probs(batch, rows, plan, lambda part: with_new_log_probs(queue, batch, rows))
    step = step.after_repairs(read_rollouts(batch, None), rows, repairs.result(log_probs), TOKENIZER, care)
    recorder = Recorder(care, folder)
    metrics = recorder.add(3, batch, step, finish_step(step, care), WORDS)
    recorder.close()
    assert metrics["care/timing_s/records"] > 0
    return read(folder)


def read(folder) -> dict[str, RolloutRecord]:
    path = folder / "3.jsonl"
    return {one.uid: one for one in (read_record(json.loads(line)) for line in path.read_text().splitlines())}


def test_a_record_has_the_prompt_the_verdict_and_its_rule(step, tmp_path):
    records = recorded(*step, CARE, tmp_path)
    # Groups lie together, and padding is left out.
    assert list(records) == ["p_0_0", "p_1_0", "p_2_0", "q_0_0", "q_1_0"]
    one = records["p_2_0"]
    assert (one.step, one.group, one.row, one.gts) == (3, "p", 1, "6")
    assert one.input.strip("\x07") == "How\x07many?" and one.output == OTHER.decode()
    assert one.data == DataRow("geometry3k", 0, "train", images=2) and records["q_0_0"].data.index == 1
    assert (one.score, one.acc, one.format, one.rule) == (0.0, 0.0, 0.0, "number")
    # Without a verdict it is neither right nor wrong, and yet there is a rule that says why.
    assert (records["q_1_0"].acc, records["q_1_0"].rule, records["q_1_0"].role) == (None, "timeout", "invalid")


def test_a_record_has_what_care_made_of_the_row(step, tmp_path):
    queue, batch = step
    before = {key: row["old_log_probs"].sum().item() for key, row in queue.rows.items()}
    records = recorded(queue, batch, CARE, tmp_path)
    assert [one.role for one in records.values()] == [
        "anchor",
        "repaired_positive",
        "hard_negative",
        "unused",
        "invalid",
    ]
    assert {one.anchor for one in records.values()} == {batch.keys.index("p_0_0"), None}
    # Distances are those of the rows as sampled: at right angles, and 1 - 0.9 / |(0.9, 0.1)|.
    assert records["p_2_0"].distance == pytest.approx(1.0, abs=1e-6)
    assert records["p_1_0"].distance == pytest.approx(1 - 0.9 / (0.82**0.5), abs=1e-6)
    assert unpack_embedding(records["p_1_0"].embedding) == pytest.approx([0.9 / 0.82**0.5, 0.1 / 0.82**0.5], abs=1e-3)
    # Nobody looked at the other group.
    assert records["q_0_0"].embedding is None and records["q_0_0"].distance is None
    assert records["p_2_0"].logp == pytest.approx(before["p_2_0"], abs=1e-4)
    for one in records.values():
        assert sum(run.tokens * run.advantage for run in one.credit) == pytest.approx(one.advantage, abs=1e-4)
    assert records["p_0_0"].advantage > 0 > records["p_2_0"].advantage


def test_a_repaired_row_has_both_texts(step, tmp_path):
    one = recorded(*step, CARE, tmp_path)["p_1_0"]
    assert (one.output, one.acc) == ("<think>xxx</think><answer>5</answer>", 1.0)
    assert (one.repair.outcome, one.repair.used, one.repair.cue) == ("passed", True, CUES["plain"])
    assert (one.repair.failed, one.repair.failed_score) == (WRONG.decode(), 0.0)
    assert (one.repair.text, one.repair.acc) == (one.output, 1.0)


def test_a_repair_that_was_not_used_is_told_as_well(step, tmp_path):
    """It failed too, and the original stays in its place."""
    queue, batch = step
    row = judged(asked(row_of(WRONG, 0.0, [0.9, 0.1]), 0))
    (row["extra_fields"],) = with_repairs([row["extra_fields"]], [candidate(Outcome.FAILED, 0, 2)], shown=0)
    queue.rows["p_1_0"] = row
    care = dataclasses.replace(CARE, rgr=dataclasses.replace(CARE.rgr, on_fail="original"))
    step = begun(batch, care)
    repairs = StepRepairs(batch, step, care)
    repairs.write(batch)
    step = step.after_repairs(read_rollouts(batch, None), repairs.replaced, repairs.result({}), TOKENIZER, care)
    recorder = Recorder(care, tmp_path)
    recorder.add(3, batch, step, finish_step(step, care), WORDS)
    recorder.close()
    one = read(tmp_path)["p_1_0"]
    assert one.output == WRONG.decode() and one.role == "repaired_negative"
    assert (one.repair.outcome, one.repair.used, one.repair.acc) == ("failed", False, 0.0)
    assert one.repair.text == "<think>xx</think><answer>5</answer>"


def test_settings_leave_things_out(step, tmp_path):
    queue, batch = step
    care = dataclasses.replace(CARE, records=RecordsConfig(embeddings=False))
    assert all(one.embedding is None for one in recorded(queue, batch, care, tmp_path).values())


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_a_share_of_the_prompts_is_the_same_whatever_verl_calls_them(step, share, tmp_path):
    """Twenty prompts of one text, which their rows in the training file tell apart; in a second run under new names."""
    queue, _ = step
    kept = []
    for run in ("a", "b"):
        keys = [f"{run}{number}_{session}_0" for number in range(20) for session in range(2)]
        for key in keys:
            queue.rows[key] = judged(asked(row_of(RIGHT, 1.0, [1.0, 0.0]), int(key[1:].split("_")[0])))
        batch = KVBatchMeta(keys, [{"response_len": len(RIGHT), "seq_len": 40}] * len(keys), "train")
        care = dataclasses.replace(CARE, records=RecordsConfig(share=share))
        records = recorded(queue, batch, care, tmp_path / run)
        kept.append(sorted(one.data.index for one in records.values()))
    assert kept[0] == kept[1] and 0 < len(kept[0]) < 40
    # All rollouts of a prompt or none.
    assert kept[0] == sorted(2 * list(set(kept[0])))


def test_regions_count_their_tags_whatever_the_method_does(step, tmp_path):
    care = dataclasses.replace(CARE, regions=RegionsConfig(include_tags=False))
    one = recorded(*step, care, tmp_path)["p_2_0"]
    assert (one.think_tokens, one.answer_tokens) == (len("<think>no</think>"), len("<answer>4</answer>"))


def test_a_later_output_of_a_session_has_its_own_prompt_and_the_sessions_advantage(step, tmp_path):
    queue, _ = step
    for key, text in (("m_0_0", b"look"), ("m_0_1", RIGHT), ("m_1_0", WRONG)):
        queue.rows[key] = judged(asked(row_of(text, float(text == RIGHT), [1.0, float(text == WRONG)]), 4))
    queue.rows["m_0_1"]["prompts"] = torch.tensor(list(b"How many? look"))
    batch = KVBatchMeta(["m_0_0", "m_0_1", "m_1_0"], [{"response_len": 40, "seq_len": 60}] * 3, "train")
    records = recorded(queue, batch, CARE, tmp_path)
    assert records["m_0_1"].input == "How many? look" and records["m_0_0"].input == records["m_1_0"].input
    assert (records["m_0_0"].acc, records["m_0_1"].acc) == (None, 1.0)
    assert records["m_0_0"].advantage == records["m_0_1"].advantage > 0


def test_another_estimators_rows_are_recorded_without_roles(step, tmp_path):
    """Verl gives each token its row's advantage; the credits of a row add up to it."""
    queue, batch = step
    for key, row in queue.rows.items():
        value = 1.5 if key == "p_0_0" else -0.5 if key.startswith("p") else 0.0
        row["advantages"] = torch.full((len(row["responses"]),), value)
    recorder = Recorder(CareConfig(), tmp_path)
    recorder.add_stock(3, batch, WORDS)
    recorder.close()
    records = read(tmp_path)
    assert {one.role for one in records.values()} == {""} and {one.anchor for one in records.values()} == {None}
    assert [one.advantage for one in records.values()] == pytest.approx([1.5, -0.5, -0.5, 0.0, 0.0])
    (run,) = records["p_0_0"].credit
    assert run.advantage * run.tokens == pytest.approx(1.5, rel=1e-4)
    assert [one.acc for one in records.values()] == [1.0, 0.0, 0.0, 1.0, None]
    assert records["p_0_0"].think_tokens == len("<think>so</think>")


@pytest.mark.parametrize(("threshold", "acc"), [(None, None), (0.5, 1.0)])
def test_a_bare_score_is_no_verdict_without_a_threshold(threshold, acc, step, tmp_path):
    queue, batch = step
    for row in queue.rows.values():
        row["advantages"] = torch.zeros(len(row["responses"]))
        row["extra_fields"] = {"reward_extra_info": {"acc": float(row["rm_scores"].sum())}}
    recorder = Recorder(CareConfig(positive_threshold=threshold), tmp_path)
    recorder.add_stock(3, batch, WORDS)
    recorder.close()
    assert read(tmp_path)["p_0_0"].acc == acc


def test_a_run_is_recorded_where_a_folder_is_named():
    assert Recorder.of_run(compose([])) is None
    assert Recorder.of_run(compose(["+algorithm.care.records.share=0.5"])) is None
    assert Recorder.of_run(compose(["+algorithm.care.records.folder=records"])) is not None
    assert Recorder.of_run(compose(["+tiny=demo", "+method=grpo"])) is not None
    assert Recorder.of_run(compose(["+tiny=demo", "+method=care", "algorithm.care.records.folder=null"])) is None
