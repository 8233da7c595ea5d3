# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Ratios and times of day. Both are written ``9:16``, and 18:32 is the same ratio and another time."""

from __future__ import annotations

import math
import re

from recipe.care.verifier.reading.arithmetic import size
from recipe.care.verifier.reading.quantity import Quantity, read_quantity

_RATIO = re.compile(r"[^:]{1,40}(?::[^:]{1,40}){1,5}")
_CLOCK = re.compile(r"0?([0-9]|1[0-9]|2[0-4]):([0-5][0-9])((?::[0-5][0-9])?)((?:[ap]\.?m\.?)?)", re.IGNORECASE)
_QUOTIENT = re.compile(r"(?:\\frac\{([0-9]+)\}\{([0-9]+)\}|([0-9]+)/([0-9]+))")


def is_same_ratio(gold: str, pred: str, asks_for_ratio: bool) -> bool:
    """Compare two texts of which one holds a colon.

    Args:
        gold: The gold, spelled.
        pred: The answer, spelled.
        asks_for_ratio: Whether the question asks for a ratio, so that ``10:30`` is no time of day.

    Returns:
        Whether they are the same time of day, or, where the gold is a ratio, in proportion.
    """
    clock, answer = _clock(gold), _clock(pred)
    if clock and not asks_for_ratio:
        if answer:
            return clock[:3] == answer[:3] and clock[3] in ("", answer[3])
        return _may_be_ratio(clock) and _quotient(pred) == clock[:2]
    wanted, given = _read_ratio(gold), _read_ratio(pred)
    if wanted is None or _has_seconds(gold) or _has_seconds(pred):
        return False
    return _in_proportion(wanted, given or _over_one(pred))


def _clock(spelled: str) -> tuple[int, int, str, str] | None:
    """Hours, minutes, seconds and half of the day."""
    time = _CLOCK.fullmatch(spelled.replace(" ", ""))
    return (int(time[1]), int(time[2]), time[3], time[4].replace(".", "").lower()) if time else None


def _has_seconds(spelled: str) -> bool:
    time = _clock(spelled)
    return time is not None and (bool(time[2] or time[3]) or spelled.replace(" ", "").partition(":")[2].startswith("0"))


def _may_be_ratio(clock: tuple[int, int, str, str]) -> bool:
    """Whether the numbers are in lowest terms, as those of a ratio are."""
    hours, minutes, seconds, half = clock
    return math.gcd(hours, minutes) == 1 and not seconds and not half


def _quotient(spelled: str) -> tuple[int, int] | None:
    parts = _QUOTIENT.fullmatch(spelled)
    return (int(parts[1] or parts[3]), int(parts[2] or parts[4])) if parts else None


def _read_ratio(spelled: str) -> list[Quantity | None] | None:
    """The parts of ``a:b`` or ``a:b:c``; None for anything else."""
    return [read_quantity(part.strip()) for part in spelled.split(":")] if _RATIO.fullmatch(spelled) else None


def _over_one(spelled: str) -> list[Quantity | None]:
    """8/5 is 8/5 to 1."""
    return [read_quantity(spelled), read_quantity("1")]


def _in_proportion(wanted: list[Quantity | None], given: list[Quantity | None]) -> bool:
    values = [part.value for part in (*wanted, *given) if part is not None and part.value != 0]
    if len(wanted) != len(given) or len(values) != len(wanted) + len(given):
        return False
    first, second = values[: len(wanted)], values[len(wanted) :]
    return all(
        size(a * second[0] - b * first[0]) <= 1e-9 * size(a * second[0]) for a, b in zip(first, second, strict=True)
    )
