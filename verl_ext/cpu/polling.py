# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""verl looks for finished rollouts every 2 seconds, which is longer than a tiny model needs for a whole step.

The interval is an argument verl never sets. On the CPU stack, made for tiny models, it is looked at 20 times as often.
This can go when verl makes the interval a setting.
"""

from __future__ import annotations

import functools
from types import ModuleType

INTERVAL_S = 0.1


def install(replay_buffer: ModuleType) -> None:
    """Give verl's replay buffer, and so the asynchronous one derived from it, the shorter default."""
    base = replay_buffer.ReplayBuffer
    base.__init__ = functools.partialmethod(base.__init__, poll_interval=INTERVAL_S)
