# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Versions of the software below this package: those it was tested with, and those that are installed."""

from __future__ import annotations

import importlib.metadata as metadata
import re

TESTED = {
    "verl": ("0.9.1",),
    "torch": ("2.13.0", "2.11.0"),
    "vllm": ("0.28.0", "0.24.0"),
    "transformers": ("5.10.4", "5.9.0"),
    "ray": ("2.60.0",),
    "tensordict": ("0.10.0",),
    "TransferQueue": ("0.1.11",),
}
"""All of them are needed. The first version is the CPU stack's, the second that of the GPU pins, which have run in a
build for the CPU (docs/install.md)."""
FLASH_ATTN = "2.8.3"
"""For GPUs only, and not installed where this project has run; verl 0.9.1's own pin."""
RAN = "on a CPU: the CPU stack and a build of the GPU pins for the CPU; on a GPU a run has started, no step was made"
"""Where all that was tested ran."""


def installed(name: str) -> str | None:
    """The installed version of a distribution; vLLM's CPU build has a name of its own."""
    for candidate in (name, f"{name}-cpu") if name == "vllm" else (name,):
        try:
            return metadata.version(candidate)
        except metadata.PackageNotFoundError:
            continue
    return None


def canonical(name: str) -> str:
    """The name as locks have it: a package index takes ``Levenshtein`` and ``levenshtein`` for one."""
    return re.sub(r"[-_.]+", "-", name).lower()


def all_installed() -> dict[str, str]:
    """The versions of all distributions, by canonical name; of two copies, the one that is imported."""
    found: dict[str, str] = {}
    for one in metadata.distributions():  # in the order of sys.path
        found.setdefault(canonical(one.metadata["Name"]), one.version)
    return found


def is_tested(name: str, version: str) -> bool:
    """Whether ``version`` is one of those the tests have run with; a build's suffix (``+cu130``) does not matter."""
    return version.split("+")[0] in TESTED[name]
