# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Verdicts worth a second look."""

import pytest

from recipe.replay.dump import ReadCounts, read_steps
from recipe.report.surprises import surprises
from tests.unit.report.runs import response, rollout, write_records


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        ([("3", 1.0, {}), ("4", 0.0, {})], []),
        ([("4", 1.0, {}), ("4", 0.0, {})], ["the same answer judged right and wrong"]),
        ([(" 3. ", 0.0, {})], ["wrong, with the characters of the gold"]),
        ([("2.9", 1.0, {"rule": "relaxed"})], ["right by the rule relaxed, though it looks different from the gold"]),
        ([("3.0", 1.0, {"rule": "number"})], []),
        ([("4", 0.0, {"score": 0.9})], ["reward and verdict disagree"]),
        ([("4", None, {"score": 0.0})], ["no verdict on a rollout"]),
    ],
)
def test_reasons(tmp_path, rows, wanted):
    records = [
        rollout("p", place, acc or 0.0, output=response("I count.", answer), **more)
        for place, (answer, acc, more) in enumerate(rows)
    ]
    write_records(tmp_path, records)
    (rollouts,) = read_steps([tmp_path / "1.jsonl"], ReadCounts())
    assert surprises(rollouts, [acc for _, acc, _ in rows]) == wanted
