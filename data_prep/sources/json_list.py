# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""A JSON file that is one long list, read element by element."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from data_prep.errors import InputError

CHUNK = 2**20
"""Characters in memory at a time, as long as an element is no longer than that."""
_LONGEST_ELEMENT = 64 * 2**20
_NOT_UTF8 = re.compile("[\udc80-\udcff]")
_BETWEEN = re.compile(r"[,\s]*")


def read_list(path: Path) -> Iterator[tuple[object, int]]:
    """Read the elements of a JSON list, one after the other.

    Args:
        path: The file.

    Yields:
        Each element with the number of characters read up to its end.

    Raises:
        InputError: It is no list, or damaged.
    """
    decoder = json.JSONDecoder()
    with path.open(encoding="utf-8", errors="surrogateescape") as file:
        text = _utf8(file.read(CHUNK), path).lstrip("\ufeff \t\r\n")
        if not text.startswith("["):
            raise InputError(f"{path}: no JSON list; download it again")
        at, read = 1, 0
        while True:
            begin = _BETWEEN.match(text, at).end()  # type: ignore[union-attr]
            if text.startswith("]", begin):
                return
            try:
                element, end = decoder.raw_decode(text, begin)
            except (ValueError, RecursionError) as error:
                # Either the element goes on in the next chunk, or it is damaged.
                more = "" if len(text) - begin > _LONGEST_ELEMENT else _utf8(file.read(CHUNK), path)
                if not more:
                    cause = error.msg if isinstance(error, json.JSONDecodeError) else str(error).split(";")[0]
                    reason = f"damaged after {read:,} characters ({cause})"
                    raise InputError(f"{path}: {reason}; download it again") from error
                text, at = text[begin:] + more, 0
                continue
            read += end - at
            at = end
            yield element, read


def _utf8(text: str, path: Path) -> str:
    """Make sure that every byte was UTF-8."""
    wrong = _NOT_UTF8.search(text)
    if wrong:
        byte = ord(wrong.group()) - 0xDC00
        raise InputError(f"{path}: not UTF-8 (byte {byte:#x}); convert it, or download it again")
    return text
