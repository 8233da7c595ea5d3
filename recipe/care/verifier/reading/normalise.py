# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Text as rules compare it: one spelling for what Unicode, Markdown, LaTeX and politeness write in many ways."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

from recipe.care.verifier.reading import chinese
from recipe.care.verifier.reading.boxes import DOUBT_WORDS, matching_brace, sole_box

__all__ = ["clean", "core", "matching_brace", "plain", "unwrap"]

_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿ", "0123456789+-()n")
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉₊₋", "0123456789+-")
_SUPERSCRIPT_RUN = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿ]+")
_SUBSCRIPT_RUN = re.compile("[₀₁₂₃₄₅₆₇₈₉₊₋]+")
_VULGAR_FRACTION = re.compile("[¼-¾⅐-⅞]")
_CIRCLED = re.compile("[①-⑳]")
_BEFORE_NFKC = str.maketrans(
    {
        **dict.fromkeys("‐‑‒–—―−﹣－", "-"),
        **dict.fromkeys("‘’‚‛`´′", "'"),
        "″": "''",
        **dict.fromkeys("“”„‟«»", '"'),
        **dict.fromkeys("º˚∘", "°"),  # NFKC would turn the ordinal sign into the letter o
        **dict.fromkeys("×⨯∗·⋅∙", "*"),
        "÷": "/",
        "⁄": "/",
        "∕": "/",
        "。": ".",
        "≤": r"\le ",
        "≥": r"\ge ",
        "≠": r"\ne ",
        "≈": r"\approx ",
        "∞": r"\infty ",
        "π": r"\pi ",
        "∠": r"\angle ",
        "±": r"\pm ",
        "√": r"\surd ",
        "∅": r"\emptyset ",
        "△": r"\triangle ",
        "≅": r"\cong ",
        "⊥": r"\perp ",
        "∥": r"\parallel ",
        "∈": r"\in ",
        "α": r"\alpha ",
        "β": r"\beta ",
        "γ": r"\gamma ",
        "θ": r"\theta ",
        "φ": r"\phi ",
        "ω": r"\omega ",
        "λ": r"\lambda ",
        "∪": r"\cup ",
        "∩": r"\cap ",
    }
)
_SPACES = re.compile(r"\s+")
_WORKS_ALONE = re.compile(r"[^\S ]|  |`|[\x00-\x08\x0e-\x1f\x7f]")

_HEDGES = r"approximately|approx\.?|about|around|roughly|~|\\approx"
_VALUE = (
    rf"(?=(?:(?:{_HEDGES})\s*)?(?:[-+$€£¥₹(\[{{|*'\"\s]|\\(?:boxed|text|mathrm|mathbf)\s*\{{|\\[(\[{{])*"
    r"(?:\.?[0-9]|\\(?!text|math|boxed|approx)[A-Za-z]|[a-z](?![A-Za-z]|\s+[A-Za-z]{2})|[A-Z]\s?[-+*/^_=(]))"
)
"""A number or maths follows. Before words a subject is part of the answer: "The cat is black" is not "black"."""
_IS = r"\s*(?:is|are|=|:|would be|should be)\s*:?\s*"
_NAME = (
    r"(?:(?:my|the|our)\s+)?(?:(?:final|correct|right|best|numerical)\s+){0,2}"
    r"(?:answer|ans|result|solution|value|choice|option)"
)
_DENIED = rf"(?![^0-9]{{0,60}}\b(?:{DOUBT_WORDS})\b)"
_PHRASES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?:so|thus|therefore|hence|then)\b[, ]+",
        _NAME + _IS,
        rf"{_NAME}\s+(?:of|to|for)\s+\S{{1,20}}{_IS}(?-i:{_VALUE})",
        rf"(?:it|this|that|there)\b{_DENIED}\s+(?:is|are|was|equals)\s+",
        rf"(?:the|it|its|this|that|there|angle|area|perimeter|volume|length)\b{_DENIED}"
        rf"[^0-9=<>,;]{{0,60}}?\s(?:is|are|was|equals)\s+(?-i:{_VALUE})",
        rf"(?:{_HEDGES})\s*(?=[-+$€£¥₹\\.0-9])",
        chinese.PHRASE,
    )
)
"""What politeness puts before an answer. None of it belongs to an option or to a text gold: see ``plain``."""
_WRAPPERS = (
    *("boxed", "fbox", "text", "textbf", "textit", "textrm", "textnormal"),
    *("mathrm", "mathbf", "mathit", "mathsf", "bm", "boldsymbol"),
)
_WRAPPED = re.compile(r"\\(?:" + "|".join(_WRAPPERS) + r"|(?:text)?color\s*\{\w+\})\s*\{")
_FENCES = (("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]"), ("**", "**"), ("__", "__"), ("'", "'"), ('"', '"'))
_LEADING_TEXT = re.compile(r"\\(?:text[a-z]{0,6}|mathrm|mbox)\s*\{([^{}]*)\}\s*(?=\S)")
_MOST_LAYERS = 8


def clean(text: str) -> str:
    """Unicode without surprises: NFKC, no invisible characters, ASCII maths signs, single spaces.

    Signs whose compatibility form changes a value are spelled out first: NFKC makes ``5²`` 52 and ``3½`` 31/2.

    Args:
        text: Anything a model or a dataset wrote.

    Returns:
        The cleaned text, stripped.
    """
    if text.isascii():
        return _visible(text) if _WORKS_ALONE.search(text) else text.strip()
    text = _SUPERSCRIPT_RUN.sub(lambda run: "^{" + run.group().translate(_SUPERSCRIPTS) + "}", text)
    text = _SUBSCRIPT_RUN.sub(lambda run: "_{" + run.group().translate(_SUBSCRIPTS) + "}", text)
    text = _VULGAR_FRACTION.sub(_spell_fraction, text)
    text = _CIRCLED.sub(lambda sign: f"({int(unicodedata.numeric(sign.group()))})", text)
    text = unicodedata.normalize("NFKC", text.translate(_BEFORE_NFKC)).translate(_BEFORE_NFKC)
    return _visible(text)


def _visible(text: str) -> str:
    text = _SPACES.sub(" ", text).replace("`", "'").strip()
    return "".join(char for char in text if char == " " or unicodedata.category(char) not in ("Cc", "Cf", "Co", "Cn"))


def _spell_fraction(sign: re.Match[str]) -> str:
    numerator, _, denominator = unicodedata.normalize("NFKC", sign.group()).partition("⁄")
    return f" {numerator}/{denominator}"


def plain(text: str) -> str:
    """The text as it was written, without what only sets it off: fences, LaTeX around everything, quotes, a full stop.

    Golds and options whose words count are read so. ``core`` takes phrases off too, and with them the subject of a
    sentence, which may be all that tells one option from the next.

    Args:
        text: Anything a model or a dataset wrote.

    Returns:
        The cleaned text without its wrappings.
    """
    return _without_layers(clean(text), (_wrapping_off, _stop_off))


def unwrap(text: str) -> str:
    r"""Take off what surrounds an answer without being part of it.

    That is what ``plain`` takes off, then "The answer is", "The length of AB is" before a value, "approximately" before
    a number. A sole ``\boxed`` inside a sentence is the answer, unless the sentence doubts it: see ``sole_box``.

    Args:
        text: A cleaned text.

    Returns:
        The core of it.
    """
    return _without_layers(text, (_wrapping_off, _phrase_off, _stop_off, sole_box))


def _without_layers(text: str, steps: Sequence[Callable[[str], str]]) -> str:
    """Take layers off, each by the first step that finds one."""
    for _ in range(_MOST_LAYERS):
        inner = next((shorter for step in steps if (shorter := step(text)) != text), text)
        if inner == text:
            break
        text = inner.strip()
    return text


def _wrapping_off(text: str) -> str:
    for opening, closing in _FENCES:
        inner = text[len(opening) : -len(closing)]
        is_fenced = len(text) > len(opening) + len(closing) and text.startswith(opening) and text.endswith(closing)
        if is_fenced and opening not in inner and closing not in inner:
            return inner
    wrapped = _WRAPPED.match(text)
    if wrapped and matching_brace(text, wrapped.end() - 1) == len(text) - 1:
        return text[wrapped.end() : -1]
    return text


def _phrase_off(text: str) -> str:
    opened = _LEADING_TEXT.sub(r"\1 ", text, count=1) if _LEADING_TEXT.match(text) else text
    shorter = _without_phrase(opened)
    return text if shorter == opened else shorter


def _without_phrase(text: str) -> str:
    matches = (phrase.match(text) for phrase in _PHRASES)
    return next((text[found.end() :] for found in matches if found and found.end() < len(text)), text)


def _stop_off(text: str) -> str:
    return text[:-1] if len(text) > 1 and text[-1] in ".;," and text[-2] not in ".\\" else text


def core(text: str) -> str:
    """``unwrap(clean(text))``: how every rule starts to read a gold or an answer."""
    return unwrap(clean(text))
