# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The picture: every run in every panel it has numbers for, whatever else it lacks."""

import json
import math
import random
from pathlib import Path

import pytest
from PIL import Image

pytest.importorskip("matplotlib")
from recipe.tiny.metrics import metrics_files
from recipe.tiny.plot import main, plot_runs


def _write_run(path: Path, seed: int, with_care: bool, steps: range = range(0, 61)) -> Path:
    rng = random.Random(seed)
    lines = []
    for step in steps:
        level = 0.2 + 0.6 * (1 - math.exp(-step / (20 + 10 * seed)))
        data = {}
        if step:
            data |= {"critic/score/mean": level + rng.gauss(0, 0.05), "response_length/mean": 22 + rng.gauss(0, 0.5)}
        if step and with_care:
            data |= {"care/failure_mass": 0.5 + rng.gauss(0, 0.05), "care/groups_zero_signal": 0.4 - level / 4}
        if step % 20 == 0:
            data["val-core/tiny_count_add/acc/mean@1"] = min(1.0, level + 0.1)
        lines.append(json.dumps({"step": step, "data": data}))
    path.write_text("\n".join(lines) + "\n")
    return path


def _draw_and_size(runs: dict[str, list[Path]], out: Path) -> tuple[int, int]:
    plot_runs(runs, out)
    with Image.open(out) as picture:
        assert len(picture.convert("RGB").getcolors(1 << 24)) > 10
        return picture.size


def test_runs_are_compared_even_when_one_lacks_a_metric(tmp_path):
    care = _write_run(tmp_path / "care.jsonl", 0, with_care=True)
    grpo = _write_run(tmp_path / "grpo.jsonl", 1, with_care=False)
    assert _draw_and_size({"care": [care], "grpo": [grpo]}, tmp_path / "curves.png") == (1320, 840)


def test_a_panel_without_any_numbers_says_so_and_does_not_fail(tmp_path):
    grpo = _write_run(tmp_path / "grpo.jsonl", 1, with_care=False)
    assert _draw_and_size({"grpo": [grpo]}, tmp_path / "curves.png")


def test_one_single_step_is_enough(tmp_path):
    run = _write_run(tmp_path / "one.jsonl", 0, with_care=True, steps=range(0, 1))
    assert _draw_and_size({"care": [run]}, tmp_path / "curves.png")


def test_a_run_without_steps_is_named(tmp_path):
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(ValueError, match="'grpo' has no steps"):
        plot_runs({"grpo": [tmp_path / "empty.jsonl"]}, tmp_path / "curves.png")


def test_attempts_of_a_run_folder_come_in_the_order_they_were_made(tmp_path):
    for attempt in (10, 2, 1):
        (tmp_path / f"metrics-{attempt}.jsonl").touch()
    assert [file.name for file in metrics_files(tmp_path)] == [f"metrics-{n}.jsonl" for n in (1, 2, 10)]


def test_command_line(tmp_path, capsys):
    _write_run(tmp_path / "metrics-1.jsonl", 0, with_care=True)
    main(["--out", str(tmp_path / "curves.png"), f"care={tmp_path}"])
    assert (tmp_path / "curves.png").is_file()
    with pytest.raises(SystemExit):
        main([str(tmp_path)])
    assert "label=path" in capsys.readouterr().err
