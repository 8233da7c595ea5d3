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
            "`python -m verl_ext.doctor` says more.",
            type(error).__name__,
            error,
        )
        raise


load()
