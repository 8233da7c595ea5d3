# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What the worker computes: math-verify's verdict on two LaTeX strings, then a check of our own.

Only strings made of allow-listed tokens arrive here. math-verify's plain-expression extraction is left out, since it
hands text to sympy's ``parse_expr``, which evaluates it.
"""

from __future__ import annotations

import logging

import sympy
from math_verify import LatexExtractionConfig, parse, verify

logging.getLogger("math_verify").setLevel(
    logging.CRITICAL
)  # it warns that its timeouts are off; the worker has its own

EQUAL = "equal"
DIFFERENT = "different"
NUMERIC = "numeric"
UNPARSED_GOLD = "unparsed_gold"
DIGITS = 30
SAME = sympy.Float("1e-20")
PROBES = ("0.7390851332151607", "1.6180339887498949", "2.6651441426902252")


def compare(gold: str, pred: str) -> str:
    """Decide whether two LaTeX strings mean the same.

    Args:
        gold: The gold's LaTeX, without fences.
        pred: The answer's.

    Returns:
        ``equal``, ``different``, ``numeric`` (math-verify says equal, a 30-digit evaluation says different) or
        ``unparsed_gold``.
    """
    wanted = read(gold)
    return UNPARSED_GOLD if wanted is None else compare_with(wanted, pred)


def read(latex: str) -> object | None:
    """What math-verify makes of a LaTeX string without fences; None where it can make nothing of it."""
    found = parse(f"${latex}$", [LatexExtractionConfig()], fallback_mode="no_fallback", parsing_timeout=None)
    return found[0] if found else None


def compare_with(wanted: object, pred: str) -> str:
    """As ``compare``, with a gold that was read before."""
    given = read(pred)
    if given is None or not verify(wanted, given, timeout_seconds=None):
        return DIFFERENT
    return NUMERIC if _differ_numerically(wanted, given) else EQUAL


def _differ_numerically(wanted: object, given: object) -> bool:
    """Evaluate both at fixed points; only expressions that have a complex value there are compared."""
    if not (isinstance(wanted, sympy.Expr) and isinstance(given, sympy.Expr)):
        return False
    symbols = sorted(wanted.free_symbols | given.free_symbols, key=str)
    point = {symbol: sympy.Float(PROBES[i % len(PROBES)], DIGITS) * (1 + i) for i, symbol in enumerate(symbols)}
    left, right = wanted.evalf(DIGITS, subs=point), given.evalf(DIGITS, subs=point)
    if not (left.is_number and right.is_number and left.is_finite and right.is_finite):
        return False
    return bool(abs(left - right) > SAME * max(abs(left), abs(right)))
