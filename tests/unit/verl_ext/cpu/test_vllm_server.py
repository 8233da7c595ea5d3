# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The class that Ray gets in place of the server's: the same methods, but not the module."""

import importlib
import subprocess
import sys

from ray import cloudpickle

from verl_ext.cpu.vllm_server import install

HEAVY = """
class vLLMHttpServer:
    def __init__(self, name, *, port):
        self.name, self.port = name, port

    def address(self):
        return self.name, self.port

    async def generate(self, prompt, times=1):
        return prompt * times

    def _private(self):
        raise AssertionError
"""
HOLDER = """
import asyncio, inspect, pickle, sys, wrapt
cls = pickle.load(open(sys.argv[1], "rb"))
assert "heavy_server" not in sys.modules
assert inspect.iscoroutinefunction(cls.generate) and not inspect.iscoroutinefunction(cls.address)
assert cls.__name__ == "vLLMHttpServer" and not hasattr(cls, "_private")
from verl_ext.cpu.vllm_server import install
wrapt.register_post_import_hook(install, "heavy_server")
one = cls("here", port=3)
assert "heavy_server" in sys.modules
print(one.address(), asyncio.run(one.generate("ab", times=2)))
"""


def test_the_module_is_imported_when_an_object_is_made(tmp_path, monkeypatch):
    (tmp_path / "heavy_server.py").write_text(HEAVY)
    monkeypatch.syspath_prepend(str(tmp_path))
    module = importlib.import_module("heavy_server")
    install(module)
    (tmp_path / "class.pkl").write_bytes(cloudpickle.dumps(module.vLLMHttpServer))
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "class.pkl")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env={"PYTHONPATH": _paths(tmp_path)})
    assert done.stdout == "('here', 3) abab\n", done.stderr


def _paths(folder) -> str:
    return f"{folder}:{':'.join(path for path in sys.path if path)}"
