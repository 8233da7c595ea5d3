# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The one rule for tags, on strings and on bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipe.care.text.tags import TAGS, find_spans

WELL_FORMED = "<think>two and two</think>\n<answer>4</answer>"

CASES = {
    # text: (rationale, answer, closed, openings)
    "": (None, None, False, 0),
    "just 4": (None, None, False, 0),
    WELL_FORMED: ("two and two", "4", True, 1),
    "a</think><answer>4</answer>": ("a", "4", True, 1),  # the chat template opened the rationale
    "<think>a<answer>4</answer>": ("a", "4", True, 1),  # never closed: it ends where the answer starts
    "<think>a": ("a", None, False, 0),
    "<answer>4</answer><think>a": ("a", "4", True, 1),  # the answer is before the open rationale: to the end
    "<think>a</think>": ("a", None, False, 0),
    "<think></think><answer></answer>": ("", "", True, 1),
    "<think>a<think>b</think>c</think><answer>4": ("a<think>b</think>c", "4", False, 1),
    "a</think>b<think>c</think>": ("c", None, False, 0),  # the first <think>, once there is one before the last close
    "a</think><think>b": ("a", None, False, 0),  # that <think> is after the last close
    "<think><answer>1</answer></think><answer>2</answer>": ("<answer>1</answer>", "2", True, 1),
    "<think>a</think><answer>4</answer></think>": ("a</think><answer>4</answer>", None, False, 0),
    "<answer>1</answer><answer>2</answer>": (None, "2", True, 2),
    "<answer>1</answer><answer>2": (None, "2", False, 2),
    "<answer>1<answer>2</answer>3</answer>": (None, "2", True, 2),
    "</answer><answer>4</answer></answer>": (None, "4", True, 1),
    "<Answer>4</Answer></thin><answer >4": (None, None, False, 0),
}


@pytest.mark.parametrize("text", CASES)
def test_spans_of_strings_and_bytes(text: str) -> None:
    """Each case says what its inner spans hold; bytes give the same."""
    rationale, answer, closed, openings = CASES[text]
    for form in (text, text.encode()):
        spans = find_spans(form)
        for span, expected in ((spans.rationale, rationale), (spans.answer, answer)):
            inner = None if span is None else span.inner_of(form)
            assert (inner.decode() if isinstance(inner, bytes) else inner) == expected
        assert (spans.answer_closed, spans.answer_openings) == (closed, openings)


def test_outer_offsets_hold_the_tags() -> None:
    """'<think>' is 7 long, 'two and two' 11, '</think>' 8 (26 in all), newline, then 8 + 1 + 9 = 18: 27 to 45."""
    spans = find_spans(WELL_FORMED)
    assert spans.rationale == (7, 18, 0, 26)
    assert spans.answer == (35, 36, 27, 45)


def test_outer_offsets_where_tags_are_missing() -> None:
    """What is not there takes no room: no opening tag at 0, no closing tag at the end."""
    spans = find_spans("ab</think><answer>4")
    assert spans.rationale == (0, 2, 0, 10)
    assert spans.answer == (18, 19, 10, 19)


def test_sole_answer_is_the_only_closed_one() -> None:
    """What the verifier may grade: one opening after the rationale, and closed."""
    assert find_spans(WELL_FORMED).sole_answer == find_spans(WELL_FORMED).answer
    assert find_spans("<think>a</think><answer>4").sole_answer is None
    assert find_spans("<answer>1</answer><answer>2</answer>").sole_answer is None
    assert find_spans("<answer>1</answer><answer>").sole_answer is None
    assert find_spans("4").sole_answer is None


@given(st.lists(st.sampled_from([*TAGS, "</thin", "<Answer>", "é", "数", "🙂", "\n", "4"]), max_size=12).map("".join))
def test_string_offsets_are_byte_offsets(text: str) -> None:
    """The verifier's span and the regions' span hold the same bytes, whatever the text."""
    on_text, on_bytes = find_spans(text), find_spans(text.encode())
    assert on_text[2:] == on_bytes[2:]
    for span, byte_span in zip(on_text[:2], on_bytes[:2], strict=True):
        assert (span is None) == (byte_span is None)
        if span is not None and byte_span is not None:
            assert tuple(len(text[:offset].encode()) for offset in span) == byte_span
