# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Golds that a program has spoilt: ratios and dates by a spreadsheet, characters by a wrong encoding."""

from __future__ import annotations

import itertools
import re
from fractions import Fraction

_DECIMALS = re.compile(r"-?[0-9]+\.([0-9]+)")
_INTEGER = re.compile(r"(?<![\w.])[0-9]{1,4}(?![\w.]*[0-9])")
_SERIAL = re.compile(r"[345][0-9]{4}(?:\.0)?")
_RATIO = re.compile(r"\bratio\b|\bproportion of\b.*\bto\b", re.IGNORECASE)
_ASKS_FOR_DATE = re.compile(
    r"^\W*(?:(?:since|until|from)\s+)?when\b"
    r"|\b(?:what|which)\s+(?:(?:is|was|are|were|the|exact)\s+)*(?:date|day|month|year|time)\b",
    re.IGNORECASE,
)
_ASKS_FOR_NUMBER = re.compile(r"\bhow\s+(?:many|much)\b", re.IGNORECASE)
_MINUTES_OF_A_DAY = 1440
_SURE_DENOMINATOR = 720
"""Quotients of numbers that a chart shows hardly ever have so large a denominator; two in five times of day do."""
_SURE_DECIMALS, _PRINTED_DECIMALS = 6, 9
_SERIALS = range(30_000, 50_001)

_MISREAD_AS = ("gbk", "cp1252", "latin-1")
_ASCII = frozenset(map(chr, range(32, 127)))
"""A wrong decoding may swallow the letter behind a sign: ∠A became 鈭燗."""
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
_PLAUSIBLE = frozenset(
    "°±×÷·²³¹½¼¾µ√∛∠∟△▲□○⊙⊥∥≅≌∽∼≈≠≤≥≡∞∴∵→←↔∈∉⊂⊆∪∩∅∫∑∏∂′″−–—‘’“”…•€£¥"
    "αβγδεζηθικλμνξοπρστυφχψωΓΔΘΛΞΠΣΦΨΩϕ⁰⁴⁵⁶⁷⁸⁹₀₁₂₃₄₅₆₇₈₉"
)


def is_ratio_as_time(label: str, question: str) -> bool:
    """Whether a label can only be a ratio that a spreadsheet took for a time of day: 39:14 was stored as 1.634722222.

    Such a label is a number of minutes as a fraction of a day. So are 0.9375 = 15/16 and every other quotient whose
    denominator divides 1,440: it takes a denominator of 720 or more, or a question that names both numbers.

    Args:
        label: The gold.
        question: The question.

    Returns:
        True only where nothing else is likely.
    """
    minutes = _whole_minutes(label)
    if minutes is None:
        return False
    if Fraction(minutes, _MINUTES_OF_A_DAY).denominator >= _SURE_DENOMINATOR:
        return _decimals(label) >= _SURE_DECIMALS
    numbers = [int(number) for number in _INTEGER.findall(question)]
    named = [(a, b) for a, b in itertools.permutations(numbers, 2) if 0 < b < 60 and 60 * a + b == minutes]
    return any(abs(float(label) - a / b) > 1e-6 * a / b for a, b in named)


def may_be_ratio_as_time(label: str, question: str) -> bool:
    """Whether a label may be one: nine decimals as a spreadsheet prints them, and a question that asks for a ratio.

    29:12 became 1.216666667, which is 73/60 as well.
    """
    asks = _RATIO.search(question) is not None
    return asks and _whole_minutes(label) is not None and _decimals(label) >= _PRINTED_DECIMALS


def _decimals(label: str) -> int:
    found = _DECIMALS.fullmatch(label)
    return len(found.group(1)) if found else 0


def _whole_minutes(label: str) -> int | None:
    """The minutes that a fraction of a day is; None where it is none."""
    if not _decimals(label):
        return None
    minutes = float(label) * _MINUTES_OF_A_DAY
    return round(minutes) if abs(minutes - round(minutes)) < 1e-4 else None


def is_date_as_number(label: str, question: str) -> bool:
    """Whether a label is a day counted from 1900 and the question asks for a date: 44362 is 15 June 2021."""
    is_serial = _SERIAL.fullmatch(label) is not None and int(float(label)) in _SERIALS
    return is_serial and bool(_ASKS_FOR_DATE.search(question)) and not _ASKS_FOR_NUMBER.search(question)


def with_characters_restored(text: str) -> str:
    """Undo a wrong decoding of UTF-8: ``118掳`` and ``118Â°`` are 118°.

    Args:
        text: Any text.

    Returns:
        The text with each stretch decoded again that gives nothing but mathematical and typographical signs; everything
        else, Chinese above all, as it is.
    """
    return _NOT_ASCII.sub(lambda stretch: _decoded_again(stretch.group()), text)


def _decoded_again(stretch: str) -> str:
    for encoding in _MISREAD_AS:
        try:
            meant = stretch.encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
        signs = set(meant) - _ASCII
        if signs and signs <= _PLAUSIBLE:
            return meant
    return stretch
