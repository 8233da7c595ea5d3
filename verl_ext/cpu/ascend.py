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
