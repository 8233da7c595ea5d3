# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
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
