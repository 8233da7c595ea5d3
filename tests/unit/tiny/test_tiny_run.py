# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The end of a tiny run."""

import json
import sys

from recipe.tiny.run import report_run
from tests.unit.report.runs import taught_group, write_metrics, write_records


def test_a_run_is_not_lost_for_want_of_a_picture(tmp_path, monkeypatch, capsys):
    steps = [{"step": step, "data": {"timing_s/step": 2.0, "critic/score/mean": 0.5}} for step in (1, 2)]
    (tmp_path / "metrics-1.jsonl").write_text("".join(f"{json.dumps(step)}\n" for step in steps))
    monkeypatch.setitem(sys.modules, "recipe.tiny.plot", None)
    report_run(tmp_path, "care")
    assert json.loads((tmp_path / "report.json").read_text())["steps"] == 2
    assert "No picture (" in capsys.readouterr().out and not (tmp_path / "curves.png").exists()
    monkeypatch.undo()
    report_run(tmp_path, "care")
    assert f"Picture: {tmp_path / 'curves.png'}" in capsys.readouterr().out
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_with_rollouts_ends_with_its_report(tmp_path, capsys):
    write_metrics(tmp_path, [{}, {"timing_s/step": 2.0}])
    report_run(tmp_path, "care")
    assert "Report" not in capsys.readouterr().out and not (tmp_path / "report.html").exists()
    write_records(tmp_path / "records", taught_group("p"))
    report_run(tmp_path, "care")
    assert f"Report: {tmp_path / 'report.html'}" in capsys.readouterr().out
    assert (tmp_path / "report.html").stat().st_size > 10_000


def test_a_run_is_not_lost_for_want_of_a_report(tmp_path, capsys):
    write_metrics(tmp_path, [{}, {"timing_s/step": 2.0}])
    write_records(tmp_path / "records", taught_group("p"))
    (tmp_path / "report.html").mkdir()
    report_run(tmp_path, "care")
    said = capsys.readouterr().out
    assert "No report (" in said and "report.html" in said and f"care report {tmp_path}" in said
