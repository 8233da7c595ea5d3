# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""From rollouts to groups as they are shown."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from recipe.report import groups
from recipe.report.groups import Collector
from recipe.report.images import TrainingFiles
from tests.unit.report.runs import (
    CUE,
    failed_group,
    response,
    right_group,
    rollout,
    taught_group,
    write_data,
    write_records,
)


def collect(folder: Path, most: int = 100, files: TrainingFiles | None = None) -> Collector:
    collector = Collector(most, files, lambda rollout: float(rollout.score == 1.0))
    paths = sorted(folder.glob("*.jsonl"), key=lambda path: int(path.stem))
    collector.read(paths, lambda size: None, lambda error: pytest.fail(str(error)))
    return collector


def shown(collector: Collector) -> list[dict]:
    return [json.loads(kept.text) for kept in collector.groups]


def test_a_group_is_shown_as_it_was_sampled_with_what_became_of_it(tmp_path):
    write_records(tmp_path, taught_group("p"))
    (group,) = shown(collect(tmp_path))
    assert (group["gold"], group["k_prime"], group["place"]) == ("3", 3, "tiny_count train 0")
    anchor, near, _, unused, repaired = group["rollouts"]
    assert anchor["anchor"] and anchor["credit"] == [[23, 0.005, 2], [18, 0.4, 3]]
    assert "anchor" not in near and near["distance"] == 0.02 and near["advantage"] == -0.5
    assert unused["role"] == "unused" and "credit" not in unused
    # The failure in whose place the repair was trained, and the repair beside it.
    assert repaired["output"] == response("I guess.", "5") and repaired["acc"] == 0.0 and "rule" not in repaired
    assert repaired["repair"]["cue"] == CUE and repaired["repair"]["acc"] == 1.0 and repaired["repair"]["used"]


def test_a_step_is_counted_as_it_was_sampled(tmp_path):
    write_records(tmp_path, [*taught_group("p"), *failed_group("q"), *right_group("r")])
    found = collect(tmp_path).by_step[1]
    # Right as sampled: 2 of 5 in p (its repair is none of them), 0 of 3 in q, 3 of 3 in r.
    assert found["rollouts/acc"] == pytest.approx(5 / 11)
    assert found["rollouts/mixed"] == found["rollouts/all_wrong"] == found["rollouts/all_right"] == pytest.approx(1 / 3)
    assert found["rollouts/k_prime"] == 2.5 and found["rollouts/anchor_advantage"] == 2.0
    assert found["rollouts/repair_pass_rate"] == 1.0


def test_a_sample_is_spread_over_the_steps_and_the_same_in_another_run(tmp_path):
    for run in ("a", "b"):
        records = []
        for step in range(1, 41):
            # Names of groups differ from run to run, prompts do not.
            for number in range(5):
                records += right_group(f"{run}{step}-{number}", step, index=5 * step + number)
        write_records(tmp_path / run, records)
    first, second = (collect(tmp_path / run, most=50) for run in ("a", "b"))
    assert first.seen == 200 and len(first.groups) == 50
    keys = [group["key"] for group in shown(first)]
    assert keys == [group["key"] for group in shown(second)] and len(set(keys)) == 50
    steps = [kept.step for kept in first.groups]
    assert steps == sorted(steps)
    # A quarter of 200 groups; of each half of the steps about half of the sample: 25 +- 4 standard deviations of 3.1.
    assert 12 < sum(step <= 20 for step in steps) < 38


def test_long_texts_leave_fewer_groups(tmp_path, monkeypatch):
    records = [rollout(f"p{number}", 0, 1.0, output="x" * 1000) for number in range(30)]
    write_records(tmp_path, records)
    size = len(collect(tmp_path).groups[0].text)
    monkeypatch.setattr(groups, "MOST_TEXT", 10 * size + size // 2)
    collector = collect(tmp_path)
    assert collector.seen == 30 and 9 <= len(collector.groups) <= 11


def test_dumps_of_stock_verl_are_read(tmp_path):
    line = {"input": "user\nHow many?\nassistant\n", "output": response("I count.", "3"), "gts": "3", "step": 1}
    rows = [{**line, "score": score, "uid": f"p_{place}_0"} for place, score in enumerate((1.0, 0.1))]
    tmp_path.joinpath("1.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    (group,) = shown(collect(tmp_path))
    assert [one["acc"] for one in group["rollouts"]] == [1.0, 0.0]
    assert "role" not in group["rollouts"][0] and "advantage" not in group["rollouts"][0]
    assert group["key"]


def test_prompts_are_told_apart_by_the_training_file(tmp_path):
    data = write_data(tmp_path / "train.parquet", 30)
    files = TrainingFiles([data])
    record = rollout("p", 0, 1.0)
    assert files.find(None, record.input, "3") is None
    records = [*taught_group("p", index=7), *taught_group("unknown", index=99)]
    write_records(tmp_path / "run", records)
    collector = collect(tmp_path / "run", files=files)
    assert [kept.row for kept in collector.groups] == [7, None]


def test_a_prompt_that_two_rows_have_is_neither_of_them(tmp_path):
    data = write_data(tmp_path / "train.parquet", 40)
    files = TrainingFiles([data])
    rows = pq.read_table(data, columns=["prompt", "reward_model"]).to_pylist()
    texts = [(row["prompt"][0]["content"], row["reward_model"]["ground_truth"]) for row in rows]
    for number, (prompt, gold) in enumerate(texts):
        found = files.find(None, f"user\n{prompt.replace('<image>', '')}\nassistant\n", gold)
        assert found == (number if texts.count((prompt, gold)) == 1 else None)
    assert len(set(texts)) < len(texts)
