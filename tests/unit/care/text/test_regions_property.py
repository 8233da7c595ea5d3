# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""find_regions against a slow reference that looks at every byte: random texts, tokenizations, holes and padding."""

import random
from dataclasses import dataclass
from typing import NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast
from transformers.convert_slow_tokenizer import bytes_to_unicode

from recipe.care.config import CareConfig, RegionsConfig
from recipe.care.method.credit import token_advantages
from recipe.care.method.metrics import region_masses, row_masses
from recipe.care.text.regions import Regions, find_regions

TAGS = ["<think>", "</think>", "<answer>", "</answer>"]
NEAR_TAGS = ["</thin", "<Answer>", "< answer>", "<", "</", ">", "think>", "answer"]
FILLING = ["\n", "\n\n", " ", "é", "数", "🙂", "1", "42", "so ", "x=y"]
# Dense in what tags meet, so that merges run across tags: '</think>\n\n<answer>' and '</answer>\n' become one token.
CORPUS = [f"<think>so {i}\n\n1 x=y é</think>\n\n<answer>{i}</answer>\n数 <answer>" for i in range(99)]
CORPUS += ["<think></think><answer></answer>"] * 50
UNKNOWN_ID = 10**6


@dataclass(frozen=True)
class Vocabulary:
    """A trained tokenizer and, worked out here a second time, the bytes of its tokens."""

    tokenizer: PreTrainedTokenizerFast
    spelling: dict[int, bytes]
    silent: tuple[int, ...]


def byte_level_bpe() -> Vocabulary:
    """No word cutting at all, so tokens run across words, tags and newlines."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.decoder = decoders.ByteLevel()
    symbols = {symbol: byte for byte, symbol in bytes_to_unicode().items()}
    backend.train_from_iterator(
        CORPUS, trainers.BpeTrainer(vocab_size=400, initial_alphabet=list(symbols), show_progress=False)
    )
    spelling = {i: bytes(symbols[char] for char in token) for token, i in backend.get_vocab().items()}
    return _wrap(backend, spelling)


def metaspace_bpe() -> Vocabulary:
    """Words are cut at spaces only; characters it never saw are byte tokens."""
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    trained.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=120, limit_alphabet=30, show_progress=False))
    byte_tokens = [f"<0x{byte:02X}>" for byte in range(256)]
    vocab = {token: i for i, token in enumerate(["<unk>", *byte_tokens, *trained.get_vocab()])}
    merges = [(left, right) for left in trained.get_vocab() for right in trained.get_vocab() if left + right in vocab]
    backend = Tokenizer(models.BPE(vocab=vocab, merges=merges, unk_token="<unk>", byte_fallback=True))
    backend.pre_tokenizer = trained.pre_tokenizer
    backend.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="never")])
    spelling = {i: token.replace("▁", " ").encode() for token, i in vocab.items()}
    spelling |= {vocab[token]: bytes([byte]) for byte, token in enumerate(byte_tokens)}
    del spelling[vocab["<unk>"]]
    return _wrap(backend, spelling)


def _wrap(backend: Tokenizer, spelling: dict[int, bytes]) -> Vocabulary:
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, eos_token="<|im_end|>", pad_token="<|pad|>", unk_token="<unk>"
    )
    return Vocabulary(tokenizer, spelling, (tokenizer.eos_token_id, tokenizer.pad_token_id, UNKNOWN_ID))


VOCABULARIES = {"byte_level": byte_level_bpe(), "metaspace": metaspace_bpe()}


class Row(NamedTuple):
    ids: list[int]
    mask: list[int]


class Found(NamedTuple):
    think: set[int]
    answer: set[int]
    think_len: int
    answer_len: int


def resplit(text: bytes, vocabulary: Vocabulary, rng: random.Random) -> list[int]:
    """A random way to write ``text`` in tokens, single bytes included: what sampling can do and encoding does not."""
    ids = []
    while text:
        fitting = [i for i, piece in vocabulary.spelling.items() if piece and text.startswith(piece)]
        token = rng.choice(fitting)
        ids.append(token)
        text = text[len(vocabulary.spelling[token]) :]
    return ids


@st.composite
def rows(draw: st.DrawFn, vocabulary: Vocabulary) -> Row:
    parts = draw(st.lists(st.sampled_from(TAGS * 4 + NEAR_TAGS + FILLING), max_size=14))
    rng = random.Random(draw(st.integers(0, 2**32)))
    text = "".join(parts)
    if rng.random() < 0.3:
        text = f"<think>{text}</think>\n\n<answer>42</answer>"
    if rng.random() < 0.5:
        ids = vocabulary.tokenizer.encode(text, add_special_tokens=False)
    else:
        ids = resplit(text.encode(), vocabulary, rng)
    if rng.random() < 0.3:
        ids = ids[: rng.randint(0, len(ids))]
    for _ in range(rng.choice([0, 0, 2])):
        ids.insert(rng.randint(0, len(ids)), rng.choice(vocabulary.silent))
    ids += rng.choices(vocabulary.silent, k=rng.choice([0, 1, 1, 2]))
    holes = rng.choice([0.0, 0.0, 0.15])
    return Row(ids, [int(rng.random() >= holes) for _ in ids])


def reference(row: Row, vocabulary: Vocabulary, include_tags: bool) -> Found:
    """The rules, one byte at a time."""
    own = [i for i, kept in enumerate(row.mask) if kept]
    written = [(byte, i) for i in own for byte in vocabulary.spelling.get(row.ids[i], b"")]
    text = bytes(byte for byte, _ in written)

    def places(tag: str, begin: int = 0) -> list[int]:
        return [at for at in range(begin, len(text)) if text[at : at + len(tag)] == tag.encode()]

    def tokens(begin: int, end: int) -> set[int]:
        return {written[at][1] for at in range(begin, end)}

    closes, answer, answer_inner = places("</think>"), None, set()
    openings = places("<answer>", closes[-1] + len("</think>") if closes else 0)
    if openings:
        ends = places("</answer>", openings[-1] + len("<answer>"))
        answer_inner = tokens(openings[-1] + len("<answer>"), ends[0] if ends else len(text))
        answer = tokens(openings[-1], ends[0] + len("</answer>") if ends else len(text))
        answer |= {i for i in own if i > written[-1][1]}

    think, think_inner = None, set()
    opens = [at for at in places("<think>") if not closes or at < closes[-1]]
    if closes:
        think = tokens(opens[0] if opens else 0, closes[-1] + len("</think>"))
        think_inner = tokens(opens[0] + len("<think>") if opens else 0, closes[-1])
    elif opens:
        end = openings[-1] if openings and openings[-1] > opens[0] else len(text)
        think, think_inner = tokens(opens[0], end), tokens(opens[0] + len("<think>"), end)

    think_mask, answer_mask = (think or set(), answer or set()) if include_tags else (think_inner, answer_inner)
    if answer_mask:
        think_mask = think_mask - answer_mask
    return Found(
        think_mask,
        answer_mask or set(own),
        len(own) if think is None else len(think_inner - answer_inner),
        len(own) if answer is None else len(answer_inner),
    )


def batch(rows_: list[Row]) -> tuple[torch.Tensor, torch.Tensor]:
    width = max(len(row.ids) for row in rows_)
    ids = torch.tensor([row.ids + [0] * (width - len(row.ids)) for row in rows_], dtype=torch.int64)
    mask = torch.tensor([row.mask + [0] * (width - len(row.mask)) for row in rows_], dtype=torch.int64)
    return ids, mask


def at(regions: Regions, row: int, first_column: int = 0) -> Found:
    return Found(
        {i - first_column for i in regions.think_mask[row].nonzero().flatten().tolist()},
        {i - first_column for i in regions.answer_mask[row].nonzero().flatten().tolist()},
        int(regions.think_len[row]),
        int(regions.answer_len[row]),
    )


both_vocabularies = pytest.mark.parametrize("name", VOCABULARIES)


@both_vocabularies
def test_the_corpus_merges_tags_with_their_neighbours(name: str) -> None:
    """Otherwise the tests below would test less than they say."""
    pieces = VOCABULARIES[name].spelling.values()
    assert any(b">\n" in piece or b"\n<" in piece for piece in pieces)
    assert any(b"</think>" in piece and b"<answer>" in piece for piece in pieces)
    assert any(piece.startswith(b"</") and b">" not in piece for piece in pieces)


@both_vocabularies
@settings(max_examples=300)
@given(data=st.data())
def test_regions_are_those_of_the_reference(name: str, data: st.DataObject) -> None:
    vocabulary = VOCABULARIES[name]
    row = data.draw(rows(vocabulary))
    include_tags = data.draw(st.booleans())
    regions = find_regions(*batch([row]), vocabulary.tokenizer, include_tags=include_tags)
    assert at(regions, 0) == reference(row, vocabulary, include_tags)


@both_vocabularies
@settings(max_examples=60)
@given(data=st.data())
def test_neither_padding_nor_other_rows_change_a_row(name: str, data: st.DataObject) -> None:
    """Rows alone, and together: shuffled, with columns of any ids before and after that the mask leaves out."""
    vocabulary = VOCABULARIES[name]
    several = data.draw(st.lists(rows(vocabulary), min_size=1, max_size=4))
    before, after = data.draw(st.tuples(st.integers(0, 3), st.integers(0, 3)))
    order = data.draw(st.permutations(range(len(several))))
    ids, mask = batch([several[i] for i in order])
    noise = [torch.randint(len(vocabulary.tokenizer), (len(several), width)) for width in (before, after)]
    blank = [torch.zeros_like(columns) for columns in noise]
    together = find_regions(
        torch.cat([noise[0], ids, noise[1]], dim=1), torch.cat([blank[0], mask, blank[1]], dim=1), vocabulary.tokenizer
    )
    for place, i in enumerate(order):
        alone = find_regions(*batch([several[i]]), vocabulary.tokenizer)
        assert at(together, place, before) == at(alone, 0)


@both_vocabularies
@settings(max_examples=100)
@given(data=st.data())
def test_masks_stay_in_the_response_and_apart(name: str, data: st.DataObject) -> None:
    """They overlap only in rows whose whole response counts as answer; lengths do not depend on the tags."""
    vocabulary = VOCABULARIES[name]
    ids, mask = batch(data.draw(st.lists(rows(vocabulary), min_size=1, max_size=4)))
    found = [find_regions(ids, mask, vocabulary.tokenizer, include_tags=each) for each in (True, False)]
    for regions in found:
        assert not ((regions.think_mask | regions.answer_mask) & (mask == 0)).any()
        whole_response = (regions.answer_mask == mask.bool()).all(dim=1)
        assert not (regions.think_mask & regions.answer_mask)[~whole_response].any()
        assert (regions.answer_mask.any(dim=1) == mask.bool().any(dim=1)).all()
    assert torch.equal(found[0].think_len, found[1].think_len)
    assert torch.equal(found[0].answer_len, found[1].answer_len)


region_configs = st.builds(
    RegionsConfig,
    enable=st.booleans(),
    gamma_pos=st.sampled_from([0.0, 0.005, 1.0]),
    rationale_share=st.one_of(st.none(), st.sampled_from([0.0, 0.3, 1.0])),
    include_tags=st.booleans(),
)


@settings(max_examples=100)
@given(data=st.data(), config=region_configs)
def test_every_row_keeps_its_advantage(data: st.DataObject, config: RegionsConfig) -> None:
    """Tokens sum to A, have its sign, are 0 outside the response; the region masses sum to 1."""
    vocabulary = VOCABULARIES["byte_level"]
    several = data.draw(st.lists(rows(vocabulary), min_size=1, max_size=4))
    size = {"min_size": len(several), "max_size": len(several)}
    advantages = torch.tensor(data.draw(st.lists(st.floats(-3, 3, width=16, allow_subnormal=False), **size)))
    acc = torch.tensor(data.draw(st.lists(st.sampled_from([0, 1]), **size)))
    ids, mask = batch(several)
    regions = find_regions(ids, mask, vocabulary.tokenizer, include_tags=config.include_tags)
    tokens = token_advantages(advantages, mask, regions, acc, CareConfig(regions=config))
    expected = torch.where(mask.any(dim=1), advantages, torch.zeros(()))
    torch.testing.assert_close(tokens.sum(dim=1), expected, rtol=1e-5, atol=0)
    assert (tokens * advantages[:, None] >= 0).all()
    assert not tokens[mask == 0].any()
    torch.testing.assert_close(sum(row_masses(tokens, regions)), (expected != 0).float())
    assert all(0 <= mass <= 1 + 1e-6 for mass in region_masses(tokens, regions).values())
