# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What repairs rely on in vLLM's engine when it is full: they are next, and one that is cancelled gives its place up.

The engine runs in a process of its own (``vllm_requests_probe.py``).
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROBE = Path(__file__).with_name("vllm_requests_probe.py")
QUIET = {
    "HF_HUB_OFFLINE": "1",
    "TORCHDYNAMO_DISABLE": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
}


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    command = [sys.executable, str(PROBE), str(tmp_path_factory.mktemp("model"))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, env={**os.environ, **QUIET})
    assert done.returncode == 0, done.stderr[-3000:]
    # The engine's processes may log after the answer.
    (answer,) = [line for line in done.stdout.splitlines() if line.startswith("{")]
    return json.loads(answer)


def test_a_repair_is_next_however_many_rollouts_wait(ended):
    order = ended["with_a_repair"]
    assert len(order) == 7
    # The two that decode when it comes may end before it, and none of the four that wait.
    assert order.index("repair") <= 2


def test_a_request_that_is_cancelled_gives_its_place_up(ended):
    assert ended["after_giving_up"] == ["next"]
    assert ended["left"] == []
