# Copyright 2026 The CARE-verl authors
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""Tables of runs: intervals and differences by hand, and a table that goes on where it was."""

import dataclasses
import json
import math
import subprocess

import pytest

from recipe.tiny.metrics import Step
from recipe.tiny.suite import runs
from recipe.tiny.suite.results import Estimate, Result, add_result, markdown, read_results, summarise
from recipe.tiny.suite.tables import TABLES, Method, Table

TABLE = Table("t", "Methods", (Method("base", "grpo"), Method("new", "care", ("+algorithm.care.k=2",))))


def result(method, seed, accuracy, **changes):
    plain = Result("t", method, seed, 0.5, accuracy, 10, 20_000, 50.0, 0.25, (), "abc")
    return dataclasses.replace(plain, **changes)


def test_interval_is_students():
    # Mean 0.6; deviations -0.1, 0, 0.1: variance (0.01 + 0 + 0.01) / 2 = 0.01, deviation 0.1; t(2) = 4.303:
    # half width 4.303 * 0.1 / sqrt(3) = 0.24843.
    estimate = Estimate.of([0.5, 0.6, 0.7])
    assert (estimate.mean, estimate.half) == (pytest.approx(0.6), pytest.approx(0.24843, abs=1e-5))
    assert math.isinf(Estimate.of([0.5]).half)
    # Beyond the list the normal quantile: 20 values of deviation s, half 1.96 s / sqrt(20).
    values = [0.0, 1.0] * 10
    assert Estimate.of(values).half == pytest.approx(1.96 * math.sqrt(5 / 19) / math.sqrt(20))


def test_differences_are_paired_by_seed():
    # Seeds 0 and 1 are shared: differences 0.1 and 0.2, mean 15 points, deviation 0.0707, t(1) = 12.706:
    # half width 12.706 * 0.0707107 / sqrt(2) = 0.6353. Seed 2 of the baseline counts for its own mean only.
    found = [result("base", 0, 0.5), result("base", 1, 0.6), result("base", 2, 0.9)]
    found += [result("new", 0, 0.6), result("new", 1, 0.8)]
    base, new = markdown(TABLE, found).splitlines()[2:]
    assert "| base | 3 | 50.0 | 66.7 ± " in base
    assert "| +15.0 ± 63.5 |" in new and "| new | 2 |" in new and "| 20 | 5.0 | 25% |" in new


def test_a_run_is_summed_up_from_its_metrics():
    val = "val-core/tiny/acc/mean@1"
    steps = [Step(0, {val: 0.4}), Step(1, {"response_length/mean": 10.0, "timing_s/step": 2.0, "care/rgr/tokens": 7.0})]
    steps.append(Step(2, {"response_length/mean": 20.0, "timing_s/step": 3.0, "care/rgr/pass_rate": 0.5, val: 0.6}))
    # 8 rows a step: 8 * 10 + 8 * 20 tokens and 7 of repairs; repairs passed 0 and 0.5 of the time.
    one = summarise("t", "new", 3, steps, 8, ("a=b",), "abc")
    assert one == Result("t", "new", 3, 0.4, 0.6, 2, 247, 5.0, 0.25, ("a=b",), "abc")


def test_results_survive_the_file(tmp_path):
    path = tmp_path / "results.jsonl"
    assert read_results(path) == []
    written = [result("base", 0, 0.5), result("new", 0, 0.6, overrides=("a=b",))]
    for one in written:
        add_result(path, one)
    assert read_results(path) == written


def test_a_table_runs_what_is_missing_and_nothing_twice(tmp_path, monkeypatch):
    started = []

    def run(command, *, env, cwd, **kwargs):
        if command[0] == "git":
            return subprocess.CompletedProcess(command, 0, stdout="abc\n")
        started.append((env["ALGO"], env["SEED"], command))
        folder = tmp_path / env["RUN_DIR"]
        (folder / "checkpoints").mkdir(parents=True)
        step = {"response_length/mean": 10.0, "timing_s/step": 2.0, "val-core/x/acc/mean@1": 0.6}
        records = [{"step": 0, "data": {"val-core/x/acc/mean@1": 0.5}}, {"step": 4, "data": step}]
        (folder / "metrics-1.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
        return subprocess.CompletedProcess(command, 1 if len(started) == 3 else 0)

    monkeypatch.setattr(runs.subprocess, "run", run)
    monkeypatch.setitem(runs.__dict__, "_commit", lambda: "abc")
    settings = runs.Settings(tmp_path / "out", tmp_path / "data", 4, ("x=y",))
    with pytest.raises(SystemExit, match=r"t-base-1 stopped.*again"):
        runs.run_table(TABLE, [0, 1], settings)
    assert [(algorithm, seed) for algorithm, seed, _ in started] == [("grpo", "0"), ("care", "0"), ("grpo", "1")]
    assert started[1][2][-2:] == ["+algorithm.care.k=2", "x=y"]
    # The failed run's folder stays: there the script resumes. This one makes it anew, so it is cleared here.
    (tmp_path / "out" / "t-base-1" / "checkpoints").rmdir()
    runs.run_table(TABLE, [0, 1], settings)
    assert len(started) == 5
    assert [(one.method, one.seed) for one in read_results(settings.results)] == [
        ("base", 0),
        ("new", 0),
        ("base", 1),
        ("new", 1),
    ]


def test_tables_have_distinct_methods():
    assert set(TABLES) == {"main", "rgr"}
    with pytest.raises(ValueError, match="same name"):
        Table("t", "x", (Method("a", "grpo"), Method("a", "care")))
