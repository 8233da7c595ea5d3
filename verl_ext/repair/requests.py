# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Requests to the rollout servers: who asked, how long answers take, and that what is given up stops decoding."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import ray
import wrapt

if TYPE_CHECKING:
    from verl.workers.rollout.replica import TokenOutput

FIRST = -1
"""Priority of a repair, below (so before) that of rollouts, which are 0 and up: the group's rollouts have ended, and
the step may wait for nothing but this. Only vLLM's servers are told, and only with ``scheduling_policy=priority``."""
SHORTEST_LIMIT_S = 300.0
"""A repair is not given up earlier; at the start of a run nothing is known of how long answers take."""
ROLLOUTS = 3.0
"""A repair decodes less than a rollout does, with the same pauses for new weights and less queueing: one that takes
this many times as long as the slowest request so far hangs."""

request_id_of_task: ContextVar[str] = ContextVar("care_request_id", default="")
"""The id the latest request of this task was routed by; empty if its agent loop asked from another task."""


class RequestRecorder(wrapt.ObjectProxy):
    """An LLM client that notes the time and id of each request: verl's agent loops draw one and do not return it."""

    def __init__(self, client: Any) -> None:
        super().__init__(client)
        self._self_slowest_s = 0.0
        client._acquire_server = with_abort(client._acquire_server)

    async def generate(self, request_id: str, **kwargs: Any) -> TokenOutput:
        """Forward a request."""
        request_id_of_task.set(request_id)
        asked = time.monotonic()
        answer = await self.__wrapped__.generate(request_id, **kwargs)
        self._self_slowest_s = max(self._self_slowest_s, time.monotonic() - asked)
        return answer

    @property
    def repair_limit_s(self) -> float:
        """Seconds after which a repair is given up."""
        return max(SHORTEST_LIMIT_S, ROLLOUTS * self._self_slowest_s)


def with_abort(acquire: Callable[..., Awaitable[tuple[str, Any]]]) -> Callable[..., Awaitable[tuple[str, Any]]]:
    """Wrap a client's ``_acquire_server`` to hand out servers on which a request ends with whoever waits for it.

    verl 0.9.1 awaits a Ray call, and Ray lets a call run on when its waiter is cancelled: vLLM would decode on what
    nobody takes, in a place of its batch that others wait for. This can go when verl's client aborts.
    """

    async def acquire_server(*args: Any, **kwargs: Any) -> tuple[str, Any]:
        server_id, server = await acquire(*args, **kwargs)
        return server_id, AbortingServer(server)

    return acquire_server


class AbortingServer(wrapt.ObjectProxy):
    """The handle of a rollout server whose ``generate`` is cancelled there when it is cancelled here."""

    @property
    def generate(self) -> AbortingCall:
        """The server's method."""
        return AbortingCall(self.__wrapped__.generate)


class AbortingCall:
    """A method of a Ray actor, as far as verl's client uses it."""

    def __init__(self, method: Any) -> None:
        self._method = method

    async def remote(self, **kwargs: Any) -> TokenOutput:
        """Call it and wait; vLLM's engine aborts a request whose task is cancelled."""
        answer = self._method.remote(**kwargs)
        try:
            return await answer
        except asyncio.CancelledError:
            ray.cancel(answer)
            raise
