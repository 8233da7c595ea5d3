# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
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
