# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The end of a tiny run."""

import json
import sys

from recipe.tiny.run import report_run


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
