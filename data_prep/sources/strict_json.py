# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""JSON as others wrote it: whatever is wrong with it is a ``ValueError``."""

from __future__ import annotations

import json


def parse(content: bytes) -> object:
    """Parse JSON.

    Args:
        content: The file's bytes.

    Returns:
        What it says.

    Raises:
        ValueError: It is not UTF-8, no JSON, or nested so deep that Python gives up.
    """
    try:
        return json.loads(content)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
