# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The repair cue: what the policy is told after a failed rationale, before it goes on thinking.

A cue says that there is an error, never what is right: no gold answer and no hint may be filled in, so a cue is literal
text without fields.
"""

from __future__ import annotations

import re

from recipe.care.errors import CareConfigError
from recipe.care.text.tags import TAGS

CUES: dict[str, str] = {
    "plain": "Wait, there is an error above. I find it, correct it and work the answer out again, briefly.",
    "structured": (
        "Wait, this is not right.\n1. Which step above is the first wrong one, and why?\n2. What is correct there?\n"
        "3. From that step on, work the answer out again, briefly."
    ),
    # The paper's own words.
    "paper": "Your previous reasoning had an error. Find the mistake, correct it, and re-derive. Keep it concise.",
}
"""The built-in cues, by the name ``algorithm.care.rgr.template`` knows them by."""

_KEY = "algorithm.care.rgr.template"
_FIELD = re.compile(r"\{\s*[A-Za-z_][^{}]*\}")


def cue_text(template: str) -> str:
    """The text that is inserted into the think region, on lines of its own.

    Args:
        template: A key of ``CUES``, or the text of your own cue.

    Raises:
        CareConfigError: The text is empty, has a field such as ``{answer}``, or contains one of the four tags.
    """
    text = CUES.get(template, template).strip()
    if not text:
        raise CareConfigError(f"{_KEY}={template!r}: must be {', '.join(CUES)} or the text of a cue.")
    field = _FIELD.search(text)
    if field:
        raise CareConfigError(
            f"{_KEY}: {field[0]} is not filled in. A cue is literal text: it may not name the gold answer or anything "
            "else about the question. Leave the braces out."
        )
    tag = next((tag for tag in TAGS if tag in text), None)
    if tag:
        raise CareConfigError(
            f"{_KEY}: {tag} would open or close a region of the response, which only the policy does. Leave it out."
        )
    return f"\n{text}\n"
