# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Scores by the project's verifier, in batches, that go on after an interruption."""

import json
import runpy
import sys

import pytest

from recipe.evaluation.held_out import evaluate, identity, main, read_responses, summarise
from recipe.evaluation.questions import Asked, read_asked

BASIS = {"model": "m", "rows": 4}
RIGHT, WRONG, BARE = "<think>2+2=4</think>\n<answer>4</answer>", "<think>a</think>\n<answer>5</answer>", "4"


def asked(source="tiny_count_add") -> Asked:
    return Asked(source, [{"role": "user", "content": "2+2?"}], [], "4", {"answer_type": "number"})


class Model:
    """Answers from a list, and can break down."""

    def __init__(self, responses, breaks_at=None):
        self.responses, self.breaks_at, self.asked = list(responses), breaks_at, 0

    def __call__(self, questions):
        if self.breaks_at is not None and self.asked >= self.breaks_at:
            raise KeyboardInterrupt
        self.asked += len(questions)
        return [self.responses.pop(0) for _ in questions]


def test_shares_by_hand(tmp_path):
    questions = [asked(), asked(), asked("tiny_compare"), asked("tiny_compare")]
    scores = evaluate(lambda: Model([RIGHT, WRONG, BARE, RIGHT]), questions, tmp_path / "r.jsonl", BASIS, batch_size=3)
    assert (scores.rows, scores.accuracy, scores.format, scores.unverified) == (4, 0.5, 0.75, 0.0)
    assert scores.by_source["tiny_count_add"] == {"rows": 2, "accuracy": 0.5, "format": 1.0}
    assert scores.by_source["tiny_compare"]["format"] == 0.5


def test_goes_on_where_it_was_interrupted(tmp_path):
    questions, path = [asked()] * 4, tmp_path / "r.jsonl"
    with pytest.raises(KeyboardInterrupt):
        evaluate(lambda: Model([RIGHT, RIGHT], breaks_at=2), questions, path, BASIS, batch_size=2)
    with path.open("a") as file:
        file.write('{"data_source": "ti')  # killed in the middle of a line
    second = Model([WRONG, WRONG])
    scores = evaluate(lambda: second, questions, path, BASIS, batch_size=2)
    assert second.asked == 2 and scores.accuracy == 0.5
    # Nothing is left: the model is not even loaded.
    assert evaluate(lambda: pytest.fail("loaded"), questions, path, BASIS, batch_size=2) == scores


def test_responses_of_another_model_are_not_kept(tmp_path):
    path = tmp_path / "r.jsonl"
    evaluate(lambda: Model([WRONG] * 2), [asked()] * 2, path, BASIS, batch_size=2)
    assert len(read_responses(path, BASIS)) == 2
    assert read_responses(path, {**BASIS, "model": "other"}) == []


def test_no_questions_is_an_error():
    with pytest.raises(ValueError, match="--limit"):
        summarise([])


def test_a_model_that_was_written_again_is_another(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"a")
    first = identity(str(tmp_path))
    (tmp_path / "model.safetensors").write_bytes(b"ab")
    assert identity(str(tmp_path)) != first
    assert identity("Qwen/Qwen2.5-VL-7B-Instruct") == "Qwen/Qwen2.5-VL-7B-Instruct"


def test_an_sft_file_is_refused(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"messages": [1]}), tmp_path / "sft.parquet")
    with pytest.raises(ValueError, match="no column data_source, prompt"):
        read_asked(tmp_path / "sft.parquet")


def test_records_are_json(tmp_path):
    path = tmp_path / "r.jsonl"
    evaluate(lambda: Model([RIGHT]), [asked()], path, BASIS, batch_size=1)
    first, verdict = map(json.loads, path.read_text().splitlines())
    assert first == {"basis": BASIS} and verdict["response"] == RIGHT and verdict["acc"] == 1.0


def test_a_missing_file_is_named(tmp_path, capsys):
    arguments = ["--model", "m", "--data", str(tmp_path / "no.parquet"), "--out", str(tmp_path / "o.json")]
    assert main(arguments) == 2
    assert "no.parquet: there is no such file" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "command"), [("evaluate", "evaluate-held-out"), ("prepare_tiny", "tiny-cold-start")])
def test_earlier_names_lead_here(name, command, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit) as end:
        runpy.run_module(f"recipe.cold_start.{name}", run_name="__main__")
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: care {command} ")
