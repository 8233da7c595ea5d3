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
"""Values of Hydra overrides that are paths."""

from __future__ import annotations

import re
from pathlib import Path


def hydra_value(path: str | Path) -> str:
    """A path as Hydra's grammar reads it whole; ``hydra_value`` of ``examples/lib/common.sh`` does the same."""
    text = str(path)
    if re.fullmatch(r"[A-Za-z0-9_./:@%+-]*", text):
        return text
    # A backslash escapes only where a quote follows, which those at the end would do too.
    escaped = re.sub(r"(\\*)'", r"\1\1\\'", text)
    escaped = re.sub(r"(\\+)$", r"\1\1", escaped)
    return f"'{escaped}'"
