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
"""Named in ``VERL_USE_EXTERNAL_MODULES``: lets the runs of the check alternate between methods.

A hook of its own, behind CARE's, because every run of a user must be without it.
"""

from __future__ import annotations

from types import ModuleType

import wrapt

from verl_ext import hooks


def install(v1: ModuleType) -> None:
    """Derive the synchronous trainer once more."""
    from verl_ext.check_gpu.trainer import AlternatingMixin

    registry = v1.trainer_base.TRAINER_REGISTRY
    registry["sync"] = type("CheckTrainer", (AlternatingMixin, registry["sync"]), {"__module__": __name__})


# Hooks of a module run in the order in which they were armed, and these derive from what CARE's leave.
hooks.arm()
wrapt.register_post_import_hook(install, "verl.trainer.ppo.v1")
