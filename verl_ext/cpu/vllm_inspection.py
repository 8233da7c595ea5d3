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
