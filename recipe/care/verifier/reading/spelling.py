# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""One spelling for LaTeX and plain maths, so that comparing, evaluating and parsing all start from the same string."""

from __future__ import annotations

import re
from collections.abc import Callable

from recipe.care.verifier.reading.chinese import spell_chinese
from recipe.care.verifier.reading.normalise import core

_REPLACEMENTS: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\\(?:left|right|[bB]igg?[lrm]?|displaystyle|textstyle|limits|mathord)(?![A-Za-z])\.?", ""),
        (r"\\(?:text)?color\s*\{\w+\}", ""),
        (r"(?<=\d)\{,\}(?=\d)", ","),
        (r"(?<=\d),?\\[,!]\s*(?=\d{3}(?!\d))", ","),
        (r"\\mu\s*\\(?:text|mathrm)\s*\{\s*([A-Za-z])\s*\}", r" μ\1"),
        (r"\\(?:text|mathrm)\s*\{\s*\\mu\s*([A-Za-z])\s*\}", r" μ\1"),
        (
            r"\\(?:text(?:bf|rm|it|sf|tt|up|sc|sl|md|normal)?|mathrm|mathbf|mathit|mathsf|mbox|rm|operatorname)"
            r"\s*\{([^{}]*)\}",
            r" \1 ",
        ),
        (r"(?<!\\)\\[,:;!> ]|\\q?quad(?![A-Za-z])|[$~]", " "),
        (r"\\[dtc]frac(?![A-Za-z])", r"\\frac"),
        (r"\\(?:cdot|times|ast)(?![A-Za-z])|\*\*(?=\s*1(?!\d))", "*"),
        (r"\*\*", "^"),
        (r"\\div(?![A-Za-z])", "/"),
        (r"\\(?:leqslant|leq|le)(?![A-Za-z])|<=", "≤"),
        (r"\\(?:geqslant|geq|ge)(?![A-Za-z])|>=", "≥"),
        (r"\\(?:neq|ne)(?![A-Za-z])|!=", "≠"),
        (r"\\lt(?![A-Za-z])", "<"),
        (r"\\gt(?![A-Za-z])", ">"),
        (
            r"\^\s*(?:\{\s*\\circ\s*\}|\\circ(?![A-Za-z])|°)|\\degree(?![A-Za-z])|\s*\bdeg(?:ree)?s?\b|\{\s*degrees\s*\}",
            "°",
        ),
        (r"(?<=\d)\s*\^\s*\{?o\}?(?![A-Za-z])", "°"),
        (r"\\approx(?![A-Za-z])", "≈"),
        (r"(?<=\d)(\s*[kM]?)\s*\\Omega(?=\s*$)", r"\1Ω"),
        (r"\\(?:varnothing|O)(?![A-Za-z])|\\\{\s*\\\}", r"\\emptyset"),
        (r"\^\s*\{?\s*((?:\\prime\s*){1,3})\}?", lambda primes: "'" * primes[1].count("prime")),
        (r"(?<=\d)\s*[xX]\s*(?=10\s*\^)", "*"),
        (r"\\%|\bper\s?cent\b", "%"),
        (r"\\(?:[lr]?vert|mid)(?![A-Za-z])", "|"),
        (r"\\lbrace(?![A-Za-z])", r"\\{"),
        (r"\\rbrace(?![A-Za-z])", r"\\}"),
        (r"\\surd(?![A-Za-z])\s*", r"\\sqrt "),
        (r"\\frac\s*(\d)\s*(\d)", r"\\frac{\1}{\2}"),
        (r"\\frac\s*(\d)\s*\{", r"\\frac{\1}{"),
        (r"\\frac\s*\{([^{}]*)\}\s*(\d)", r"\\frac{\1}{\2}"),
        (r"\{\s+", "{"),
        (r"\s+\}", "}"),
        (r"(?<=\\log)\s*_\s*(\d)", r"_{\1}"),
        (r"(?<![A-Za-z\\])pi(?![A-Za-z])", r"\\pi"),
        (r"\s+", " "),
    )
)
_REPEATING = re.compile(
    r"(?<![\d.])(\d{0,9})\.(\d{0,9})(?:\\(?:overline|bar)\s*\{(\d{1,9})\}|((?:\\dot\s*\{?\d\}?){1,9}))"
)
_MIXED = re.compile(r"(?<![\d.^_{/)A-Za-z])(\d+)\s*\\frac\{(\d+)\}\{(\d+)\}")
_CURRENCY = re.compile(r"\\\$|(?<![\\$])\$(?=\s*[-+]?[.\d])(?!.*\$)|(?<![A-Za-z\\])(?:Rs\.?|INR|RMB)\s*(?=\.?\d)")
_NAMED_THOUSANDS = re.compile(r"([^=,]*=\s*[-+]?¤?\s*\d{1,3}(?:,\d{3})+)(?!\d)(?=[^=,]*$)")
"""``x = 1,234`` is one number, not a list."""
_SINGLE_BRACES = re.compile(r"(?<![A-Za-z\\])\{([A-Za-z0-9])\}")
_LOOSE_SPACE = re.compile(r"(?<!\d) +| +(?!\d)")


def spell(text: str) -> str:
    """Spell a gold or an answer in the one way the maths rules read: no fences, sizing or fonts, one name a sign.

    Args:
        text: Raw or cleaned text.

    Returns:
        Its core in the common spelling. Currency signs become ``¤``, since a bare dollar is a maths fence.
    """
    text = _CURRENCY.sub("¤", spell_chinese(core(text)))
    text = _REPEATING.sub(_spell_repeating, text)
    for pattern, replacement in _REPLACEMENTS:
        text = pattern.sub(replacement, text)
    text = _MIXED.sub(_spell_mixed, text).strip()
    named = _NAMED_THOUSANDS.match(text)
    return named[1].replace(",", "") + text[named.end() :] if named else text


def _spell_repeating(number: re.Match[str]) -> str:
    r"""``0.1\overline{6}`` as the fraction it is."""
    whole, once, *repeated = number.groups()
    period = re.sub(r"\D", "", next(filter(None, repeated)))
    denominator = 10 ** len(once) * (10 ** len(period) - 1)
    numerator = int(whole + once + period) - int(f"0{whole}{once}")
    return rf"\frac{{{numerator}}}{{{denominator}}}"


def _spell_mixed(number: re.Match[str]) -> str:
    """A whole number before a proper fraction is a sum, not a product; the tokenizer knows it as ``3 1/2``."""
    whole, numerator, denominator = number.groups()
    is_proper = len(numerator) <= len(denominator) <= 9 and int(numerator) < int(denominator)
    return f"{whole} {numerator}/{denominator}" if is_proper else number.group()


def exact_key(spelled: str) -> str:
    """The characters that count in a comparison of two spelled texts; a space counts between digits only."""
    return _LOOSE_SPACE.sub("", _SINGLE_BRACES.sub(r"\1", spelled)).rstrip(".")
