# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Rollout workers that repair when they are told to.

Apart from ``trainer``, which is imported while ``verl.trainer.ppo.v1`` is, and this imports that.
"""

from __future__ import annotations

from typing import Any

import ray

from verl_ext.repair.worker import CareAgentLoopManager, CareAgentLoopWorker


class SwitchedWorker(CareAgentLoopWorker):
    """Repairs when it is told to."""

    async def repair(self, wanted: bool) -> None:
        """Start or stop repairing, from the next group on."""
        self._all_repairs = getattr(self, "_all_repairs", self.picker)
        self.picker = self._all_repairs if wanted else None


class SwitchedManager(CareAgentLoopManager):
    """Starts such workers."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.agent_loop_workers_class = ray.remote(SwitchedWorker)
