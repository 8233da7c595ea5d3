# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Tables of runs: intervals and differences by hand, and a table that goes on where it was."""

import dataclasses
import json
import math
import re
import subprocess
from pathlib import Path

import pytest

from recipe.tiny.metrics import Step
from recipe.tiny.suite import runs
from recipe.tiny.suite.results import Estimate, Look, add_result, markdown, read_results, summarise
from recipe.tiny.suite.signal import Signal
from recipe.tiny.suite.tables import TABLES, Method, Table
from tests.unit.tiny.suite_results import RAW, TABLE, VAL, result


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
    assert "| base | 3 | 66.7 ± " in base
    assert "| new | 2 |" in new and "| +15.0 ± 63.5 | +15.0 ± 63.5 | 20 | 5.0 | 25% |" in new


def test_at_equal_tokens_the_dearer_method_is_read_earlier():
    # "new" decoded 40,000 tokens for 0.9; at the baseline's 20,000, half way from its start at 0.5, it had 0.7.
    base, new = result("base", 0, 0.65), result("new", 0, 0.9, tokens=40_000)
    assert new.accuracy_at(20_000) == pytest.approx(0.7) and base.accuracy_at(20_000) == 0.65
    assert base.accuracy_at(30_000) == 0.65 and base.accuracy_at(0) == 0.5
    line = markdown(TABLE, [base, new]).splitlines()[-1]
    assert "| +25.0 | +5.0 | 40 |" in line


def test_a_run_is_summed_up_from_its_metrics():
    steps = [Step(0, {VAL.format("a"): 0.4, VAL.format("b"): 0.6})]
    steps.append(Step(1, {"response_length/mean": 10.0, "timing_s/step": 2.0, "care/rgr/tokens": 7.0}))
    # Nothing was repaired, so its pass rate of 0 says nothing.
    steps[-1].data.update({"care/rgr/pass_rate": 0.0, "care/rgr/triggered": 0})
    dropped = {"training/filter_groups/evicted_samples": 3, "training/filter_groups/discarded_surplus_samples": 1}
    last = {
        "response_length/mean": 20.0,
        "timing_s/step": 3.0,
        "care/rgr/pass_rate": 0.5,
        "care/rgr/triggered": 4,
        **dropped,
    }
    steps.append(Step(2, {**last, VAL.format("a"): 0.6, VAL.format("b"): 1.0}))
    # 2 groups of 4 rows a step: 10 * 8 tokens and 7 of repairs, then 20 * (2 + 3 + 1) * 4; half the repairs passed.
    one = summarise(TABLE.methods[1], 3, "d", steps, [Signal(0.5, 0.25)] * 2, [RAW], prompts=2, group=4, commit="abc")
    assert one.looks == (Look(0, 0, 0.5), Look(2, 567, 0.8))
    # What another run saw before training is taken where this one did not look.
    sizes = {"prompts": 2, "group": 4}
    other, same = (
        summarise(TABLE.methods[1], 3, "d", some, [], **sizes, commit="", start=0.45) for some in (steps[1:], steps)
    )
    assert (other.looks, same.looks) == ((Look(0, 0, 0.45), Look(2, 567, 0.8)), one.looks)
    assert one.families == {"a": 0.6, "b": 1.0}
    assert one.raw_advantages == (RAW,)
    assert (one.failure_mass, one.zero_signal) == ((0.5, 0.5), (0.25, 0.25))
    assert one.series == {"response_length/mean": [10.0, 20.0], "care/rgr/pass_rate": [None, 0.5]}
    assert (one.steps, one.tokens, one.accuracy, one.seconds, one.repaired) == (2, 567, 0.8, 5.0, 0.5)


def test_a_series_has_every_step():
    steps = [
        Step(number, {"response_length/mean": 10.0 * number, VAL.format("a"): 0.5, "actor/entropy": 1 / number})
        for number in (1, 2, 3)
    ]
    one = summarise(TABLE.methods[0], 0, "d", steps, [], prompts=1, group=1, commit="abc")
    assert one.series == {"response_length/mean": [10.0, 20.0, 30.0], "actor/entropy": [1.0, 0.5, 0.3333]}


def test_results_survive_the_file(tmp_path):
    path = tmp_path / "results.jsonl"
    assert read_results(path) == []
    written = [result("base", 0, 0.5), result("new", 0, 0.6)]
    for one in written:
        add_result(path, one)
    assert read_results(path) == written


@pytest.fixture
def failing():
    """Which of the starts fail: the second once, the third and its retry too."""
    return 2, 4, 5


@pytest.fixture
def started(tmp_path, monkeypatch, failing):
    """The runs that were started, as (algorithm, seed, command)."""
    started = []

    def run(command, *, env=None, **kwargs):
        if "recipe.tiny.prepare" in command:
            model = tmp_path / "out" / "data_count" / "model"
            model.mkdir(parents=True, exist_ok=True)
            (model / "made_with.json").write_text(json.dumps({"hash": "0123456789abcdef"}))
            return subprocess.CompletedProcess(command, 0)
        started.append((env["METHOD"], env["SEED"], command))
        folder = tmp_path / env["RUN_DIR"]
        (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
        step = {"response_length/mean": 10.0, "timing_s/step": 2.0, VAL.format("x"): 0.6}
        records = [{"step": 0, "data": {VAL.format("x"): 0.5}}, {"step": 4, "data": step}]
        (folder / "rollouts").mkdir(exist_ok=True)
        for number in range(1, 6):
            (folder / "rollouts" / f"{number}.jsonl").write_text(json.dumps({"uid": "a_0_0", "score": 1.0}) + "\n")
        (folder / "metrics-1.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
        if len(started) in failing:
            return subprocess.CompletedProcess(command, 1)
        (folder / "checkpoints" / runs.LATEST).write_text(env["STEPS"])
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(runs.subprocess, "run", run)
    monkeypatch.setitem(runs.__dict__, "_commit", lambda: "abc")
    return started


def test_a_table_runs_what_is_missing_and_nothing_twice(tmp_path, started):
    settings = runs.Settings(tmp_path / "out", "count", 4)
    with pytest.raises(SystemExit, match=r"count-base-1 stopped.*again"):
        runs.run_table(TABLE, [0, 1], settings)
    tried = [("grpo", "0"), *[("care", "0")] * runs.TRIES, *[("grpo", "1")] * runs.TRIES]
    assert [(algorithm, seed) for algorithm, seed, _ in started] == tried
    assert started[1][2][-1] == "++algorithm.care.k=2"
    # All start from the same model, so only the first looks at it.
    assert ["trainer.val_before_train=True" in command for *_, command in started] == [True] + 4 * [False]
    runs.run_table(TABLE, [0, 1], settings)
    assert len(started) == 7
    kept = [(one.method, one.seed, one.data) for one in read_results(settings.results)]
    assert kept == [(name, seed, "0123456789ab") for seed in (0, 1) for name in ("base", "new")]
    # Another table that has the same method under another name finds it done; another length has not.
    runs.run_table(Table("u", "x", (Method("plain", "grpo"),)), [0], settings)
    assert len(started) == 7
    runs.run_table(Table("u", "x", (Method("plain", "grpo"),)), [0], dataclasses.replace(settings, steps=5))
    assert len(started) == 8


@pytest.mark.parametrize("failing", [()])
def test_a_longer_run_goes_on_from_a_shorter_one_and_not_the_other_way(tmp_path, started):
    settings = runs.Settings(tmp_path / "out", "count", 4)

    def run(steps):
        settings.results.unlink(missing_ok=True)
        runs.run_table(Table("u", "x", TABLE.methods[:1]), [0], dataclasses.replace(settings, steps=steps))
        options = [one for *_, command in started for one in command]
        return [Path(one.split("=")[1]).parent.name for one in options if "rollout_data_dir" in one]

    assert run(4) == ["count-base-0"]
    assert run(5) == ["count-base-0", "count-base-0"]
    assert run(4) == ["count-base-0", "count-base-0", "count-base-0-4"]
    # What was trained and only not written down is not trained again.
    assert len(run(5)) == 3


@pytest.mark.parametrize("failing", [()])
def test_a_run_is_not_taken_for_another_of_its_name(tmp_path, started):
    settings = runs.Settings(tmp_path / "out", "count", 4)
    for overrides in ((), ("++algorithm.care.k=2",)):
        runs.run_table(Table("u", "x", (Method("base", "care", overrides),)), [0], settings)
    assert len(started) == 2
    folders = {one for *_, command in started for one in command if "rollout_data_dir" in one}
    assert len(folders) == 2
    # Nor one that began from another model.
    method = Method("base", "care")
    assert runs.folder_of(method, 0, settings, "a") != runs.folder_of(method, 0, settings, "b")


def test_a_run_of_any_method_has_a_folder_that_a_hydra_override_may_name(tmp_path):
    """Found by running: Hydra reads a second "=" as an error."""
    settings = runs.Settings(tmp_path / "out", "count", 4)
    for method in (method for table in TABLES.values() for method in table.methods):
        name = runs.folder_of(method, 0, settings, "a").name
        assert re.fullmatch(r"[\w.-]+", name), name


def test_some_lines_of_a_table_can_be_run():
    assert [method.name for method in TABLE.only(["new"]).methods] == ["new"]
    with pytest.raises(SystemExit, match=r"--methods 'old'.*has no such line.*base"):
        TABLE.only(["old"])


def test_settings_that_shape_a_subgroup_are_read_off_a_method():
    shaped = runs.care_settings(Method("x", "care", ("++algorithm.care.k=1", "++algorithm.care.equalize=False", "a=b")))
    assert (shaped.k, shaped.equalize, shaped.neg_scale) == (1, False, 0.5)


def test_settings_name_the_option():
    for changes, option in ({"steps": 0}, "--steps 0"), ({"jobs": 0}, "--jobs 0"):
        with pytest.raises(ValueError, match=option):
            runs.Settings(**{"out": None, "task": "count", "steps": 1, **changes})


def test_tables_have_distinct_methods():
    ablations = {"rgr", "fill", "selector", "anchor", "subgroup", "rescue", "regions"}
    assert {"main", "long", "sampling", "parts", *ablations} == set(TABLES)
    with pytest.raises(ValueError, match="same name"):
        Table("t", "x", (Method("a", "grpo"), Method("a", "care")))
