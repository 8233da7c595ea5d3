# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What datasets say about the form of an answer: it would stand beside, and contradict, our own instruction.

What a sentence says about the answer itself, a unit, a rounding or a fraction, is part of the question and stays.
"""

from __future__ import annotations

import re

_BETWEEN = re.compile(r"((?<=[.!?。])(?<!\be\.g\.)(?<!\bi\.e\.)\s+|\n+)")
_PLEASE = (
    r"(?:(?:please|then|finally|and|also|now|you (?:must|should|need to)|make sure to|be sure to|remember to),?\s+)*"
)
_FORM = re.compile(
    rf"\W*{_PLEASE}(?:"
    r"(?:return|give|provide|output|write|put|state|present|report|enclose|place|box|wrap|mark|print|submit)\s+"
    r"(?:me\s+)?(?:only\s+)?(?:your|the|a|just the)\s+(?:final|correct|single|right|best|short)*\s*"
    r"(?:answer|option|letter|choice|response|result|solution)\b"
    r"|(?:end|finish|conclude|start|begin)\s+(?:your|the)\s+(?:answer|response|solution|reply)\s+with\b"
    r"|(?:your|the)\s+(?:final\s+)?(?:answer|response|output)\s+(?:should|must|has to|needs to)\s+"
    r"(?:be|start|end|follow|come)\b"
    r"|(?:answer|respond|reply)\s+(?:the\s+(?:following\s+)?question\s+)?(?:directly\s+)?(?:with|using|in|by)\s+"
    r"(?:only\s+)?(?:the|a|one|your|just)\b"
    r"|(?:select|choose|pick|indicate)\s+(?:the|one)\s+(?:correct|right|best)?\s*(?:answer|option|letter|choice)\s+(?:from|among|by)\b"
    r"|(?:let'?s\s+)?(?:think|reason|solve\s+(?:it|this|the problem)|work)\s+(?:\w+\s+){0,3}step[- ]by[- ]step\b"
    r"|(?:first|before)\b.{0,60}\b(?:reason|think)\w*\b.{0,80}\banswer\b"
    r"|use\s+the\s+(?:following\s+)?format\b|(?:in\s+)?the\s+(?:following\s+)?format\s*:"
    r")",
    re.IGNORECASE | re.DOTALL,
)
_HINT = re.compile(r"\W*hint\s*:\s*(?:please\s+)?(?:answer|provide|give|select|choose|return|respond)\b", re.IGNORECASE)
_MEANS = re.compile(
    r"\b(?:round\w*|decimals?|fractions?|simplest|simplified|lowest terms|mixed number|integers?|whole number|units?|"
    r"nearest|significant|figures|terms of|metres?|meters?|cent\w+|cm|mm|km|inch\w*|feet|degrees?|radians?|percent\w*|"
    r"dollars?|thousands?|millions?|billions?|scientific|pi|radical|exact|ascending|descending|order)\b|[%°π√$]",
    re.IGNORECASE,
)
_LABEL = re.compile(r"^\s*question\s*:\s*", re.IGNORECASE)


def without_instructions(question: str) -> str:
    """Take sentences about the form of the answer out of a question.

    Args:
        question: The question as the dataset has it.

    Returns:
        The question without them, and without the label "Question:" that such a sentence had made necessary; as it was
        where nothing else would be left.
    """
    pieces = _BETWEEN.split(question)
    kept: list[str] = []
    for number in range(0, len(pieces), 2):
        if not _is_about_form(pieces[number]):
            kept += pieces[number : number + 2]
    text = "".join(kept)
    if text == question:
        return question
    text = _LABEL.sub("", text).strip()
    return text if re.sub(r"<image>|\W", "", text) else question


def _is_about_form(sentence: str) -> bool:
    return bool(_HINT.match(sentence)) or (bool(_FORM.match(sentence)) and not _MEANS.search(sentence))
