# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Command line, requests, kept responses, the server's command and its failure."""

import pytest

from recipe.evaluation.asking import Asking
from recipe.evaluation.responses import Response, ResponseFile, read_responses, request_key
from recipe.evaluation.run import main
from recipe.evaluation.server import Serving, command, served


def response(key: str, text: str = "a") -> Response:
    return Response(key, 0, text, "stop", 1, 1)


def test_responses_survive_an_interruption(tmp_path):
    path = tmp_path / "m" / "responses.jsonl"
    kept = ResponseFile(path)
    kept.add(response("one", "line\u2028separator\x85"))
    kept.add(response("two"))
    with path.open("a") as file:
        file.write('{"key": "three", "do')  # killed in the middle of a line
    again = ResponseFile(path)
    assert len(again) == 2 and again.get("three") is None
    assert again.get("one").text == "line\u2028separator\x85"
    assert read_responses(path) == [again.get("one"), again.get("two")]


def test_another_prompt_or_length_is_another_request():
    asking = Asking("e", "policy", 32, 1, 60.0)
    messages = [{"role": "user", "content": "2+2?"}]
    key = request_key(asking.request(messages))
    assert key == request_key(asking.request(messages))
    assert key != request_key(Asking("e", "policy", 64, 1, 60.0).request(messages))
    assert key != request_key(asking.request([{"role": "user", "content": "2+3?"}]))
    assert key == request_key(Asking("elsewhere", "policy", 32, 9, 1.0).request(messages))


def test_requests_are_greedy():
    request = Asking("e", "policy", 32, 1, 60.0, (7, 8)).request([])
    assert request["temperature"] == 0.0 and request["max_tokens"] == 32
    assert request["logit_bias"] == {"7": -100.0, "8": -100.0}


def test_bad_settings():
    with pytest.raises(ValueError, match="--max-tokens and --concurrency must be at least 1"):
        Asking("e", "policy", 0, 1, 60.0)


def test_the_server_ignores_the_checkpoints_sampling_settings(tmp_path):
    words = command(Serving("m", tmp_path / "log", ["--data-parallel-size", "8"]), 1234)
    assert words[words.index("--generation-config") + 1] == "vllm"
    assert words[words.index("--chat-template-content-format") + 1] == "openai"
    assert words[words.index("--limit-mm-per-prompt") + 1] == '{"image": 16}'
    assert words[-2:] == ["--data-parallel-size", "8"] and words[words.index("--port") + 1] == "1234"


def test_a_server_that_stops_is_reported_with_the_end_of_its_log(tmp_path, monkeypatch):
    monkeypatch.setattr("recipe.evaluation.server.command", lambda *_: ["sh", "-c", "echo no such model; exit 1"])
    with (
        pytest.raises(RuntimeError, match=r"could not serve m(.|\n)*no such model"),
        served(Serving("m", tmp_path / "log")),
    ):
        pytest.fail("not served")


def test_a_missing_snapshot_stops_before_the_model_is_loaded(tmp_path, capsys):
    arguments = ["m", "--out", str(tmp_path / "out"), "--datasets", str(tmp_path), "--lmms-python", "python"]
    assert main(arguments) == 2
    assert "no snapshot of MathVista" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_model_that_is_not_there_leaves_no_folder_behind(tmp_path, capsys, monkeypatch):
    """Its folder would stand for that model, and be refused to the right one."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    arguments = [str(tmp_path / "modle"), "--out", str(tmp_path / "out"), "--lmms-python", "python"]
    assert main(arguments) == 2
    assert f"MODEL {tmp_path / 'modle'}: neither a folder with a config.json" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
