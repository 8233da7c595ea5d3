# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Characters that JSON can spell and no file can hold."""

from __future__ import annotations

import re

LOST = "\ufffd"
"""Stands where a character was lost."""
_SURROGATE = re.compile("[\ud800-\udfff]")


def writable(value: object) -> str:
    r"""The text of a JSON value, with U+FFFD for each half of a surrogate pair that has lost the other half.

    Such a half (``"\ud83d"``) has no UTF-8. It is a lost character like those that the dataset itself writes as U+FFFD.
    """
    return _SURROGATE.sub(LOST, str(value))
