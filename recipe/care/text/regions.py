# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Which tokens of a response are its rationale and which its answer.

A token belongs to a region if one of its bytes does, however the tokenizer has cut or merged the tags. Only tokens with
``response_mask`` 1 count as text: padding, tool output and a repair's prefix are not the policy's words.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from recipe.care.errors import CareDataError
from recipe.care.text.tags import TAGS_BYTES, find_spans
from recipe.care.text.token_bytes import SILENT, TokenBytes, TokenizerLike, token_bytes

_REACH = max(map(len, TAGS_BYTES)) - 1
"""Tokens behind the one in which a tag begins that may belong to it: each has a byte at least."""


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


class _Extent(NamedTuple):
    """The columns from the first to the last token of a region."""

    inner: slice
    outer: slice


class _RowBounds(NamedTuple):
    """The regions of one response. Both lengths count its tokens as ``Regions`` does."""

    rationale: _Extent
    answer: _Extent
    think_len: int
    answer_len: int
    end: int
    """The column behind the last token with text."""


_NOWHERE = _Extent(slice(0, 0), slice(0, 0))


@dataclass(frozen=True, eq=False)
class RegionBounds:
    """Where the regions of B responses begin and end, tags apart; ``find_regions`` is one way to look at it."""

    own_BT: np.ndarray
    """(B, T) bool, the policy's own tokens."""
    written_BT: np.ndarray
    """(B, T) bool, those of them that have text."""
    rows: list[_RowBounds]
    """B."""
    device: torch.device
    """Of the masks to make."""

    def with_rows(self, rows: Sequence[int], new: RegionBounds) -> RegionBounds:
        """These, with ``new`` in the place of some rows; the result is as wide as ``new``, and rows that stay fit."""
        own_BT, written_BT = (_fitted(one, new.own_BT.shape[1]) for one in (self.own_BT, self.written_BT))
        own_BT[rows], written_BT[rows] = new.own_BT, new.written_BT
        bounds = dict(enumerate(self.rows)) | dict(zip(rows, new.rows, strict=True))
        return RegionBounds(own_BT, written_BT, list(bounds.values()), self.device)

    def regions(self, include_tags: bool) -> Regions:
        """The regions with or without their tags, as ``find_regions`` describes them."""
        think_BT, answer_BT = np.zeros_like(self.own_BT), np.zeros_like(self.own_BT)
        for row, bounds in enumerate(self.rows):
            think = bounds.rationale.outer if include_tags else bounds.rationale.inner
            answer = bounds.answer.outer if include_tags else bounds.answer.inner
            think_BT[row, think] = self.written_BT[row, think]
            if answer.start == answer.stop:
                answer_BT[row] = self.own_BT[row]
                continue
            answer_BT[row, answer] = self.written_BT[row, answer]
            if include_tags:
                answer_BT[row, bounds.end :] = self.own_BT[row, bounds.end :]
            think_BT[row, think] &= ~answer_BT[row, think]
        lengths_B2 = np.array([(one.think_len, one.answer_len) for one in self.rows], np.int64).reshape(-1, 2)
        found = (think_BT, answer_BT, lengths_B2[:, 0].copy(), lengths_B2[:, 1].copy())
        return Regions(*(torch.from_numpy(each).to(self.device) for each in found))


def _fitted(mask_BT: np.ndarray, width: int) -> np.ndarray:
    fitted_BT = np.zeros((len(mask_BT), width), dtype=bool)
    kept = min(width, mask_BT.shape[1])
    fitted_BT[:, :kept] = mask_BT[:, :kept]
    return fitted_BT


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
    return locate_regions(response_ids, response_mask, tokenizer).regions(include_tags)


def locate_regions(
    response_ids: torch.Tensor | np.ndarray, response_mask: torch.Tensor | np.ndarray, tokenizer: TokenizerLike
) -> RegionBounds:
    """Find what ``find_regions`` finds, for whoever needs it with and without tags.

    Args:
        response_ids: As for ``find_regions``; so are the other two, and what is raised.
        response_mask: See there.
        tokenizer: See there.
    """
    device = torch.as_tensor(response_mask).device
    ids_BT = torch.as_tensor(response_ids).cpu().numpy()
    own_BT = torch.as_tensor(response_mask).cpu().numpy() != 0
    if ids_BT.ndim != 2 or ids_BT.shape != own_BT.shape:
        raise CareDataError(
            f"response_ids {ids_BT.shape} and response_mask {own_BT.shape} must have one shape, (rows, tokens)."
        )
    table = token_bytes(tokenizer)
    entries_BT = table.rows(ids_BT)
    kinds_BT = table.kinds[entries_BT] * own_BT
    written_BT = kinds_BT != SILENT
    count_B = own_BT.sum(axis=1).tolist()
    row_N, column_N = table.opens(entries_BT, kinds_BT)
    first_B = np.searchsorted(row_N, np.arange(len(ids_BT) + 1)).tolist()
    rows = []
    for row, count in enumerate(count_B):
        openings = column_N[first_B[row] : first_B[row + 1]]
        (columns_W,) = written_BT[row].nonzero() if len(openings) else (openings,)
        rows.append(_find_in_row(entries_BT[row, columns_W], columns_W, openings, count, table))
    return RegionBounds(own_BT, written_BT, rows, device)


def _find_in_row(
    entries_W: np.ndarray, columns_W: np.ndarray, openings: np.ndarray, count: int, table: TokenBytes
) -> _RowBounds:
    """Find the regions of one response.

    Args:
        entries_W: Its W tokens with text, as rows of ``table``.
        columns_W: Where they stand.
        openings: The columns of those in which a tag may begin.
        count: The policy's own tokens, with text or without.
        table: The bytes of tokens.
    """
    if not len(openings):
        return _RowBounds(_NOWHERE, _NOWHERE, count, count, 0)
    first_S1, content, stop_S = _text_near(columns_W.searchsorted(openings), entries_W, table)
    spans = find_spans(content)

    def tokens(begin: int, end: int) -> range:
        return _overlapping(begin, end, first_S1, stop_S)

    inner, outer = [], []
    for span in (spans.rationale, spans.answer):
        inner.append(range(0) if span is None else tokens(span.inner_start, span.inner_end))
        outer.append(range(0) if span is None else tokens(span.outer_start, span.outer_end))
    shared = range(max(inner[0].start, inner[1].start), min(inner[0].stop, inner[1].stop))
    rationale, answer = (
        _Extent(*(_columns(one, columns_W) for one in pair)) for pair in zip(inner, outer, strict=True)
    )
    think_len = len(inner[0]) - len(shared) if spans.rationale else count
    answer_len = len(inner[1]) if spans.answer else count
    return _RowBounds(rationale, answer, think_len, answer_len, int(columns_W[-1]) + 1)


def _text_near(opening: np.ndarray, entries_W: np.ndarray, table: TokenBytes) -> tuple[list[int], bytes, list[int]]:
    """A response's text as far as ``find_spans`` looks at it.

    A tag that begins in a token ends at most ``_REACH`` tokens behind it. Each of these is a piece of its own; what
    lies between them can be no part of a tag, and one blank stands for it.

    Args:
        opening: Tokens in which a tag may begin.
        entries_W: The tokens with text, as rows of ``table``.
        table: The bytes of tokens.

    Returns:
        S + 1 numbers, the first token of each piece, and W; the text; and S numbers, where each piece ends in it.
    """
    count = len(entries_W)
    near_W1 = np.zeros(count + 1, dtype=bool)
    near = (opening[:, None] + np.arange(_REACH + 1)).ravel()
    near_W1[near[near < count]] = True
    begins_W1 = near_W1.copy()
    begins_W1[1:] |= near_W1[:-1]
    begins_W1[[0, count]] = True
    (first_S1,) = begins_W1.nonzero()
    pieces_S = table.pieces[entries_W[first_S1[:-1]]]
    pieces_S[~near_W1[first_S1[:-1]]] = b" "
    pieces = pieces_S.tolist()
    return first_S1.tolist(), b"".join(pieces), list(itertools.accumulate(map(len, pieces)))


def _overlapping(begin: int, end: int, first_S1: list[int], stop_S: list[int]) -> range:
    """The tokens with a byte in ``[begin, end)``; every piece has bytes, so ``stop_S`` rises strictly."""
    if begin >= end:  # A token around an empty span has no byte in it.
        return range(0)
    # A piece starts where the one before it stops.
    return range(first_S1[bisect_right(stop_S, begin)], first_S1[bisect_left(stop_S, end) + 1])


def _columns(tokens: range, columns_W: np.ndarray) -> slice:
    return slice(int(columns_W[tokens[0]]), int(columns_W[tokens[-1]]) + 1) if tokens else slice(0, 0)
