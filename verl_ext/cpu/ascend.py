# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""verl's weight transfer for Ascend imports vLLM before it looks for an Ascend device, in nearly every process.

That is 3.4 of the 9.1 CPU seconds of importing verl's trainer. verl counts the transfer as optional and records why it
is missing, so it is enough that its module cannot be imported. This can go when verl looks first.
"""

from __future__ import annotations

import sys

TRANSFER = "verl.checkpoint_engine.hccl_checkpoint_engine"


def leave_out_ascend() -> None:
    """Make the import fail at once; call it before ``verl.checkpoint_engine`` is imported."""
    sys.modules.setdefault(TRANSFER, None)  # type: ignore[arg-type]
