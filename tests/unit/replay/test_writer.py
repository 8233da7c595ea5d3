# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Records on their way to the disk: complete, in order, and never in the way of the run."""

import dataclasses
import json
import logging

from recipe.care.config import CareConfig
from recipe.care.text.token_bytes import token_bytes
from recipe.replay.records import build_records, read_record
from recipe.replay.writer import RecordWriter
from tests.unit.replay.test_records import Letters, step_rows

TABLE = token_bytes(Letters())


def written(path):
    return [read_record(json.loads(line)) for line in path.read_text().splitlines()]


def test_a_step_is_a_file_with_the_rows_that_are_kept(tmp_path):
    step = step_rows(CareConfig())
    writer = RecordWriter(tmp_path / "new" / "records")
    writer.add(step, [2, 0], TABLE)
    writer.add(dataclasses.replace(step, step=5), range(3), TABLE)
    writer.close()
    assert sorted(path.name for path in (tmp_path / "new" / "records").iterdir()) == ["4.jsonl", "5.jsonl"]
    assert written(tmp_path / "new" / "records" / "4.jsonl") == list(build_records(step, [2, 0], TABLE))
    assert [one.step for one in written(tmp_path / "new" / "records" / "5.jsonl")] == [5] * 3


def test_rows_are_counted_over_the_parts_of_a_step(tmp_path):
    """A trainer that updates twice in a step hands over two batches; an anchor is one of its own."""
    step = step_rows(CareConfig())
    writer = RecordWriter(tmp_path)
    for _ in range(2):
        writer.add(step, range(3), TABLE)
    writer.close()
    records = written(tmp_path / "4.jsonl")
    assert [one.row for one in records] == [0, 1, 2, 3, 4, 5]
    assert [one.anchor for one in records] == [0, 0, 0, 3, 3, 3]


def test_a_resumed_run_writes_a_step_again(tmp_path):
    for kept in (range(3), [0]):
        writer = RecordWriter(tmp_path)
        writer.add(step_rows(CareConfig()), kept, TABLE)
        writer.close()
    assert [one.row for one in written(tmp_path / "4.jsonl")] == [0]


def test_what_cannot_be_written_is_said_once_and_stops_nothing(tmp_path, caplog):
    folder, step = tmp_path / "records", step_rows(CareConfig())
    folder.write_text("a file stands in the way")
    writer = RecordWriter(folder)
    with caplog.at_level(logging.WARNING):
        for number in (4, 5):
            writer.add(dataclasses.replace(step, step=number), range(3), TABLE)
        folder.unlink()
        writer.add(dataclasses.replace(step, step=6), range(3), TABLE)
        writer.close()
    (warning,) = caplog.messages
    assert str(folder / "4.jsonl") in warning and "FileExistsError" in warning and "algorithm.care.records" in warning
    # Step 5 may have been tried before the file was gone or after.
    assert len(written(folder / "6.jsonl")) == 3


def test_a_full_disk_leaves_no_half_a_step(tmp_path, caplog):
    """A number that JSON cannot hold ends the writing in the middle, as a full disk does."""
    step = step_rows(CareConfig())
    writer = RecordWriter(tmp_path)
    writer.add(dataclasses.replace(step, scores=[1.0, float("nan"), 0.0]), range(3), TABLE)
    writer.close()
    assert str(tmp_path / "4.jsonl") in caplog.text and not (tmp_path / "4.jsonl").exists()
