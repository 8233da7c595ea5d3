# Copyright 2026 The CARE-verl authors
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""vLLM's OpenAI-compatible server, with this project's workarounds armed where there is no accelerator.

    python -m recipe.evaluation.serve MODEL --port 8000 ...

takes what ``vllm serve`` takes.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run ``vllm serve`` with this process's arguments."""
    from verl_ext import hooks

    hooks.arm()
    from vllm.entrypoints.cli.main import main as vllm

    sys.argv = ["vllm", "serve", *sys.argv[1:]]
    vllm()


if __name__ == "__main__":
    main()
