# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
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
