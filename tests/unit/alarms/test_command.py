# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""``care watch`` over the files that verl writes."""

import json
import os
import threading
import time
from pathlib import Path

import pytest

from recipe.alarms import command
from recipe.alarms.command import main
from recipe.alarms.log import RunLog, find_run
from recipe.care.errors import CareDataError
from tests.unit.alarms.runs import run

BROKEN = {"care/acc_sampled": 0.1}


def _log(file: Path, steps, mode: str = "w") -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open(mode) as log:
        for step in steps:
            log.write(json.dumps({"step": step.number, "data": dict(step.metrics)}) + "\n")


def _dump(folder: Path, step: int, rows: list[tuple[str, str, float]], prompt: str = "user\nHow many?") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        {"input": prompt, "output": text, "gts": "5", "score": score, "step": step, "uid": f"{group}_{place}_0"}
        for place, (group, text, score) in enumerate(rows)
    ]
    file = folder / f"{step}.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    os.utime(file, (1, 1))  # written long ago


def test_a_healthy_run_is_quiet(tmp_path, capsys):
    _log(tmp_path / "metrics-1.jsonl", run({}))
    assert main([str(tmp_path)]) == 0
    assert "15 steps, no alarms." in capsys.readouterr().out


def test_a_sick_one_says_what_since_when_and_what_to_do(tmp_path, capsys):
    _log(tmp_path / "mine.jsonl", run(BROKEN, from_step=8))
    assert main([str(tmp_path / "mine.jsonl")]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "policy_broken" in said and "1 alarm." in said and "optim.lr" in said
    assert "Not judged, for want of what they read: verifier_contradicts, images_missing, responses_cut_off." in said


def test_as_json(tmp_path, capsys):
    _log(tmp_path / "mine.jsonl", run(BROKEN, from_step=8))
    assert main([str(tmp_path), "--json", "--max-response-length", "1000"]) == 1
    alarm, summary = map(json.loads, capsys.readouterr().out.splitlines())
    assert (alarm["name"], alarm["since"], alarm["raised"]) == ("policy_broken", 8, 9)
    assert summary["steps"] == 15 and summary["alarms"] == 1
    assert summary["silent"] == ["verifier_contradicts", "images_missing"]


def test_a_resumed_run_is_one_run(tmp_path):
    """The second attempt validates at the step it resumes from, and goes on."""
    steps = run({})
    _log(tmp_path / "metrics-1.jsonl", steps[:6])
    with (tmp_path / "metrics-2.jsonl").open("w") as file:
        file.write(json.dumps({"step": 4, "data": {"val-core/x/acc/mean@1": 0.5}}) + "\n")
    _log(tmp_path / "metrics-2.jsonl", steps[4:10], mode="a")
    read = list(RunLog(find_run(tmp_path)).new_steps())
    assert [step.number for step in read] == list(range(1, 11))
    assert read[3].score == steps[3].score


def test_validation_before_training_is_no_step_and_null_is_not_finite(tmp_path):
    lines = [
        {"step": 0, "data": {"val-core/x/acc/mean@1": 0.5}},
        {"step": 1, "data": {"actor/grad_norm": None, "critic/score/mean": 0.5}},
    ]
    file = tmp_path / "mine.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"step": 2, "da')  # still being written
    (step,) = RunLog(find_run(file)).new_steps()
    assert step.number == 1 and step.get("actor/grad_norm") is None
    assert main([str(file)]) == 1  # gradient_spikes


def test_the_limit_comes_from_the_runs_configuration(tmp_path):
    _log(tmp_path / "metrics-1.jsonl", run({}, steps=1))
    config = tmp_path / "hydra" / ".hydra" / "config.yaml"
    config.parent.mkdir(parents=True)
    config.write_text("data:\n  max_response_length: 96\n")
    assert find_run(tmp_path).longest_response == 96
    assert find_run(tmp_path, longest_response=7).longest_response == 7


def _answers(*answers: tuple[str, float]) -> list[tuple[str, str, float]]:
    return [("g", f"<think>so</think><answer>{answer}</answer>", score) for answer, score in answers]


def test_the_dump_shows_a_verifier_that_contradicts_itself(tmp_path, capsys):
    _log(tmp_path / "metrics-1.jsonl", run({}, steps=4))
    for step in range(1, 5):
        _dump(tmp_path / "rollouts", step, _answers(("5", 1.0), ("7", 1.0), ("9", 0.0)))
    assert main([str(tmp_path)]) == 1
    assert "verifier_contradicts" in capsys.readouterr().out


def test_verifications_that_failed_are_a_share_of_all(tmp_path):
    rows = [{"input": "q", "output": "a", "gts": "5", "score": 0.0, "step": 1, "uid": f"g_{n}_0"} for n in range(4)]
    verdicts = [{"acc": 1.0, "verified": 1.0}, {"acc": 0.0, "verified": 0.0}, {"acc": 0.0}, {"acc": 0.0}]
    file = tmp_path / "1.jsonl"
    file.write_text("".join(json.dumps(row | verdict) + "\n" for row, verdict in zip(rows, verdicts, strict=True)))
    os.utime(file, (1, 1))
    (step,) = RunLog(find_run(tmp_path)).new_steps()
    assert (step.unverified, step.accuracy) == (0.25, pytest.approx(1 / 3))


def test_boxed_answers_are_answers_too(tmp_path):
    for step in range(1, 5):
        rows = [("g", rf"so \boxed{{{answer}}}", score) for answer, score in (("5", 1.0), ("7", 1.0), ("9", 0.0))]
        _dump(tmp_path, step, rows)
    assert main([str(tmp_path)]) == 1


def test_a_dump_alone_is_enough(tmp_path, capsys):
    for step in range(1, 4):
        _dump(tmp_path, step, _answers(("5", 1.0), ("7", 0.0)), prompt="user\n<image>How many?")
    assert main([str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert "images_missing" in said and "3 steps" in said


def test_a_dump_that_is_being_written_is_waited_for(tmp_path):
    _log(tmp_path / "metrics-1.jsonl", run({}, steps=2))
    for step in (1, 2):
        _dump(tmp_path / "rollouts", step, _answers(("5", 1.0), ("7", 0.0)))
    os.utime(tmp_path / "rollouts" / "2.jsonl")
    log = RunLog(find_run(tmp_path))
    assert [step.number for step in log.new_steps()] == [1]
    os.utime(tmp_path / "rollouts" / "2.jsonl", (1, 1))
    assert [step.number for step in log.new_steps()] == [2]


def test_follow_goes_on_until_the_first_alarm(tmp_path, monkeypatch):
    monkeypatch.setattr(command, "POLL_S", 0.02)
    file, steps = tmp_path / "metrics-1.jsonl", run(BROKEN, from_step=8)
    _log(file, steps[:3])

    def go_on() -> None:
        for step in steps[3:]:
            time.sleep(0.01)
            _log(file, [step], mode="a")

    trainer = threading.Thread(target=go_on)
    trainer.start()
    assert main([str(tmp_path), "--follow", "--first", "--quiet-for", "30"]) == 1
    trainer.join()


def test_follow_ends_when_nothing_comes(tmp_path, monkeypatch):
    monkeypatch.setattr(command, "POLL_S", 0.02)
    _log(tmp_path / "metrics-1.jsonl", run({}, steps=3))
    assert main([str(tmp_path), "--follow", "--quiet-for", "0.1"]) == 0


UNREADABLE = {
    "nothing there": lambda folder: None,
    "no logs": lambda folder: folder.mkdir(),
    "several": lambda folder: [_log(folder / name, []) for name in ("a.jsonl", "b.jsonl")],
    "another format": lambda folder: _log(folder, []) or folder.write_text('{"loss": 1}\n'),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_cannot_be_watched_gets_one_line_and_status_2(case, tmp_path, capsys):
    place = tmp_path / "run"
    UNREADABLE[case](place)
    assert main([str(place)]) == 2
    assert capsys.readouterr().err.startswith(f"error: {place}")


def test_several_logs_are_named(tmp_path):
    for name in ("a.jsonl", "b.jsonl"):
        _log(tmp_path / name, [])
    with pytest.raises(CareDataError, match=r"several files \(a\.jsonl, b\.jsonl\); name one"):
        find_run(tmp_path)
