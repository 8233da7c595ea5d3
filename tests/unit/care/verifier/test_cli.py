# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The command, run as a user would."""

import json
import subprocess
import sys

import pytest

LINES = [
    {"data_source": "chartqa", "solution_str": "<think>a</think><answer>45%</answer>", "ground_truth": "45"},
    {"data_source": "chartqa", "solution_str": "<think>a</think><answer>40 to 45</answer>", "ground_truth": "45"},
    {"data_source": "chartqa", "output": "<answer>no</answer>", "gts": "Yes", "acc": 1.0},
    {
        "data_source": "tiny_x",
        "response": "<answer>B</answer>",
        "ground_truth": "E",
        "extra_info": {"answer_type": "choice", "options": ["1", "2"]},
    },
]


def run(tmp_path, text, *options):
    path = tmp_path / "predictions.jsonl"
    path.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "recipe.care.reward", str(path), *options]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_table_and_the_disputed_cases(tmp_path):
    done = run(tmp_path, "\n".join(map(json.dumps, LINES)) + "\n\n")
    assert done.returncode == 0, done.stderr
    assert "chartqa      relaxed                1        0        0  charts: within 5 percent" in done.stdout
    assert "accuracy 33.3% of the verified, format 66.7%" in done.stdout
    assert "disputed: 3 of 4" in done.stdout
    assert "line 2 (chartqa, not_a_number): the answer contains the gold" in done.stdout
    assert "line 3 (chartqa, text): the line says acc=1" in done.stdout
    assert "line 4 (tiny_x, bad_gold): verification failed" in done.stdout


def test_fewer_disputes_on_request_and_one_source_for_all_lines(tmp_path):
    text = "\n".join(json.dumps({k: v for k, v in line.items() if k != "data_source"}) for line in LINES[:3])
    done = run(tmp_path, text, "--data-source", "chartqa", "--disputed", "1")
    assert done.returncode == 0, done.stderr
    assert "... and 1 more (--disputed 2)" in done.stdout


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there is no prediction in it"),
        ("{", "line 1: not JSON"),
        ("[1]", "line 1: not a JSON object"),
        ('{"data_source": "chartqa", "ground_truth": "1"}', "line 1: the line has no text under solution_str or"),
        ('{"solution_str": "", "ground_truth": "1"}', "line 1: the line has no data_source"),
        ('{"data_source": "mmlu", "solution_str": "", "ground_truth": "1"}', "line 1: data_source='mmlu': no verifier"),
        (
            '{"data_source": "chartqa", "solution_str": "", "ground_truth": "1", "extra_info": 3}',
            "line 1: extra_info must be an object",
        ),
    ],
)
def test_bad_input_gets_one_line(tmp_path, text, message):
    done = run(tmp_path, text)
    assert done.returncode == 2
    assert done.stdout == ""
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_missing_file_gets_one_line(tmp_path):
    command = [sys.executable, "-m", "recipe.care.reward", str(tmp_path / "none.jsonl")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "No such file" in done.stderr
