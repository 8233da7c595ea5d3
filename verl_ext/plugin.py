# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The entry point that verl loads at the end of ``import verl``, in the driver and in every worker process.

It only arms post-import hooks, so ``import verl`` stays cheap and a run that does not choose ``care`` is left alone.
verl logs a plugin that fails to load at DEBUG, which nobody sees; hence the warning here.
"""

import logging

logger = logging.getLogger(__name__)


def load() -> None:
    """Arm the hooks of this process; a second call does nothing."""
    try:
        from verl_ext import hooks

        hooks.arm()
    except Exception as error:
        logger.warning(
            "The CARE plugin for verl did not load, so algorithm.adv_estimator=care will not work here: %s: %s. "
            "`care doctor` says more.",
            type(error).__name__,
            error,
        )
        raise


load()
