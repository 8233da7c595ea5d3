# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Processes that a prepared process spawns have to be prepared too, before they unpickle what they were sent.

vLLM spawns its engine and worker processes, and unpickling their arguments imports vLLM, transformers and torchvision
before any plugin of either is loaded. Python loads a spawned child's "preparation data" first, so an object in there
that arms the hooks when it is unpickled comes early enough. This can go with ``torchvision_ops``.
"""

from __future__ import annotations

import functools
from multiprocessing import spawn
from typing import cast


class _ArmHooks:
    """Unpickles to the result of ``hooks.arm()``, that is, arms the hooks in the child."""

    def __reduce__(self) -> tuple[object, tuple[()]]:
        from verl_ext import hooks

        return hooks.arm, ()


@functools.cache
def prepare_spawned_processes() -> None:
    """Add the object to the preparation data of every process spawned from here."""
    original = spawn.get_preparation_data

    @functools.wraps(original)
    def get_preparation_data(name: str) -> dict[str, object]:
        return {"care_hooks": _ArmHooks(), **cast(dict[str, object], original(name))}

    spawn.get_preparation_data = get_preparation_data
