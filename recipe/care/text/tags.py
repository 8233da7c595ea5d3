# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Where the rationale and the answer of a response lie: the one rule, for the regions and for the verifier.

The regions work on the bytes of the policy's tokens, the verifier on a decoded string. Both call ``find_spans``, so the
answer that is graded is the answer that is trained.
"""

from __future__ import annotations

from typing import AnyStr, NamedTuple

TAGS = ("<think>", "</think>", "<answer>", "</answer>")
TAGS_BYTES = (b"<think>", b"</think>", b"<answer>", b"</answer>")


class Span(NamedTuple):
    """One region of a text. Every offset is into the text given; ends are exclusive."""

    inner_start: int
    """After the opening tag."""
    inner_end: int
    """Before the closing tag; where nothing closes the region, the end of it."""
    outer_start: int
    """At the opening tag; the same as ``inner_start`` where the chat template wrote that tag."""
    outer_end: int
    """After the closing tag; the same as ``inner_end`` where nothing closes the region."""

    def inner_of(self, text: AnyStr) -> AnyStr:
        """The region's content, without its tags."""
        return text[self.inner_start : self.inner_end]


class TagSpans(NamedTuple):
    """The regions of one response, and what a verifier needs to know to insist on exactly one answer."""

    rationale: Span | None
    """None where neither ``<think>`` nor ``</think>`` occurs."""
    answer: Span | None
    """The last ``<answer>`` after the last ``</think>``; None where there is none."""
    answer_closed: bool
    """Whether a ``</answer>`` closes that answer."""
    answer_openings: int
    """How many ``<answer>`` follow the last ``</think>``."""

    @property
    def sole_answer(self) -> Span | None:
        """The answer, if it is closed and the only one after the rationale: what a verifier may grade."""
        return self.answer if self.answer_closed and self.answer_openings == 1 else None


def find_spans(text: AnyStr) -> TagSpans:
    """Find the rationale and the answer of a response.

    The text is cut after its last ``</think>``; what follows is the tail (everything, where there is none). The answer
    is the last ``<answer>`` of the tail up to the first ``</answer>`` behind it, or to the end. The rationale runs from
    the first ``<think>`` to the last ``</think>``; where nothing opens it, the chat template did, and it starts at 0;
    where nothing closes it, it ends at an answer behind it, or at the end.

    Args:
        text: A response, as a string or as UTF-8 bytes. Offsets in the result count characters or bytes accordingly.

    Returns:
        The spans found.
    """
    return _find(text, *TAGS) if isinstance(text, str) else _find(text, *TAGS_BYTES)


def _find(text: AnyStr, think: AnyStr, end_think: AnyStr, answer: AnyStr, end_answer: AnyStr) -> TagSpans:
    cut = text.rfind(end_think)
    tail_start = 0 if cut < 0 else cut + len(end_think)
    opening = text.rfind(answer, tail_start)
    rationale = _closed_rationale(text, think, cut, tail_start) if cut >= 0 else _open_rationale(text, think, opening)
    if opening < 0:
        return TagSpans(rationale, None, False, 0)
    inner_start = opening + len(answer)
    closing = text.find(end_answer, inner_start)
    openings = text.count(answer, tail_start)
    if closing < 0:
        return TagSpans(rationale, Span(inner_start, len(text), opening, len(text)), False, openings)
    return TagSpans(rationale, Span(inner_start, closing, opening, closing + len(end_answer)), True, openings)


def _closed_rationale(text: AnyStr, think: AnyStr, cut: int, tail_start: int) -> Span:
    opening = text.find(think, 0, cut)
    return Span(0, cut, 0, tail_start) if opening < 0 else Span(opening + len(think), cut, opening, tail_start)


def _open_rationale(text: AnyStr, think: AnyStr, answer_start: int) -> Span | None:
    opening = text.find(think)
    if opening < 0:
        return None
    end = answer_start if answer_start > opening else len(text)
    return Span(opening + len(think), end, opening, end)
