# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Multiple-choice options out of a question's text, where it is certain what they are.

A wrong list would turn right answers into wrong ones, so anything doubtful gives no options: the row is then graded by
its letter alone. Letters must be contiguous from A, each label of the same style, every option must have a text, and no
further label, of whatever style, may follow.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_MARKER = re.compile(
    r"(?:^|(?<=[\s.?!:;)]))(?:the\s+)?(?:answer\s+)?(?:choices|options)\s*(?:are)?\s*[:\uff1a]\s*|选项\s*[:\uff1a]\s*",
    re.I,
)
_ENDS = (r"[.\uff0e、](?![A-Z]\.)", r"[)\uff09]", r"[:\uff1a]")
"""What may stand behind a letter. Chinese sources have full-width signs: they are written as escapes here."""
_PARENTHESES = r"[(\uff08]\s*([{letters}])\s*[)\uff09]\s*[.:\uff1a]?"


def _styles(letters: str, before: str) -> tuple[re.Pattern[str], ...]:
    """The ways to write a label, with what may not stand before the letter."""
    paired = re.compile(r"(?<![A-Za-z\\_^{])" + _PARENTHESES.format(letters=letters))
    return paired, *(re.compile(rf"(?<![{before}])([{letters}])\s?{end}") for end in _ENDS)


_UPPER = _styles("A-Z", r"A-Za-z0-9\\_^{($∠.\uff08")
_GLUED = _styles("A-Z", r"A-Z\\_^{(\uff08∠")
"""Where options are announced, a label may touch the option before it: ``A:36cmB:54cm``."""
_LOWER = _styles("a-z", r"A-Za-z0-9\\_^{($∠.\uff08")
_ENDS_A_SENTENCE = re.compile(r"[.?!:\uff1a。\uff1f)\uff09\]_$}]\s*$")
_ENDS_A_QUESTION = re.compile(r"[?:\uff1a\uff1f_]\s*$")
_TASK = re.compile(
    r"(?:find|calculate|what|how|determine|show|prove|explain|compute|draw|state|write|estimate|is|are|does|do|which|why"
    r"|give|describe|sketch|evaluate|simplify|solve|use|name|list|when|where|who|if|in|for)\b|.*\?\s*$",
    re.IGNORECASE | re.DOTALL,
)
"""(a) and (b) head parts of an exercise more often than options."""
_BOLD_LABEL = re.compile(r"\*\*\s*([(\uff08]?[A-Za-z][)\uff09]?\s*[.:\uff1a、]?)\s*\*\*(\s?[.:\uff1a、)]?)")
_AROUND = " \t\r\n,;\uff0c\uff1b"
_NEXT_BULLET = re.compile(r"\n\s*[-•*]+\s*$")
LONGEST_OPTION = 400
FEWEST_INLINE = 3
"""Two labels in running text ("as (A) and (B) show") are not enough."""


@dataclass(frozen=True)
class _Label:
    letter: str
    start: int
    end: int
    opens_line: bool


@dataclass(frozen=True)
class _Reading:
    """One way to look for options in a question."""

    style: re.Pattern[str]
    alphabet: str
    beginning: int
    """Where to look from."""
    announced: bool
    """Whether "Choices:" or the like stands there."""


def parse_options(question: str) -> tuple[str, ...]:
    r"""Find the options a question shows.

    Known layouts: ``Choices: (A) x (B) y``, ``(A) x\n(B) y``, ``A. x\nB. y``, ``A) x``, ``A: x``, each on lines of
    their own or in one line, the same in lower case, and ``A:xB:y`` behind "Choices:".

    Args:
        question: The question's text.

    Returns:
        The texts of A, B, C, ...; empty where there are none or it is not certain what they are.
    """
    question = _BOLD_LABEL.sub(r"\1\2", question)
    for readings in _readings(question):
        found = {options for options in (_read(question, reading) for reading in readings) if options}
        if found:
            return found.pop() if len(found) == 1 else ()
    return ()


def _readings(question: str) -> Iterator[list[_Reading]]:
    """Ways to read a question, those that find options announced first; the last announcement before earlier ones."""
    upper, lower = string.ascii_uppercase, string.ascii_lowercase
    for marker in reversed(list(_MARKER.finditer(question))):
        for styles, alphabet in ((_UPPER, upper), (_GLUED, upper), (_LOWER, lower)):
            yield [_Reading(style, alphabet, marker.end(), announced=True) for style in styles]
    yield [_Reading(style, upper, 0, announced=False) for style in _UPPER]
    yield [_Reading(style, lower, 0, announced=False) for style in _LOWER]


def _read(question: str, reading: _Reading) -> tuple[str, ...]:
    labels = [_label(match, question) for match in reading.style.finditer(question, reading.beginning)]
    starts = [i for i, label in enumerate(labels) if label.letter == reading.alphabet[0]]
    if not starts:
        return ()
    run = labels[starts[-1] :]
    lines = [label for label in run if label.opens_line]
    if len(lines) > 1 and lines[0] is run[0]:
        run = lines if _is_contiguous(lines, reading) and not _is_contiguous(run, reading) else run
    if len(run) < 2 or not _is_contiguous(run, reading) or not _is_list(question, run, reading):
        return ()
    if _further_label(question, run, reading.alphabet):
        return ()
    options = _texts(question, run)
    if reading.alphabet.islower() and not reading.announced and any(map(_TASK.match, options)):
        return ()
    return options if all(0 < len(text) <= LONGEST_OPTION for text in options) else ()


def _label(match: re.Match[str], question: str) -> _Label:
    before = question[: match.start()].rstrip(" \t*•-")
    return _Label(match.group(1), match.start(), match.end(), not before or before.endswith("\n"))


def _is_contiguous(run: Sequence[_Label], reading: _Reading) -> bool:
    return "".join(label.letter for label in run) == reading.alphabet[: len(run)]


def _is_list(question: str, run: Sequence[_Label], reading: _Reading) -> bool:
    """Whether the labels head the items of a list instead of standing in a sentence."""
    if reading.announced:
        return True
    before = question[: run[0].start]
    on_lines = all(label.opens_line for label in run)
    if reading.alphabet.islower():
        return (on_lines or len(run) >= FEWEST_INLINE) and bool(_ENDS_A_QUESTION.search(before))
    return on_lines or (len(run) >= FEWEST_INLINE and bool(run[0].opens_line or _ENDS_A_SENTENCE.search(before)))


def _further_label(question: str, run: Sequence[_Label], alphabet: str) -> bool:
    """Whether a label in another style follows, so that the last option found is several."""
    following = alphabet[len(run) : len(run) + 2]
    if not following:
        return False
    before = "A-Za-z0-9" if alphabet.islower() else "A-Z"
    label = rf"[(\uff08]\s*[{following}]\s*[)\uff09]|(?<![{before}\\])[{following}]\s?[.\uff0e、)\uff09:\uff1a]\s*\S"
    return re.search(label, question[run[-1].end :]) is not None


def _texts(question: str, run: Sequence[_Label]) -> tuple[str, ...]:
    ends = [label.start for label in run[1:]]
    texts = [_bare(question[label.end : end]) for label, end in zip(run, ends, strict=False)]
    last = _bare(question[run[-1].end :])
    if not any("\n" in text for text in texts):  # what follows on further lines is no part of the last option
        last = _bare(last.split("\n")[0])
    return (*texts, last)


def _bare(text: str) -> str:
    """An option without what separates it from its label and its neighbour: commas, bullets, Markdown's bold."""
    text = _NEXT_BULLET.sub("", text).strip(_AROUND)
    return text.removeprefix("**").removesuffix("**").strip(_AROUND)
