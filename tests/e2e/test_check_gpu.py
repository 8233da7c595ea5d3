# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The GPU check with a tiny model on the CPU stack, as a user starts it: every stage passes."""

import json
import os
import subprocess
import sys

import pytest

from tests.e2e.conftest import ROOT
from verl_ext.check_gpu.report import NAMES

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]
STAGES = [
    "doctor",
    "model and questions",
    "methods in turn, and a kill",
    "the same computed again",
    "resume",
    "GRPO without the plugin",
]


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    out = tmp_path_factory.mktemp("check") / "gpu_check"
    variables = {"SIZE": "tiny", "OUT": str(out), "MINUTES": "25", "PYTHON": sys.executable}
    command = ["bash", str(ROOT / "examples" / "check_gpu.sh"), "--rounds", "1"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **variables}, timeout=1700)
    assert done.returncode == 0, done.stdout + done.stderr
    return out, json.loads((out / "report.json").read_text())


def test_every_stage_passes(checked):
    _, report = checked
    states = {stage["name"]: stage["state"] for stage in report["stages"]}
    assert states == {**dict.fromkeys(STAGES, "passed"), "more ranks": "skipped"}
    assert all(check["passed"] for stage in report["stages"] for check in stage["checks"])


def test_every_promised_check_was_made(checked):
    _, report = checked
    names = [check["name"] for stage in report["stages"] for check in stage["checks"]]
    for part in (
        "the doctor",
        "embeddings, largest relative error",
        "vLLM against the actor",
        "CARE's advantages computed again",
        "actor, repaired rows against the plain model",
        "a killed run goes on",
        "GRPO with the plugin and without it: actor/grad_norm",
        "repairs passed, and failed",
    ):
        assert any(part in name for name in names), part


def test_every_promised_figure_is_there(checked):
    out, report = checked
    assert [one["method"] for one in report["methods"]] == list(NAMES)
    for one in report["methods"]:
        assert one["steps"] == 1 and 0 < one["seconds"]["gen"] < one["seconds"]["step"]
        assert one["tokens_per_second"] > 0 and one["peak_gib"] > 0
    figures = [name for stage in report["stages"] for name, _ in stage["figures"]]
    for part in ("tokens decoded for repairs", "waited for repairs only", "CARE's arithmetic", "a log-prob pass"):
        assert any(part in name for name in figures), part
    for file in ("report.md", "report.html", "report.png"):
        assert (out / file).stat().st_size > 500
