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
"""vLLM's worker and its engine sleep while they wait for each other, instead of turning on a core.

vLLM's CPU backend always runs its worker in a process of its own, and the two pass messages through shared memory. For
a second after each message the reader spins, which is right with a core per process; on a laptop the spinning takes the
core from whoever would write the next message. Short naps cost a tenth of a millisecond a message. (Waiting for vLLM's
notifications right away does not work: some are lost, and the reader then sleeps until its next check.) This can go
when vLLM yields for longer.
"""

from __future__ import annotations

import time
from types import ModuleType

NAP_S = 1e-4


def install(shm_broadcast: ModuleType) -> None:
    """Replace the yield in the waiting loops of vLLM's shared-memory queue."""
    shm_broadcast.sched_yield = nap  # type: ignore[attr-defined]


def nap() -> None:
    """Leave the core to others for a moment."""
    time.sleep(NAP_S)
