# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""vLLM looks at a model's class in a process of its own, which imports torchvision before any hook is armed.

It keeps the answer in ``~/.cache/vllm``, so this fails only where no vLLM of this version has run before ("Model
architectures [...] failed to be inspected"). The process is there to keep CUDA from being initialised in the one that
asks; without an accelerator that one can look itself, and is quicker. This can go with ``torchvision_ops``.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TypeVar

T = TypeVar("T")


def install(registry: ModuleType) -> None:
    """Replace the function that starts the process."""
    registry._run_in_subprocess = call  # type: ignore[attr-defined]


def call(function: Callable[[], T]) -> T:
    """Call it here."""
    return function()
