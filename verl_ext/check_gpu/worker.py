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
"""Rollout workers that repair when they are told to.

Apart from ``trainer``, which is imported while ``verl.trainer.ppo.v1`` is, and this imports that.
"""

from __future__ import annotations

from typing import Any

import ray

from verl_ext.rgr_worker import CareAgentLoopManager, CareAgentLoopWorker


class SwitchedWorker(CareAgentLoopWorker):
    """Repairs when it is told to."""

    async def repair(self, wanted: bool) -> None:
        """Start or stop repairing, from the next group on."""
        self._all_repairs = getattr(self, "_all_repairs", self._picker)
        self._picker = self._all_repairs if wanted else None


class SwitchedManager(CareAgentLoopManager):
    """Starts such workers."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.agent_loop_workers_class = ray.remote(SwitchedWorker)
