# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The record of a rollout: written, read back, and replayed."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from recipe.care.advantage import care_advantages
from recipe.care.config import CareConfig
from recipe.care.errors import CareDataError
from recipe.care.regions import find_regions, token_advantages
from recipe.care.text.token_bytes import token_bytes
from recipe.replay.dump import ReadCounts, read_steps
from recipe.replay.embeddings import RECORDED, as_recorded
from recipe.replay.records import (
    VERSION,
    CreditRun,
    DataRow,
    RepairRecord,
    RolloutRecord,
    StepRows,
    build_records,
    credit_runs,
    keep_group,
    pack_embedding,
    project,
    read_record,
    unpack_embedding,
)
from recipe.replay.rows import WordCounter, lay_out


class Letters:
    """One token a byte."""

    def get_vocab(self):
        return {chr(code): code for code in range(128)}

    def decode(self, token_ids, *, skip_special_tokens):
        return "".join(map(chr, token_ids))


TEXTS = ["<think>aa</think><answer>3</answer>", "<think>bbbb</think><answer>4</answer>", "<think>c"]
REPAIR = RepairRecord("failed", True, "<think>b</think><answer>5</answer>", 0.1, "Look again.", TEXTS[1], 0.0, "number")


def step_rows(config: CareConfig) -> StepRows:
    """One group: right, wrong and repaired in vain, wrong and cut off."""
    ids = torch.nn.utils.rnn.pad_sequence([torch.tensor(list(text.encode())) for text in TEXTS], batch_first=True)
    mask = (ids != 0).long()
    regions = find_regions(ids, mask, Letters())
    acc = [1.0, 0.0, 0.0]
    embeddings = np.array([[1.0, 0.0, 0.0], [0.8, 0.6, 0.0], [0.0, 0.0, 1.0]])
    result = care_advantages(
        acc,
        [1.0, 0.1, 0.0],
        ["p"] * 3,
        regions.think_len,
        regions.answer_len,
        embeddings,
        None,
        config,
        repaired=[False, True, False],
    )
    return StepRows(
        step=4,
        uids=["p_0_0", "p_1_0", "p_2_0"],
        groups=["p"] * 3,
        inputs=["user\nHow many?"] * 3,
        gts=["3"] * 3,
        scores=[1.0, 0.1, 0.0],
        acc=acc,
        formats=[1.0, 1.0, None],
        rules=["number", "number", "no_answer"],
        response_ids=ids,
        response_mask=mask,
        token_advantages=token_advantages(result.advantages, mask, regions, torch.tensor(acc), config),
        regions=regions,
        result=result,
        distances=[0.0, 0.2, float("inf")],
        logp=[-3.0, -4.0, -5.0],
        embeddings=embeddings,
        data=[DataRow("geometry3k", 17, "train", 1)] * 3,
        repairs={1: REPAIR},
    )


@pytest.fixture(scope="module")
def records():
    return list(build_records(step_rows(CareConfig()), range(3), token_bytes(Letters())))


def test_a_record_is_a_line_of_verls_dump_and_more(records):
    line = json.loads(records[0].line())
    assert {key: line[key] for key in ("input", "output", "gts", "score", "step", "uid")} == {
        "input": "user\nHow many?",
        "output": TEXTS[0],
        "gts": "3",
        "score": 1.0,
        "step": 4,
        "uid": "p_0_0",
    }
    assert line["care_record"] == VERSION
    assert line["format"] == 1.0 and "format" not in json.loads(records[2].line())
    assert (line["acc"], line["rule"], line["data"]) == (1.0, "number", dataclasses.asdict(records[0].data))


def test_roles_anchors_and_distances(records):
    assert [one.role for one in records] == ["anchor", "repaired_negative", "hard_negative"]
    assert [(one.row, one.anchor, one.distance, one.k_prime) for one in records] == [
        (0, 0, 0.0, 2),
        (1, 0, 0.2, 2),
        (2, 0, None, 2),
    ]


def test_spans_are_characters_with_their_tags_and_counts_are_tokens(records):
    (start, stop), (first, last) = records[0].think, records[0].answer
    assert (TEXTS[0][start:stop], TEXTS[0][first:last]) == ("<think>aa</think>", "<answer>3</answer>")
    assert (records[0].tokens, records[0].think_tokens, records[0].answer_tokens) == (35, 17, 18)
    assert (records[2].think, records[2].answer, records[2].answer_tokens) == ((0, 8), None, 8)


def test_the_credit_of_a_row_adds_up_to_its_advantage_and_covers_its_text(records):
    for record, text in zip(records, TEXTS, strict=True):
        assert sum(run.tokens * run.advantage for run in record.credit) == pytest.approx(record.advantage, rel=1e-4)
        assert sum(run.characters for run in record.credit) == len(text)
    assert [run.tokens for run in records[0].credit] == [17, 18]
    assert records[0].credit[0].advantage == pytest.approx(0.005 * records[0].credit[1].advantage, rel=1e-4)


def test_a_record_comes_back_as_it_was(records):
    for record in records:
        assert read_record(json.loads(record.line())) == record


def test_what_a_newer_writer_adds_is_passed_over_and_a_newer_version_refused(records):
    line = json.loads(records[0].line())
    assert read_record({**line, "mood": "good"}) == records[0]
    with pytest.raises(CareDataError, match=f"care_record is {VERSION + 1}"):
        read_record({**line, "care_record": VERSION + 1})


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"row": "one"}, "row"),
        ({"score": float("inf")}, "score"),
        ({"repair": {"outcome": "passed"}}, "repair.used"),
        ({"think": [1]}, "think"),
        ({"credit": [[1, 2]]}, "credit"),
        ({"data": "geometry3k"}, "data"),
        ({"acc": True}, "acc"),
    ],
)
def test_a_wrong_field_is_named(changed, named, records):
    with pytest.raises(CareDataError, match=rf"^{named}\b"):
        read_record({**json.loads(records[0].line()), **changed})


def test_credit_runs_count_characters_and_not_bytes():
    """The tokens "é" (2 bytes), "a", "日" cut in two (1 + 2 bytes): 3 characters; the last token begins none."""
    text = "éa日".encode()
    runs = credit_runs(np.array([0.5, 0.5, -1.0, -1.0]), text, np.array([2, 3, 4, 6]))
    assert runs == (CreditRun(2, 2, 0.5), CreditRun(2, 1, -1.0))
    assert credit_runs(np.zeros(4), text, np.array([2, 3, 4, 6])) == ()
    assert credit_runs(np.zeros(0), b"", np.zeros(0, dtype=int)) == ()


def test_a_row_that_nobody_wrote_into_has_an_empty_response():
    rows = step_rows(CareConfig())
    empty = dataclasses.replace(rows, response_mask=torch.zeros_like(rows.response_mask))
    (record,) = build_records(empty, [0], token_bytes(Letters()))
    assert (record.output, record.tokens, record.credit) == ("", 0, ())


def test_a_row_that_the_run_did_not_look_at_has_no_embedding():
    rows = step_rows(CareConfig())
    unseen = dataclasses.replace(rows, embeddings=rows.embeddings * np.array([[1.0], [0.0], [1.0]]))
    found = [one.embedding is None for one in build_records(unseen, range(3), token_bytes(Letters()))]
    assert found == [False, True, False]


def test_embeddings_keep_their_distances():
    vectors = np.random.default_rng(1).normal(size=(1, 2000)) + 0.5 * np.random.default_rng(2).normal(size=(40, 2000))
    stored = np.stack([unpack_embedding(pack_embedding(one)) for one in project(vectors)])
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    distance, kept = (1 - one @ one.T for one in (unit, stored))
    off = ~np.eye(40, dtype=bool)
    assert np.abs(kept - distance)[off].mean() < distance[off].mean() / 6
    with pytest.raises(CareDataError, match="embedding"):
        unpack_embedding("no base64!")


def test_the_same_share_of_groups_is_kept_everywhere():
    kept = [keep_group(f"group {number}", 0.25) for number in range(4000)]
    assert 900 < sum(kept) < 1100
    assert kept == [keep_group(f"group {number}", 0.25) for number in range(4000)]
    assert all(keep_group(f"group {number}", 1.0) for number in range(100)) and not keep_group("x", 0.0)


def test_a_replay_sees_the_rollouts_as_they_were_sampled(records, tmp_path):
    """The repaired row is its failure again; the run's own embeddings are used; a repair's log-probability is not."""
    path = tmp_path / "4.jsonl"
    path.write_text("".join(f"{record.line()}\n" for record in records))
    (rollouts,) = read_steps([path], ReadCounts())
    assert [one.output for one in rollouts] == [TEXTS[0], REPAIR.failed, TEXTS[2]]
    assert [(one.acc, one.score) for one in rollouts] == [(1.0, 1.0), (0.0, 0.1), (0.0, 0.0)]
    _, rows, origin = lay_out(rollouts, [1.0, 0.0, 0.0], WordCounter(), as_recorded)
    assert origin == RECORDED
    assert rows.logp_sum_B.tolist() == pytest.approx([-3, float("nan"), -5], nan_ok=True)
    assert rows.logp_mean_B[0] == pytest.approx(-3 / 35)
    unit = rows.embeddings_BH / np.linalg.norm(rows.embeddings_BH, axis=1, keepdims=True)
    assert 1 - unit[1] @ unit[0] == pytest.approx(0.2, abs=1e-3)


def test_a_record_without_a_verdict_stays_without(records, tmp_path):
    path = tmp_path / "4.jsonl"
    path.write_text(dataclasses.replace(records[2], acc=None).line() + "\n")
    ((rollout,),) = read_steps([path], ReadCounts())
    assert rollout.unverified


def test_a_record_needs_only_what_has_no_default(tmp_path):
    line = {
        "care_record": 1,
        "step": 1,
        "uid": "p_0_0",
        "group": "p",
        "row": 0,
        "input": "",
        "output": "",
        "score": 0,
        "role": "unused",
        "advantage": 0.0,
    }
    assert read_record(line) == RolloutRecord(1, "p_0_0", "p", 0, "", "", None, 0.0, None, "unused", 0.0)
