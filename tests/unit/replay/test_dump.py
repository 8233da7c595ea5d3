# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Reading dumps: verl's own, damaged ones, and files that are none."""

import json

import pytest

from recipe.replay.dump import LINES_OF_DOUBT, NoDumpError, ReadCounts, find_files, read_steps
from tests.unit.replay.dumps import group, read, row, write


def test_a_key_of_the_v1_trainers_names_the_group(tmp_path):
    write(tmp_path / "1.jsonl", [row(uid="a_b_0_0"), row(uid="a_b_1_0"), row(uid="a_c_0_0"), row(uid="plain")])
    (step,), _ = read(tmp_path)
    assert [one.group for one in step] == ["a_b", "a_b", "a_c", "plain"]


def test_without_a_uid_equal_prompt_and_answer_are_a_group(tmp_path):
    write(tmp_path / "1.jsonl", [row("x"), row("y"), row("x"), row("x", gts="other")])
    (step,), counts = read(tmp_path)
    names = [one.group for one in step]
    assert names[0] == names[2] and len(set(names)) == 3
    assert counts.without_uid == 4


def test_steps_come_in_their_order_and_one_at_a_time(tmp_path):
    for step in (10, 2):
        write(tmp_path / f"{step}.jsonl", [row(step=step)] * 2)
    both = write(tmp_path / "all" / "run.jsonl", [row(step=1), row(step=1), row(step=2)])
    assert [[one.step for one in step] for step in read(tmp_path)[0]] == [[2, 2], [10, 10]]
    assert [[one.step for one in step] for step in read(both)[0]] == [[1, 1], [2]]


def test_padding_rows_and_earlier_outputs_are_left_out_and_counted(tmp_path):
    rows = [row(uid="p_0_0"), row(uid="p_0_1", output="last"), row(uid="p_1_0"), row(uid=f"pad{'0' * 32}_0_0")]
    write(tmp_path / "1.jsonl", rows)
    (step,), counts = read(tmp_path)
    assert [one.output for one in step] == ["last", rows[2]["output"]]
    assert (counts.padding, counts.earlier_outputs) == (1, 1)


DAMAGED = {
    "not JSON": '{"input": "half a li',
    "not a JSON object": "[1, 2]",
    "input and output": json.dumps({"input": "x", "score": 1, "step": 1}),
    "whole number under step": json.dumps(row(step="one")),
    "finite number under score": json.dumps(row(score=float("nan"))),
    "number under acc": json.dumps(row(acc="yes")),
    "number under score ": json.dumps(row(score=10**400)),
    "too deep": "[" * 100_000,
    "newer": json.dumps(row(care_record=99)),
}


@pytest.mark.parametrize("line", DAMAGED.values(), ids=DAMAGED)
@pytest.mark.parametrize("place", [0, 1])
def test_a_damaged_line_is_counted_and_skipped(line, place, tmp_path):
    lines = [row(), row()]
    lines.insert(place, line)
    path = write(tmp_path / "1.jsonl", lines)
    (step,), counts = read(path)
    assert len(step) == 2
    assert (counts.lines, counts.damaged) == (3, 1)
    assert counts.damages[0].startswith(f"{path}:{place + 1}: ")


def test_bytes_that_are_no_text_are_a_damaged_line(tmp_path):
    path = write(tmp_path / "1.jsonl", [row()])
    path.write_bytes(path.read_bytes() + b"\xff\xfe\x00garbage\n")
    assert read(path)[1].damaged == 1


@pytest.mark.parametrize(
    "content",
    [b"", b"a,b\n1,2\n", b"\x89PNG\r\n\x1a\n" + bytes(5000), b"{}\n" * (LINES_OF_DOUBT + 5), b'{"loss": 0.1}\n'],
    ids=["empty", "csv", "picture", "objects", "metrics"],
)
def test_a_file_that_is_no_dump_is_refused_in_a_line(content, tmp_path):
    path = tmp_path / "1.jsonl"
    path.write_bytes(content)
    with pytest.raises(NoDumpError, match="no rollout dump") as raised:
        read(path)
    assert "\n" not in str(raised.value) and "trainer.rollout_data_dir" in str(raised.value)


def test_a_file_that_is_no_dump_is_passed_over_where_somebody_wants_to_know(tmp_path):
    write(tmp_path / "1.jsonl", ["nothing"])
    write(tmp_path / "2.jsonl", [row()])
    refused = []
    assert len(list(read_steps(find_files([tmp_path]), ReadCounts(), refused=refused.append))) == 1
    assert len(refused) == 1


def test_a_folder_without_dumps_and_a_path_that_is_not_there(tmp_path):
    with pytest.raises(NoDumpError, match=r"no <step>\.jsonl in this folder"):
        find_files([tmp_path])
    with pytest.raises(NoDumpError, match="there is no such file"):
        find_files([tmp_path / "missing"])


def test_all_bytes_are_told_of(tmp_path):
    path = write(tmp_path / "1.jsonl", group("p", [1, 0]))
    told = []
    list(read_steps([path], ReadCounts(), told.append))
    assert sum(told) == path.stat().st_size


def test_a_line_that_is_too_long_is_damaged_and_not_held(tmp_path, monkeypatch):
    monkeypatch.setattr("recipe.replay.dump.LONGEST_LINE", 500)
    path = write(tmp_path / "1.jsonl", [row(), row(output="x" * 2000), row()])
    (step,), counts = read(path)
    assert len(step) == 2 and "longer than" in counts.damages[0]
