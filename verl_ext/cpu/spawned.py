# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Processes that a prepared process spawns have to be prepared too, before they unpickle what they were sent.

vLLM spawns its engine and worker processes, and unpickling their arguments imports vLLM, transformers and torchvision
before any plugin of either is loaded. Python loads a spawned child's "preparation data" first, so an object in there
that arms the hooks when it is unpickled comes early enough. This can go with ``torchvision_ops``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from multiprocessing import spawn
from typing import cast


class _Armed:
    """Unpickles to the result of ``arm()``, that is, arms the hooks in the child."""

    def __init__(self, arm: Callable[[], None]) -> None:
        self._arm = arm

    def __reduce__(self) -> tuple[object, tuple[()]]:
        return self._arm, ()


@functools.cache
def prepare_spawned_processes(arm: Callable[[], None]) -> None:
    """Add the object to the preparation data of every process spawned from here; ``arm`` is a module's function."""
    original = spawn.get_preparation_data

    @functools.wraps(original)
    def get_preparation_data(name: str) -> dict[str, object]:
        return {"care_hooks": _Armed(arm), **cast(dict[str, object], original(name))}

    spawn.get_preparation_data = get_preparation_data
