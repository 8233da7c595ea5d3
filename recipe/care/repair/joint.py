# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
r"""The joint in a rewritten row: its tokens as the tokenizer writes that text, so that the policy knows them.

A repair is decoded after the cue but trained after the opening tag. Where the tokenizer merges across that joint
(``>squares`` in one token, or ``>\n``), plain concatenation puts tokens there that the policy never writes, with
log-probabilities of -10 and below; trained on, they drown the rest of the gradient.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recipe.care.repair.plan import EncodingTokenizer, RepairedRow
from recipe.care.text.token_bytes import token_bytes


def natural_joint(row: RepairedRow, joint: int, tokenizer: EncodingTokenizer) -> RepairedRow:
    """Write the tokens up to the joint, and those that reach across it, as the tokenizer does.

    Tokens that come in anew were not sampled, so they are not trained. Behind the first boundary that both spellings
    share, the row stays as it was sampled.

    Args:
        row: Prefix and continuation, put together.
        joint: Tokens of the prefix.
        tokenizer: The policy's tokenizer.

    Returns:
        The row; ``row`` itself where the two spellings agree, or its text cannot be encoded to the same bytes.
    """
    if joint == 0:  # The chat template opens the rationale.
        return row
    table = token_bytes(tokenizer)
    content, stops_N = table.spell(row.response_ids)
    try:
        text = content.decode()
    except UnicodeDecodeError:  # The policy may stop in the middle of a character.
        return row
    natural = tokenizer.encode(text, add_special_tokens=False)
    natural_content, natural_stops_N = table.spell(natural)
    if natural_content != content:
        return row
    # The last boundary of all is shared, since the bytes are the same.
    shared = np.intersect1d(stops_N, natural_stops_N)
    boundary = shared[shared >= stops_N[joint - 1]][0]
    kept, written = (int(np.searchsorted(stops, boundary)) + 1 for stops in (stops_N, natural_stops_N))
    if natural[:written] == row.response_ids[:kept]:
        return row
    place_of = {key: place for place, key in enumerate(zip(stops_N[:kept].tolist(), row.response_ids, strict=False))}
    places = [place_of.get(key) for key in zip(natural_stops_N[:written].tolist(), natural, strict=False)]
    return _respelled(row, kept, natural[:written], places)


def _respelled(row: RepairedRow, kept: int, written: list[int], places: Sequence[int | None]) -> RepairedRow:
    """Put ``written`` in the place of the first ``kept`` tokens; ``places`` says where each stood, if it was there."""
    logp = row.log_probs
    return RepairedRow(
        response_ids=[*written, *row.response_ids[kept:]],
        response_mask=[*(0 if one is None else row.response_mask[one] for one in places), *row.response_mask[kept:]],
        log_probs=None if logp is None else [*(0.0 if one is None else logp[one] for one in places), *logp[kept:]],
    )
