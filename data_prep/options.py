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
"""Multiple-choice options out of a question's text, where it is certain what they are.

A wrong list would turn right answers into wrong ones, so anything doubtful gives no options: the row is then graded by
its letter alone. Letters must be contiguous from A, each label of the same style, and every option must have a text.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from dataclasses import dataclass

_MARKER = re.compile(
    r"(?:^|(?<=[\s.?!:;)]))(?:the\s+)?(?:answer\s+)?(?:choices|options)\s*(?:are)?\s*[:\uff1a]\s*", re.I
)
_STYLES = (
    re.compile(r"(?<![A-Za-z\\_^{])[(\uff08]\s*([A-Z])\s*[)\uff09]\s*[.:\uff1a]?"),
    re.compile(r"(?<![A-Za-z0-9\\_^{($∠.])([A-Z])\s?[.\uff0e、](?![A-Z0-9]\.)"),
    re.compile(r"(?<![A-Za-z0-9\\_^{($∠.(\uff08])([A-Z])\s?[)\uff09]"),
    re.compile(r"(?<![A-Za-z0-9\\_^{($∠.])([A-Z])\s?[:\uff1a](?![0-9])"),
)
"""Chinese sources have full-width signs: they are written as escapes here."""
_ENDS_A_SENTENCE = re.compile(r"[.?!:\uff1a。\uff1f)\uff09\]_$}]\s*$")
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


def parse_options(question: str) -> tuple[str, ...]:
    r"""Find the options a question shows.

    Known layouts: ``Choices: (A) x (B) y``, ``(A) x\n(B) y``, ``A. x\nB. y``, ``A) x``, ``A: x``, each on lines of
    their own or in one line.

    Args:
        question: The question's text.

    Returns:
        The texts of A, B, C, ...; empty where there are none or it is not certain what they are.
    """
    found = {options for options in (_read(question, style) for style in _STYLES) if options}
    return found.pop() if len(found) == 1 else ()


def _read(question: str, style: re.Pattern[str]) -> tuple[str, ...]:
    markers = list(_MARKER.finditer(question))
    beginning = markers[-1].end() if markers else 0
    labels = [_label(match, question) for match in style.finditer(question, beginning)]
    starts = [i for i, label in enumerate(labels) if label.letter == "A"]
    if not starts:
        return ()
    run = labels[starts[-1] :]
    lines = [label for label in run if label.opens_line]
    if len(lines) > 1 and lines[0] is run[0]:
        run = lines if _is_contiguous(lines) and not _is_contiguous(run) else run
    if len(run) < 2 or not _is_contiguous(run) or not _is_list(question, run, bool(markers)):
        return ()
    options = _texts(question, run)
    return options if all(0 < len(text) <= LONGEST_OPTION for text in options) else ()


def _label(match: re.Match[str], question: str) -> _Label:
    before = question[: match.start()].rstrip(" \t*•-")
    return _Label(match.group(1), match.start(), match.end(), not before or before.endswith("\n"))


def _is_contiguous(run: Sequence[_Label]) -> bool:
    return "".join(label.letter for label in run) == string.ascii_uppercase[: len(run)]


def _is_list(question: str, run: Sequence[_Label], has_marker: bool) -> bool:
    """Whether the labels head the items of a list instead of standing in a sentence."""
    if has_marker or all(label.opens_line for label in run):
        return True
    before = question[: run[0].start]
    return len(run) >= FEWEST_INLINE and bool(run[0].opens_line or _ENDS_A_SENTENCE.search(before))


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
