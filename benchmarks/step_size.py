# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The size of the step that a benchmark of one step is about, as options of its command line."""

from __future__ import annotations

import argparse


def step_options(description: str | None) -> argparse.ArgumentParser:
    """A parser with ``--groups``, ``--rollouts``, ``--tokens`` and ``--hidden``; a benchmark adds its own."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--groups", type=int, default=512, help="prompts in a step (default: %(default)s)")
    parser.add_argument("--rollouts", type=int, default=8, help="rollouts per prompt (default: %(default)s)")
    parser.add_argument("--tokens", type=int, default=2048, help="response length (default: %(default)s)")
    parser.add_argument("--hidden", type=int, default=3584, help="hidden size (default: %(default)s)")
    return parser
