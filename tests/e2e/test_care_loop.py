# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The loop of examples/care_loop.py learns, without verl."""

import importlib.util
import json
import sys

import pytest

from tests.e2e.conftest import ROOT

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def loop():
    spec = importlib.util.spec_from_file_location("care_loop", ROOT / "examples" / "care_loop.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("method", ["care", "grpo"])
def test_the_loop_learns_and_says_what_it_did(loop, tiny_data, tmp_path, method):
    out = tmp_path / "log.jsonl"
    loop.main(["--start", str(tiny_data), "--method", method, "--steps", "10", "--out", str(out)])
    log = [json.loads(line) for line in out.read_text().splitlines()]
    assert [one["step"] for one in log] == [*range(1, 11)]
    start = json.loads((tiny_data / "model" / "warm_start.json").read_text())["accuracy"]
    assert log[-1]["greedy"] > start + 0.1
    assert all(one["grad_norm"] > 0 for one in log)
    repairs = [one for one in log if one.get("repairs")]
    assert bool(repairs) == (method == "care") and all(0 <= one["pass_rate"] <= 1 for one in repairs)


def test_kl_and_settings_are_taken(loop, tiny_data, tmp_path):
    out = tmp_path / "log.jsonl"
    loop.main(
        ["--start", str(tiny_data), "--steps", "2", "--kl", "--out", str(out), "preset=paper", "rgr.target=continue"]
    )
    assert len(out.read_text().splitlines()) == 2
