# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Who holds a handle of a Ray actor has to load the actor's class, and the server's brings all of vLLM.

That is 5 CPU seconds each in the load balancer and in every agent-loop worker, which only send it requests. Ray gets a
class of the same name and methods instead, which makes the server where the actor runs. On machines with accelerators
and many cores nobody notices. This can go when verl or Ray tells such processes a method's name without its class.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

_SERVERS: dict[str, type] = {}
"""Module -> the class that makes the server, in processes that have imported it."""


def install(server_module: ModuleType) -> None:
    """Let verl give Ray the other class."""
    server = server_module.vLLMHttpServer
    _SERVERS[server_module.__name__] = server
    server_module.vLLMHttpServer = stand_in(server)  # type: ignore[attr-defined]


def stand_in(server: type) -> type:
    """A class with the methods of ``server``, which is imported when an object is made.

    Ray sends a class that no module has under its name as it is, with what its functions refer to: strings, here.
    """
    module = server.__module__

    def make(self: Any, *args: Any, **kwargs: Any) -> None:
        self.server = server_of(module)(*args, **kwargs)

    methods = {
        name: _forward(name, inspect.iscoroutinefunction(method))
        for name, method in inspect.getmembers(server, inspect.isfunction)
        if not name.startswith("_")
    }
    return type(server.__name__, (), {**methods, "__init__": make, "__doc__": server.__doc__})


def server_of(module: str) -> type:
    """The class that makes the server; in a function of its own because Ray sends what ``make`` refers to along."""
    importlib.import_module(module)
    return _SERVERS[module]


def _forward(name: str, asynchronous: bool) -> Callable[..., Any]:
    """A method that calls the server's; Ray runs an actor in an event loop if one of its methods is a coroutine."""

    async def wait_for(self: Any, *args: Any, **kwargs: Any) -> Any:
        return await getattr(self.server, name)(*args, **kwargs)

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(self.server, name)(*args, **kwargs)

    method = wait_for if asynchronous else call
    method.__name__ = name
    return method
