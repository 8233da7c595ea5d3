# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The vLLM server of an evaluation: started, waited for, stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

SERVED_AS = "policy"
"""The model's name on the server. lmms-eval and others read meaning into names (``o1``, ``gpt-5``), so it is fixed."""
MOST_PICTURES = 16
"""Pictures a prompt may have; MMMU rows have up to seven, some mentioned twice."""
ON_CPU = {
    "OMP_NUM_THREADS": "1",
    "TORCHDYNAMO_DISABLE": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
}
"""Variables of the runs without an accelerator, where the environment has none; docs/cpu.md says why."""
FOR_CPU = (
    *("--dtype", "float32", "--enforce-eager"),
    *("--distributed-executor-backend", "vllm.v1.executor.uniproc_executor.UniProcExecutor"),
)
"""The same, arguments of ``vllm serve``."""


@dataclass(frozen=True)
class Serving:
    """How a model is served."""

    model: str
    log: Path
    extra: Sequence[str] = ()
    """Further arguments of ``vllm serve``."""
    patience_s: float = 1800
    """How long loading may take."""


def command(serving: Serving, port: int) -> list[str]:
    """What starts the server."""
    return [
        *(sys.executable, "-m", "recipe.evaluation.serve", serving.model),
        *("--served-model-name", SERVED_AS, "--host", "127.0.0.1", "--port", str(port), "--seed", "0"),
        # Without this the checkpoint's own sampling settings apply: Qwen2.5-VL's has a repetition penalty.
        *("--generation-config", "vllm"),
        # Keeps pictures where they stand between the texts, whatever the detection makes of the chat template.
        *("--chat-template-content-format", "openai"),
        *("--limit-mm-per-prompt", f'{{"image": {MOST_PICTURES}}}'),
        *(() if torch.cuda.is_available() else FOR_CPU),
        *serving.extra,
    ]


def variables() -> dict[str, str]:
    """The server's environment."""
    return {**os.environ} if torch.cuda.is_available() else {**ON_CPU, **os.environ}


@contextmanager
def served(serving: Serving) -> Iterator[str]:
    """Serve a model while the block runs.

    Yields:
        The server's address, with ``/v1``.

    Raises:
        RuntimeError: The server stopped, or was not ready in time.
    """
    port = _free_port()
    serving.log.parent.mkdir(parents=True, exist_ok=True)
    with serving.log.open("w") as log:
        # A session of its own: the engine and its workers are ended with it.
        process = subprocess.Popen(
            command(serving, port), stdout=log, stderr=subprocess.STDOUT, env=variables(), start_new_session=True
        )
        try:
            _wait_until_ready(process, port, serving)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            _stop(process)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, serving: Serving) -> None:
    deadline = time.monotonic() + serving.patience_s
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"vLLM could not serve {serving.model}; the end of {serving.log}:\n{_tail(serving.log)}")
        if _is_healthy(port):
            return
        time.sleep(1)
    raise RuntimeError(f"vLLM was not ready after {serving.patience_s:.0f} s; see {serving.log}")


def _is_healthy(port: int) -> bool:
    try:
        # Directly: a proxy that the environment names does not reach this machine's own addresses.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:  # not listening yet
        return False


def _tail(path: Path) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-30:])


def _stop(process: subprocess.Popen[bytes]) -> None:
    for number, seconds in ((signal.SIGTERM, 30), (signal.SIGKILL, 30)):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
    process.wait()
