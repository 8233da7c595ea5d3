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
"""Text as rules compare it: one spelling for what Unicode, Markdown, LaTeX and politeness write in many ways."""

from __future__ import annotations

import re
import unicodedata

_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿ", "0123456789+-()n")
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉₊₋", "0123456789+-")
_SUPERSCRIPT_RUN = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿ]+")
_SUBSCRIPT_RUN = re.compile("[₀₁₂₃₄₅₆₇₈₉₊₋]+")
_VULGAR_FRACTION = re.compile("[¼-¾⅐-⅞]")
_CIRCLED = re.compile("[①-⑳]")
_BEFORE_NFKC = str.maketrans(
    {
        **dict.fromkeys("‐‑‒–—―−﹣－", "-"),
        **dict.fromkeys("‘’‚‛`´", "'"),
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
        "λ": r"\lambda ",
        "∪": r"\cup ",
        "∩": r"\cap ",
    }
)
_SPACES = re.compile(r"\s+")
_WORKS_ALONE = re.compile(r"[^\S ]|  |`|[\x00-\x08\x0e-\x1f\x7f]")

_LEAD = re.compile(
    r"(?:so|thus|therefore|hence|then)\b[, ]+"
    r"|(?:(?:my|the|our)\s+)?(?:(?:final|correct|right|best|numerical)\s+){0,2}"
    r"(?:answer|ans|result|solution|value|choice|option)(?:\s+(?:of|to|for)\s+[^\s]{1,20})?"
    r"\s*(?:is|are|=|:|would be|should be)\s*:?\s*",
    re.IGNORECASE,
)
_SENTENCE = re.compile(
    r"(?:the|it|its|this|that|there|angle|area|perimeter|volume|length)\b(?![^0-9]{0,60}\b(?:not|never|no|neither|wrong|incorrect|if|or)\b)"
    r"[^0-9=<>,;]{0,60}?\s(?:is|are|was|equals)\s+(?=\S)",
    re.IGNORECASE,
)
_HEDGE = re.compile(r"(?:approximately|approx\.?|about|around|roughly|~|\\approx)\s*(?=[-+$€£¥\\.0-9])", re.IGNORECASE)
_WRAPPERS = ("boxed", "fbox", "text", "textbf", "textit", "mathrm", "mathbf", "mathit", "mathsf", "bm", "boldsymbol")
_WRAPPED = re.compile(r"\\(?:" + "|".join(_WRAPPERS) + r")\s*\{")
_FENCES = (("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]"), ("**", "**"), ("__", "__"), ("'", "'"), ('"', '"'))
_BOX = re.compile(r"\\(?:boxed|fbox)\s*\{")
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


def unwrap(text: str) -> str:
    r"""Take off what surrounds an answer without being part of it.

    That is: maths fences, one ``\boxed`` or ``\text`` around everything, Markdown emphasis, quotes, "The answer is",
    "The length of AB is", "approximately" before a number, one final full stop. A sole ``\boxed`` inside a sentence is
    the answer.

    Args:
        text: A cleaned text.

    Returns:
        The core of it.
    """
    for _ in range(_MOST_LAYERS):
        inner = _peel(text)
        if inner == text:
            boxes = list(_BOX.finditer(text))
            if len(boxes) != 1:
                break
            end = matching_brace(text, boxes[0].end() - 1)
            if end < 0:
                break
            inner = text[boxes[0].end() : end]
        text = inner.strip()
    return text


def _peel(text: str) -> str:
    """One layer less, or the text itself."""
    for opening, closing in _FENCES:
        inner = text[len(opening) : -len(closing)]
        is_fenced = len(text) > len(opening) + len(closing) and text.startswith(opening) and text.endswith(closing)
        if is_fenced and opening not in inner and closing not in inner:
            return inner
    wrapped = _WRAPPED.match(text)
    if wrapped and matching_brace(text, wrapped.end() - 1) == len(text) - 1:
        return text[wrapped.end() : -1]
    for phrase in (_LEAD, _SENTENCE, _HEDGE):
        lead = phrase.match(text)
        if lead and lead.end() < len(text):
            return text[lead.end() :]
    if len(text) > 1 and text[-1] in ".;," and text[-2] not in ".\\":
        return text[:-1]
    return text


def matching_brace(text: str, opening: int) -> int:
    """Find the brace that closes the one at ``opening``.

    Args:
        text: The text to search.
        opening: Index of a ``{``.

    Returns:
        Index of the matching ``}``, or -1 where none closes it.
    """
    depth = 0
    index = opening
    while index < len(text):
        char = text[index]
        if char == "\\":
            index += 1
        elif char == "{":
            depth += 1
        elif char == "}":
            depth -= 1
            if depth == 0:
                return index
        index += 1
    return -1


def core(text: str) -> str:
    """``unwrap(clean(text))``: how every rule starts to read a gold or an answer."""
    return unwrap(clean(text))
