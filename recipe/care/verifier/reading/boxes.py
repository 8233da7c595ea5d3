# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
r"""A sole ``\boxed`` in a sentence: the answer, unless the sentence takes it back or names another one."""

from __future__ import annotations

import re

DOUBT_WORDS = (
    "not|never|no|nor|neither|none|cannot|wrong|incorrect|incorrectly|false|untrue|impossible|if|or|either|whether|unless|"
    "maybe|perhaps|possibly|probably|likely|unlikely|might|could|should|unsure|uncertain|doubt|guess|alternatively|"
    "otherwise|instead|rather|versus|vs|except|\\w+n't"
)
"""Words of one who denies an answer, or keeps another one ready."""
DOUBT = re.compile(
    rf"\b(?:{DOUBT_WORDS})\b(?!\.\s*of\b)|[?≠不非或错]|\\(?:neq?|lor|neg|lnot|nless)(?![A-Za-z])", re.IGNORECASE
)
_DOUBT_AROUND = re.compile(
    rf"{DOUBT.pattern}|\b(?:but|and|however|also)\b(?=\W*$)|^\W*\b(?:but|and|however|also)\b", re.I
)
_BOX = re.compile(r"\\(?:boxed|fbox)\s*\{")
_FENCE = re.compile(r"(?<!\\)\$+|\\[()\[\]]|\*\*|__")
_TEXT = re.compile(r"\\(?:text[a-z]*|mathrm)\s*\{([^{}]*)\}")
_UNIT = re.compile(
    r"(?:\^\s*\{?\s*\\circ\s*\}?|°|\\?%|(?:(?:square|sq\.?|cubic)\s+)?[A-Za-zµμΩ]{1,14}"
    r"(?:\s*(?:\^\s*\{?[23]\}?|/\s*[A-Za-z]{1,6}))*)"
)
_MATHS_BEFORE = re.compile(r"(?:[-+*/^_({\[|<>≤≥€£¥₹]|\\(?!text)[A-Za-z]+|\\\$|[0-9]\s*:)$")
_ARROW = re.compile(r"\\(?:approx|to|Rightarrow|rightarrow|implies|therefore|equiv|quad)$")
_LINK = re.compile(
    r"\b(?:is|are|was|be|equals?|equal to|gets?|got|have|has|gives?|yields?|obtains?|finds?|found|thus|so|hence|"
    r"therefore|then|that|answer|answers|result|value|solution|conclude|conclusion|finally|to|as|of|by|choose|option|choice|"
    r"approximately|about|roughly|follows|becomes|being|only|exactly|total|the)$",
    re.IGNORECASE,
)
_MATHS_AFTER = re.compile(r"[-+*/^_)}\]|<>=≤≥]|\\")


def sole_box(text: str) -> str:
    r"""Take the answer out of the one ``\boxed`` in a text.

    Prose around it does not matter, as long as it neither denies the box nor offers another answer beside it. Maths
    around it belongs to the answer: ``-\boxed{5}`` is -5, ``\boxed{5} cm`` is 5 cm.

    Args:
        text: A cleaned text.

    Returns:
        The answer; the text as it is where it has no box, several, or one that it takes back.
    """
    boxes = list(_BOX.finditer(text))
    end = matching_brace(text, boxes[0].end() - 1) if len(boxes) == 1 else -1
    if end < 0:
        return text
    inside = text[boxes[0].end() : end]
    before, after = (_FENCE.sub("", part).strip() for part in (text[: boxes[0].start()], text[end + 1 :]))
    if _DOUBT_AROUND.search(_TEXT.sub(r" \1 ", before)) or _DOUBT_AROUND.search(_TEXT.sub(r" \1 ", after)):
        return text
    after = _TEXT.sub(r" \1 ", after).strip().rstrip(" .,;!")
    if _UNIT.fullmatch(after):
        inside, after = inside + (" " if after[0].isalpha() else "") + after, ""
    belongs_before = _MATHS_BEFORE.search(before) is not None and not _ARROW.search(before)
    if belongs_before or _MATHS_AFTER.match(after):
        return before + (" " if before[-1:].isalpha() else "") + inside + after
    if re.search(r"[0-9]", after) or not _leads_to_an_answer(before):
        return text
    return inside


def _leads_to_an_answer(before: str) -> bool:
    r"""Whether what stands before a box introduces it, and is no answer of its own: ``6, \boxed{5}``."""
    if not before or before[-1] in "=:≈" or _ARROW.search(before):
        return True
    words = len(re.findall(r"[A-Za-z]{2,}", before))
    is_prose = before[-1] in ".!" and words > 2
    is_phrase = (before[-1].isalpha() or before[-1] in ",;") and words > 1 and not re.search(r"[0-9=]", before)
    return is_prose or is_phrase or _LINK.search(before.rstrip(",;")) is not None


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
