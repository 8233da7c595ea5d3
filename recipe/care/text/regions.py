# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Which tokens of a response are its rationale and which its answer.

A token belongs to a region if one of its bytes does, however the tokenizer has cut or merged the tags. Only tokens with
``response_mask`` 1 count as text: padding, tool output and a repair's prefix are not the policy's words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from recipe.care.errors import CareDataError
from recipe.care.text.tags import Span, find_spans
from recipe.care.text.token_bytes import TokenBytes, TokenizerLike, token_bytes


@dataclass(frozen=True, eq=False)
class Regions:
    """The regions of a batch of responses."""

    think_mask: torch.Tensor
    """(B, T) bool, the rationale's tokens."""
    answer_mask: torch.Tensor
    """(B, T) bool, the answer's tokens; every response token of a row without an answer region."""
    think_len: torch.Tensor
    """(B,) int64, tokens between the rationale's tags; the response's length where there is no rationale."""
    answer_len: torch.Tensor
    """(B,) int64, tokens between the answer's tags; the response's length where there is no answer."""


def find_regions(
    response_ids: torch.Tensor | np.ndarray,
    response_mask: torch.Tensor | np.ndarray,
    tokenizer: TokenizerLike,
    include_tags: bool = True,
) -> Regions:
    """Find the rationale and the answer of every response, by the rule of ``recipe.care.text.tags``.

    A token that overlaps both regions is the answer's. Where the answer region is missing or has no token, every
    response token counts as answer, and only in such a row may the two masks overlap.

    Args:
        response_ids: (B, T) token ids.
        response_mask: (B, T), non-zero on the policy's own tokens.
        tokenizer: The policy's tokenizer; see ``TokenizerLike`` for what a stand-in needs.
        include_tags: Count the tags as part of their region, and the tokens without text that end the response (the
            end-of-turn token) as part of the answer. The two lengths never count either.

    Returns:
        The regions, on the device of ``response_mask``.

    Raises:
        CareDataError: The two arrays are not both (B, T).
        CareConfigError: The tokenizer cannot be used; see ``token_bytes``.
    """
    device = torch.as_tensor(response_mask).device
    ids_BT = torch.as_tensor(response_ids).cpu().numpy()
    mask_BT = torch.as_tensor(response_mask).cpu().numpy() != 0
    if ids_BT.ndim != 2 or ids_BT.shape != mask_BT.shape:
        raise CareDataError(
            f"response_ids {ids_BT.shape} and response_mask {mask_BT.shape} must have one shape, (rows, tokens)."
        )
    table = token_bytes(tokenizer)
    think_BT, answer_BT = np.zeros_like(mask_BT), np.zeros_like(mask_BT)
    think_len_B, answer_len_B = np.zeros(len(ids_BT), np.int64), np.zeros(len(ids_BT), np.int64)
    for row in range(len(ids_BT)):
        (own,) = np.nonzero(mask_BT[row])
        found = _find_in_row(ids_BT[row, own], table, include_tags)
        think_BT[row, own] = found.think_N
        answer_BT[row, own] = found.answer_N
        think_len_B[row], answer_len_B[row] = found.think_len, found.answer_len
    return Regions(*(torch.from_numpy(each).to(device) for each in (think_BT, answer_BT, think_len_B, answer_len_B)))


class _RowRegions(NamedTuple):
    """The regions of one response of N tokens; both masks are (N,)."""

    think_N: np.ndarray
    answer_N: np.ndarray
    think_len: int
    answer_len: int


class _Extent(NamedTuple):
    """The tokens of a region, as ranges over the tokens that have text."""

    inner: range
    outer: range


def _find_in_row(ids_N: np.ndarray, table: TokenBytes, include_tags: bool) -> _RowRegions:
    entries_N = table.rows(ids_N)
    lengths_N = table.lengths[entries_N]
    (written,) = np.nonzero(lengths_N)
    stops = np.cumsum(lengths_N[written])
    starts = stops - lengths_N[written]
    spans = find_spans(b"".join(table.pieces[entries_N[written]].tolist()))
    rationale = _extent(spans.rationale, starts, stops)
    answer = _extent(spans.answer, starts, stops)

    think_range, answer_range = (rationale.outer, answer.outer) if include_tags else (rationale.inner, answer.inner)
    think_N, answer_N = np.zeros(len(ids_N), dtype=bool), np.zeros(len(ids_N), dtype=bool)
    think_N[written[think_range.start : think_range.stop]] = True
    answer_N[written[answer_range.start : answer_range.stop]] = True
    if not answer_range:
        answer_N[:] = True
    else:
        if include_tags:
            answer_N[written[-1] + 1 :] = True
        think_N &= ~answer_N

    shared = range(max(rationale.inner.start, answer.inner.start), min(rationale.inner.stop, answer.inner.stop))
    think_len = len(rationale.inner) - len(shared) if spans.rationale else len(ids_N)
    answer_len = len(answer.inner) if spans.answer else len(ids_N)
    return _RowRegions(think_N, answer_N, think_len, answer_len)


def _extent(span: Span | None, starts: np.ndarray, stops: np.ndarray) -> _Extent:
    if span is None:
        return _Extent(range(0), range(0))
    inner = _overlapping(span.inner_start, span.inner_end, starts, stops)
    return _Extent(inner, _overlapping(span.outer_start, span.outer_end, starts, stops))


def _overlapping(begin: int, end: int, starts: np.ndarray, stops: np.ndarray) -> range:
    """The tokens with a byte in ``[begin, end)``; each token has bytes, so both arrays rise strictly."""
    if begin >= end:  # A token around an empty span has no byte in it.
        return range(0)
    return range(int(np.searchsorted(stops, begin, side="right")), int(np.searchsorted(starts, end, side="left")))
