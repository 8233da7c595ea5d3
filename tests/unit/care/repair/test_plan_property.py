# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Repairs of random responses, cut into random tokens."""

from hypothesis import given, settings
from hypothesis import strategies as st
from transformers.convert_slow_tokenizer import bytes_to_unicode

from recipe.care.config import RGR_TARGETS, RgrConfig
from recipe.care.repair.plan import SHORTEST_CONTINUATION, LengthLimits, RepairText, Sampled, plan_repair
from recipe.care.text.tags import find_spans

_SYMBOLS = bytes_to_unicode()
END = 256
CUE, THINK = (257, 257), (258,)


class Bytes:
    """Tokens 0..255 are bytes, 256 is the end of the turn, then the cue and the opening tag; others join two bytes."""

    def __init__(self) -> None:
        self.pieces = [bytes([value]) for value in range(256)] + [b"<eot>", b"[cue]", b"<think>"]
        # Merges of the bytes around the tags' edges, so that tokens straddle them.
        edges = [b"x<", b">x", b"</", b"nk", b"k>", b"><", b">\n", b"er", b"\xc3\xa9"]
        self.pieces += edges

    def get_vocab(self) -> dict[str, int]:
        return {"".join(_SYMBOLS[byte] for byte in piece): i for i, piece in enumerate(self.pieces)}

    def decode(self, token_ids, skip_special_tokens=False) -> str:
        kept = [self.pieces[i] for i in token_ids if not (skip_special_tokens and i == END)]
        return b"".join(kept).decode(errors="replace")


TOKENIZER = Bytes()
tags = st.sampled_from([b"<think>", b"</think>", b"<answer>", b"</answer>", b"x", b"\n", b"42", "é".encode()])
texts = st.lists(tags, max_size=12).map(b"".join)


@st.composite
def responses(draw):
    """A response as token ids, with tokens that straddle tags and ends of the turn strewn in."""
    text, ids = draw(texts), []
    place = 0
    while place < len(text):
        pair = text[place : place + 2]
        if pair in TOKENIZER.pieces[259:] and draw(st.booleans()):
            ids.append(TOKENIZER.pieces.index(pair))
            place += 2
        else:
            ids.append(text[place])
            place += 1
        if draw(st.integers(0, 20)) == 0:
            ids.append(END)
    return ids + [END] * draw(st.integers(0, 1))


settings_ = st.builds(RgrConfig, target=st.sampled_from(RGR_TARGETS), max_tokens=st.integers(1, 60))
limits_ = st.builds(LengthLimits, response=st.integers(1, 120), model=st.integers(1, 160))
prompts = st.lists(st.integers(0, 255), min_size=1, max_size=10)


@settings(max_examples=300)
@given(responses(), prompts, settings_, limits_, st.data())
def test_a_plan_repeats_what_was_sampled_and_fits(response, prompt, config, limits, data):
    logp = [-0.01 * place for place in range(len(response))]
    plan = plan_repair(Sampled(prompt, response, logp), RepairText(CUE, THINK), TOKENIZER, config, limits)
    if plan is None:
        return
    # The request: prompt, an opening tag if there is none, a prefix of the response, the cue.
    assert plan.request_ids[: len(prompt)] == prompt
    assert plan.request_ids[-len(CUE) :] == list(CUE)
    content = TOKENIZER.decode(response, skip_special_tokens=True).encode()
    spans = find_spans(content)
    lead = [] if spans.rationale is not None else list(THINK)
    assert plan.request_ids[len(prompt) :][: len(lead)] == lead
    repeated = plan.request_ids[len(prompt) + len(lead) : -len(CUE)]
    assert repeated == response[: len(repeated)]
    # No byte of the closing tag or of what follows it, and no end of the turn at the end.
    kept = len(TOKENIZER.decode(repeated, skip_special_tokens=True).encode())
    if spans.rationale is not None:
        assert kept <= spans.rationale.inner_end
        assert spans.rationale.inner_end - kept < 2, "at most part of one token was dropped"
    assert not repeated or repeated[-1] != END
    # The length budget, and the row.
    count = data.draw(st.integers(0, plan.max_tokens))
    row = plan.row([65] * count, [-9.0] * count)
    assert min(SHORTEST_CONTINUATION, config.max_tokens) <= plan.max_tokens <= config.max_tokens
    assert len(plan.request_ids) + plan.max_tokens <= limits.model
    assert len(row.response_ids) <= len(plan.prefix.response_ids) + plan.max_tokens <= limits.response
    assert row.response_ids[len(row.response_ids) - count :] == [65] * count
    assert row.response_mask[len(row.response_mask) - count :] == [1] * count
    trained_prefix = sum(row.response_mask) - count
    if config.target == "continue":
        assert row.response_ids[: len(row.response_ids) - count] == plan.request_ids[len(prompt) :]
        assert trained_prefix == 0
    elif trained_prefix:
        assert row.response_ids[:trained_prefix] == response[:trained_prefix]
        assert row.log_probs[:trained_prefix] == logp[:trained_prefix]
    for place, trained in enumerate(row.response_mask):
        assert trained or row.log_probs[place] == 0.0 or config.target == "continue"
