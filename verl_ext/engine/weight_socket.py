# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Runs side by side on one machine must not get each other's weights.

verl 0.9.1 names the socket by which an actor hands its weights to vLLM after the Ray job, so that "two independent verl
jobs on the same host" do not meet. But every Ray cluster numbers its jobs from 1: two runs that each start their own
Ray use the same socket, and a rollout server that happens to listen takes the other run's weights without a word. Here
the name says which Ray cluster it belongs to, too. This can go when verl's name is unique on a machine.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from types import ModuleType

PREFIX = "ipc:///tmp/rl-colocate-zmq-"
RAYLET = "RAY_RAYLET_PID"
"""Ray tells every worker, and with it all it starts, the process that runs the cluster on this node."""


def unique(handle: str) -> str:
    """``handle``, with the cluster's process in its name if it is one of verl's sockets."""
    raylet = os.environ.get(RAYLET)
    if raylet is None or not handle.startswith(PREFIX):
        return handle
    return f"{PREFIX}{raylet}-{handle.removeprefix(PREFIX)}"


def install(transfer: ModuleType) -> None:
    """Rename the socket at both ends, in ``BucketedWeightSender`` and ``BucketedWeightReceiver``."""
    for end in (transfer.BucketedWeightSender, transfer.BucketedWeightReceiver):
        end.__init__ = _renaming(end.__init__)


def _renaming(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def initialise(self: object, zmq_handle: str, *args: object, **kwargs: object) -> None:
        original(self, unique(zmq_handle), *args, **kwargs)

    return initialise
