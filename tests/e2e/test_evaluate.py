# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Evaluation with the real lmms-eval: canned responses with golden scores. test_recipe.py has a model behind vLLM."""

import base64
import io
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image

from recipe.evaluation.benchmarks import BENCHMARKS
from recipe.evaluation.report import read_evaluation
from recipe.evaluation.run import main
from recipe.evaluation.tiny_sets import write

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]


def tagged(answer: str) -> str:
    return f"<think>I look at it.</think><answer>{answer}</answer>"


# What the prompt shows, benchmark, the response, right by our verifier, right by lmms-eval's rules.
GOLDEN = [
    # lmms-eval knows the letter only.
    ("Which colour is the square?", "mathvista", tagged("red"), 1, 0),
    # It takes the first tag, in the rationale.
    ("Which label is right?", "mathvista", "<think>Is it <answer>D</answer>? No.</think><answer>A</answer>", 0, 1),
    # No tags.
    ("How many squares", "mathvista", r"So it is \boxed{1}", 0, 1),
    # Equal values: math-verify decides, which lmms-eval's default of four threads switches off.
    ("How long is the side?", "mathvista", tagged("6/5"), 1, 1),
    ("What is the angle?", "mathverse", tagged("B"), 1, 1),
    # It takes any letter of the answer.
    ("Answer the question in the picture.", "mathverse", tagged("Because of C"), 0, 1),
    # The gold's degree sign is mojibake.
    ("How wide is the angle?", "mathverse", tagged(r"118^\circ"), 1, 1),
    # Boxed inside the answer.
    ("Which figure comes next?", "mathvision", tagged(r"\boxed{C}"), 1, 1),
    ("How heavy is it?", "mathvision", tagged(r"8\mathrm{~kg}"), 1, 0),
    # The gold has a form feed for \f.
    ("What is the probability?", "mathvision", tagged(r"\frac{72}{26}"), 1, 0),
    ("Which is red?", "mmmu", tagged("B"), 0, 0),
    # The gold is a list.
    ("What share of", "mmmu", tagged("1/2"), 1, 0),
    # Cut.
    ("a square is shown", "mmmu", "<think>It is black, so it is B", 0, 0),
    ("Which picture is blue?", "mmmu_pro_standard", tagged("A"), 1, 1),
    # The tenth option: its letters end with H.
    ("What is ten?", "mmmu_pro_standard", tagged("(J)"), 1, 0),
    # The text of option A is "B".
    ("Which letter belongs to", "mmmu_pro_standard", tagged("B"), 1, 1),
    # Told apart by the pictures.
    ("#008000 A. the number 1\n", "mmmu_pro_vision", tagged("A. the number 1"), 1, 1),
    ("#0000ff A. the number 1\n", "mmmu_pro_vision", tagged("J"), 0, 0),
]


class Canned(ThreadingHTTPServer):
    """An OpenAI-compatible server that knows the responses, and can refuse a question."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.refused: str | None = None
        self.asked: list[list[str]] = []

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Canned

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        parts = [read_part(part) for part in request["messages"][-1]["content"]]
        self.server.asked.append(parts)
        assert request["temperature"] == 0 and "</think>" in request["messages"][0]["content"][0]["text"]
        if self.server.refused is not None and self.server.refused in " ".join(parts):
            return self.reply(400, {"error": {"message": "longer than the model's context"}})
        text = response_to(parts)
        choice = {"message": {"role": "assistant", "content": text}, "index": 0, "finish_reason": "stop"}
        choice["finish_reason"] = "stop" if text.endswith(("</answer>", "}")) else "length"
        usage = {"prompt_tokens": 9, "completion_tokens": len(text), "total_tokens": 9 + len(text)}
        body = {"id": "1", "object": "chat.completion", "created": 0, "model": "policy", "choices": [choice]}
        return self.reply(200, {**body, "usage": usage})

    def reply(self, status: int, body: dict) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def read_part(part: dict) -> str:
    """A text, or a picture by its colour."""
    if part["type"] == "text":
        return part["text"]
    data = base64.b64decode(part["image_url"]["url"].partition(",")[2])
    return "#{:02x}{:02x}{:02x}".format(*Image.open(io.BytesIO(data)).convert("RGB").getpixel((0, 0)))


def response_to(parts: list[str]) -> str:
    """The canned response to the one row that these parts show."""
    seen = " ".join(parts)
    (response,) = [text for mark, _, text, _, _ in GOLDEN if mark in seen]
    return response


@pytest.fixture(scope="module")
def lmms_python() -> Path:
    """Python of lmms-eval's environment."""
    subprocess.run(["bash", str(ROOT / "examples" / "setup_lmms.sh")], check=True, env=variables())
    return Path(os.environ.get("LMMS_VENV", ROOT / ".venv-lmms")) / "bin" / "python"


@pytest.fixture(scope="module")
def sets(tmp_path_factory) -> Path:
    """Small sets in the real schemas."""
    folder = tmp_path_factory.mktemp("sets")
    write(folder)
    return folder


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    """Leave the user's cache of datasets alone."""
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))


def variables() -> dict[str, str]:
    return {**os.environ, "VENV": sys.prefix, "OMP_NUM_THREADS": "1"}


def test_canned_responses_get_their_golden_scores(lmms_python, sets, tmp_path, capsys):
    server = Canned()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    arguments = ["canned", "--out", tmp_path / "out", "--datasets", sets, "--endpoint", server.endpoint]
    arguments += ["--lmms-python", lmms_python, "--max-tokens", 32, "--concurrency", 1]
    arguments = [str(argument) for argument in arguments]

    server.refused = "a square is shown"
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert "longer than the model's context. 2 responses are kept: run the same command again" in error, error
    asked_before = len(server.asked)

    server.refused = None
    assert main(arguments) == 0, capsys.readouterr().err
    server.shutdown()
    asked = server.asked[asked_before:]
    # Three sets were done, and of the fourth all but the one that was refused.
    assert len(asked) == 1 + 3 + 2

    found = read_evaluation(tmp_path / "out")
    scores = [(one.verifier, one.lmms_eval) for name in BENCHMARKS for one in found.scores[name]]
    assert scores == [(ours, theirs) for _, _, _, ours, theirs in GOLDEN]
    mmmu = {summary.benchmark: summary for summary in found.summaries}["mmmu"]
    assert mmmu.truncated == mmmu.no_answer == pytest.approx(1 / 3)
    # By our verifier 2/4, 2/3, 3/3, 1/3, 3/3, 1/2; by lmms-eval's rules 3/4, 3/3, 1/3, 0/3, 2/3, 1/2.
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["macro"]["verifier"] == pytest.approx((2 / 4 + 2 / 3 + 1 + 1 / 3 + 1 + 1 / 2) / 6)
    assert report["macro"]["lmms_eval"] == pytest.approx((3 / 4 + 1 + 1 / 3 + 0 + 2 / 3 + 1 / 2) / 6)
    shuffled = next(parts for parts in asked if "Which picture is blue?" in parts[0])
    assert shuffled == ["Which picture is blue?\nA.", "#0000ff", "B.", "#ff0000", "C.", "#008000"]
