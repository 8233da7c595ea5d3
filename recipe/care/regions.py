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
"""Which tokens of a response are its rationale and which its answer, and how a row's advantage is spread over them.

A token belongs to a region if one of its bytes does, however the tokenizer has cut or merged the tags. Only tokens with
``response_mask`` 1 count as text: padding, tool output and a repair's prefix are not the policy's words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from recipe.care.config import CareConfig, RegionsConfig
from recipe.care.errors import CareDataError
from recipe.care.tags import Span, find_spans
from recipe.care.token_bytes import TokenBytes, TokenizerLike, token_bytes

# Keeps rows without any weight at 0. Other rows' weights sum to about 1 or more, so their advantage is kept to 1e-12.
_EPS = 1e-12


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


class RowMasses(NamedTuple):
    """Where the credit of each row went: shares of the row's sum of ``|a_t|``, all 0 for a row without credit."""

    rationale: torch.Tensor
    """(B,) share of the rationale tokens that the answer does not also cover."""
    answer: torch.Tensor
    """(B,) share of the answer tokens."""
    other: torch.Tensor
    """(B,) share of the tokens of neither region."""


REGION_METRICS: dict[str, str] = {
    "care/region_mass/rationale": "Mean share of a row's credit that its rationale gets, over rows with credit.",
    "care/region_mass/answer": "The same for its answer; a row without an answer region counts in full.",
    "care/region_mass/other": "The same for tokens of neither region. Not 0 only with regions.enable=false.",
    "care/region_mass/rationale_of_positives": "Share of the rationale over rows pushed up: the realised share.",
}
"""The metrics of ``region_masses``."""


def find_regions(
    response_ids: torch.Tensor | np.ndarray,
    response_mask: torch.Tensor | np.ndarray,
    tokenizer: TokenizerLike,
    include_tags: bool = True,
) -> Regions:
    """Find the rationale and the answer of every response, by the rule of ``recipe.care.tags``.

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


def token_advantages(
    advantages: torch.Tensor | np.ndarray,
    response_mask: torch.Tensor | np.ndarray,
    regions: Regions,
    acc: torch.Tensor | np.ndarray,
    config: CareConfig,
) -> torch.Tensor:
    """Spread each row's advantage A over its tokens: ``a_t = A * w_t / sum_u w_u``, so that a row sums to A.

    Answer tokens weigh 1, rationale tokens of correct rows ``gamma_pos``, everything else 0. With ``rationale_share``
    set, a correct row's rationale gets that share of A instead, whatever the lengths. With ``blame=response`` all
    tokens of a wrong row weigh the same, with regions off those of every row. ``loss_scale.scale_for_loss_agg`` then
    fits the result to verl's loss aggregation.

    Args:
        advantages: (B,) one advantage per row.
        response_mask: (B, T), non-zero on the policy's own tokens.
        regions: What ``find_regions`` found in these rows.
        acc: (B,) verdicts; a row is correct above 0.5.
        config: Only ``config.regions`` is read.

    Returns:
        (B, T) token advantages, float32 or wider. Rows without response tokens are 0.
    """
    rows_B = torch.as_tensor(advantages)
    rows_B = rows_B.to(torch.promote_types(rows_B.dtype, torch.float32))
    mask_BT = torch.as_tensor(response_mask, device=rows_B.device) != 0
    if config.regions.enable:
        correct_B = torch.as_tensor(acc, device=rows_B.device) > 0.5
        weights_BT = _region_weights(mask_BT, regions, correct_B, config.regions, rows_B.dtype)
    else:
        weights_BT = mask_BT.to(rows_B.dtype)
    return weights_BT.mul_((rows_B / (weights_BT.sum(dim=1) + _EPS))[:, None])


def _region_weights(
    mask_BT: torch.Tensor, regions: Regions, correct_B: torch.Tensor, config: RegionsConfig, dtype: torch.dtype
) -> torch.Tensor:
    answer_BT = regions.answer_mask & mask_BT
    rationale_BT = regions.think_mask & mask_BT & ~answer_BT
    if config.rationale_share is None:
        answer_B1 = torch.ones(len(mask_BT), 1, dtype=dtype, device=mask_BT.device)
        rationale_B1 = correct_B[:, None].to(dtype) * config.gamma_pos
    else:
        tokens_B1 = rationale_BT.sum(dim=1, keepdim=True)
        share_B1 = (correct_B[:, None] & (tokens_B1 > 0)).to(dtype) * config.rationale_share
        answer_B1 = (1 - share_B1) / answer_BT.sum(dim=1, keepdim=True).clamp(min=1)
        rationale_B1 = share_B1 / tokens_B1.clamp(min=1)
    weights_BT = answer_BT * answer_B1 + rationale_BT * rationale_B1
    if config.blame == "response":
        weights_BT = torch.where(correct_B[:, None], weights_BT, mask_BT.to(dtype))
    return weights_BT


def row_masses(token_advantages: torch.Tensor, regions: Regions) -> RowMasses:
    """Measure how much of each row's credit its regions really got.

    Args:
        token_advantages: (B, T), 0 outside the response; before or after scaling, which leaves shares as they are.
        regions: The regions of these rows.

    Returns:
        The shares; they sum to 1 in every row with credit.
    """
    size_BT = token_advantages.abs()
    total_B = size_BT.sum(dim=1)
    total_B = total_B.where(total_B > 0, torch.ones_like(total_B))
    rationale_B = (size_BT * (regions.think_mask & ~regions.answer_mask)).sum(dim=1) / total_B
    answer_B = (size_BT * regions.answer_mask).sum(dim=1) / total_B
    other_B = (size_BT * ~(regions.think_mask | regions.answer_mask)).sum(dim=1) / total_B
    return RowMasses(rationale_B, answer_B, other_B)


def region_masses(token_advantages: torch.Tensor, regions: Regions) -> dict[str, float]:
    """The row masses of a batch as metrics: the keys of ``REGION_METRICS``, every time; a mean over nothing is 0.

    Args:
        token_advantages: (B, T), as for ``row_masses``.
        regions: The regions of these rows.
    """
    masses = row_masses(token_advantages, regions)
    credited_B = (token_advantages != 0).any(dim=1)
    positive_B = token_advantages.sum(dim=1) > 0
    values = (
        masses.rationale[credited_B],
        masses.answer[credited_B],
        masses.other[credited_B],
        masses.rationale[positive_B],
    )
    return {
        name: value_N.sum().item() / max(1, len(value_N)) for name, value_N in zip(REGION_METRICS, values, strict=True)
    }
