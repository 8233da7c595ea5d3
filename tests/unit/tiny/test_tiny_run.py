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
