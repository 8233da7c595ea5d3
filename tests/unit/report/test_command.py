# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""``care report``: folders in, one page out."""

import base64
import hashlib
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from recipe.care.errors import CareDataError
from recipe.report.command import main
from recipe.report.folder import find_run
from recipe.report.reader import Reader
from tests.unit.report.runs import (
    HOSTILE,
    rollout,
    taught_group,
    whole_run,
    write_config,
    write_data,
    write_metrics,
    write_records,
)

ROOT = Path(__file__).parents[3]
PATIENCE_S = 120
SCRIPT = re.compile(r"<script(?P<kind>[^>]*)>(?P<text>.*?)</script>", re.DOTALL)


@pytest.fixture
def data(tmp_path) -> Path:
    return write_data(tmp_path / "data" / "train.parquet", 18)


def content(page: Path) -> dict:
    return json.loads(next(found["text"] for found in SCRIPT.finditer(page.read_text()) if "json" in found["kind"]))


def test_a_run_becomes_a_page(tmp_path, data, capsys):
    run, page = whole_run(tmp_path / "care", data), tmp_path / "new" / "report.html"
    assert main([str(run), "-o", str(page)]) == 0
    assert str(page) in capsys.readouterr().out
    shown = content(page)
    assert len(shown["groups"][0]) == 18 and len(shown["pictures"][0]) == 18
    (about,) = shown["runs"]
    assert (about["name"], about["method"], about["last_step"], about["groups_seen"]) == ("care", "care", 6, 18)
    assert about["curves"]["validation"]["main"]["points"] == [[0, 0.5]]
    states = {sign["name"]: sign["state"] for sign in about["signs"]}
    assert states["All-wrong groups dominate"] == states["Rationales grow longer"] == "seen"
    assert about["notes"] == [] and shown["refresh"] == 0


def test_two_runs_share_their_prompts(tmp_path, data):
    runs = [str(whole_run(tmp_path / name, data)) for name in ("a", "b")]
    assert main([*runs, "-o", str(tmp_path / "both.html")]) == 0
    first, second = content(tmp_path / "both.html")["groups"]
    assert [group["key"] for group in first] == [group["key"] for group in second]


def test_text_of_a_model_cannot_leave_its_place(tmp_path):
    records = [rollout("p", 0, 1.0, output=HOSTILE, input=HOSTILE, gts=HOSTILE, rule=HOSTILE, data=None)]
    write_records(tmp_path / "<img src=x><script>window.hurt=1", records)
    (folder,) = tmp_path.iterdir()
    assert main([str(folder), "-o", str(tmp_path / "page.html")]) == 0
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    # Two scripts, the data and ours; no tag of the model's, in whatever case.
    assert len(SCRIPT.findall(text)) == text.count("<script") == 2 and "<img" not in text.lower()
    assert "hurt=1</script>" not in text and "\u202e" not in text and "\x00" not in text and "\u2028" not in text
    (group,) = content(tmp_path / "page.html")["groups"][0]
    assert group["rollouts"][0]["output"] == group["gold"] == HOSTILE


def test_the_policy_admits_this_script_and_style_only(tmp_path, data):
    run = whole_run(tmp_path / "care", data, steps=1)
    assert main([str(run), "-o", str(tmp_path / "page.html")]) == 0
    text = (tmp_path / "page.html").read_text()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    own = next(found["text"] for found in SCRIPT.finditer(text) if not found["kind"])
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1]
    for source, written in (("script-src", own), ("style-src", style)):
        digest = base64.b64encode(hashlib.sha256(written.encode()).digest()).decode()
        assert f"{source} &#x27;sha256-{digest}&#x27;" in policy
    assert "default-src &#x27;none&#x27;" in policy and "unsafe" not in policy
    assert not re.search(r"(?:src|href)=[\"']?(?:https?:)?//", text)


def test_a_sample_is_said_to_be_one(tmp_path, data, capsys):
    run = whole_run(tmp_path / "care", data)
    assert main([str(run), "-o", str(tmp_path / "page.html"), "--groups", "4"]) == 0
    shown = content(tmp_path / "page.html")
    assert len(shown["groups"][0]) == 4 and "4 of 18 groups are shown" in shown["runs"][0]["notes"][0]
    assert "4 of 18 groups" in capsys.readouterr().out
    # The curves have all of them.
    assert len(shown["runs"][0]["curves"]["k_prime"]["main"]["points"]) == 6


def test_rollouts_without_metrics_and_metrics_without_rollouts(tmp_path):
    write_records(tmp_path / "records_only", taught_group("p"))
    write_metrics(tmp_path / "metrics_only", [{}, {"actor/grad_norm": 1.0}])
    for name, note in (("records_only", "the curves are from the rollouts alone"), ("metrics_only", "no rollouts")):
        assert main([str(tmp_path / name), "-o", str(tmp_path / "page.html")]) == 0
        assert any(note in said for said in content(tmp_path / "page.html")["runs"][0]["notes"])


def test_damaged_lines_are_counted(tmp_path):
    write_records(tmp_path / "run", taught_group("p"))
    with (tmp_path / "run" / "1.jsonl").open("a") as file:
        file.write('{"care_record": 1, "step"\n')
    assert main([str(tmp_path / "run"), "-o", str(tmp_path / "page.html")]) == 0
    notes = content(tmp_path / "page.html")["runs"][0]["notes"]
    assert any("1 damaged lines" in note and "1.jsonl:6" in note for note in notes)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "nowhere: there is no such folder"),
        (["."], "neither metrics-<attempt>.jsonl nor rollouts"),
        (["stock", "--data", "none.parquet"], "none.parquet"),
        (["stock"], "--threshold X"),
    ],
)
def test_what_cannot_be_read_is_said_in_a_line(tmp_path, monkeypatch, capsys, arguments, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stock").mkdir()
    row = {"input": "Q", "output": "A", "gts": "A", "score": 0.1, "step": 1, "uid": "p_0_0"}
    (tmp_path / "stock" / "1.jsonl").write_text(f"{json.dumps(row)}\n")
    assert main([*arguments, "-o", "page.html"]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert not (tmp_path / "page.html").exists()


def test_three_runs_do_not_fit(capsys):
    with pytest.raises(SystemExit):
        main(["a", "b", "c"])
    assert "at most 2" in capsys.readouterr().err


def test_where_rollouts_are_looked_for(tmp_path):
    write_metrics(tmp_path / "run", [{}])
    assert find_run(tmp_path / "run").rollouts is None
    write_records(tmp_path / "run" / "rollouts", taught_group("p"))
    assert find_run(tmp_path / "run").rollouts == tmp_path / "run" / "rollouts"
    write_records(tmp_path / "elsewhere", taught_group("p"))
    folder = {
        "trainer.default_local_dir": tmp_path,
        "algorithm.care.records.folder": "${trainer.default_local_dir}/elsewhere",
    }
    write_config(tmp_path / "run", **folder)
    assert find_run(tmp_path / "run").rollouts == tmp_path / "elsewhere"


def test_a_run_is_read_on_while_it_grows(tmp_path):
    run = tmp_path / "run"
    write_records(run / "records", taught_group("p", step=1))
    reader = Reader([run], 100)
    assert reader.read(growing=True) is False  # not known yet whether the file is complete
    with pytest.raises(CareDataError, match="no step has ended yet"):
        reader.content(5)
    assert reader.read(growing=True) is True
    assert reader.read(growing=True) is False
    write_records(run / "records", taught_group("q", step=2))
    write_metrics(run, [{}, {"actor/grad_norm": 1.0}])
    assert reader.read(growing=True) is True  # the metrics; the file of step 2 may still grow
    assert len(reader.content(5).groups[0]) == 1
    assert reader.read(growing=True) is True
    shown = reader.content(5)
    assert [kept.step for kept in shown.groups[0]] == [1, 2] and shown.refresh == 5
    assert shown.runs[0].curves["grad_norm"].main.points == ((1, 1.0),)


def wait_for(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_watching_writes_the_page_anew_until_it_is_interrupted(tmp_path):
    run, page = tmp_path / "run", tmp_path / "page.html"
    write_metrics(run, [{}])
    write_records(run / "records", taught_group("p", step=1))
    command = [sys.executable, "-m", "recipe.report", str(run), "-o", str(page), "--watch", "--every", "1"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as watching:
        wait_for(lambda: page.exists() and len(content(page)["groups"][0]) == 1)
        assert content(page)["refresh"] == 1
        write_records(run / "records", taught_group("q", step=2))
        wait_for(lambda: len(content(page)["groups"][0]) == 2)
        watching.send_signal(signal.SIGINT)
        said, _ = watching.communicate(timeout=PATIENCE_S)
    assert watching.returncode == 0 and said.count("Report: ") >= 3
    # Nobody writes it anew any more.
    assert content(page)["refresh"] == 0
