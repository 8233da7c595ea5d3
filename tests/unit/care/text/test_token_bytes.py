# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The bytes of token ids, against real tokenizers trained here and small stand-ins."""

import gc
import weakref
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from recipe.care.errors import CareConfigError
from recipe.care.text.token_bytes import token_bytes
from recipe.tiny.tokenizer import train_tokenizer

TEXTS = [f"<think>{i} and {i}\nmake {2 * i}, naïve 数</think>\n\n<answer>{2 * i}</answer>" for i in range(40)]


def byte_level() -> PreTrainedTokenizerFast:
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend.train_from_iterator(
        TEXTS, trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False)
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|end|>")
    tokenizer.add_tokens([AddedToken("<answer>", normalized=False), AddedToken("two words", normalized=False)])
    return tokenizer


def sentencepiece(prepend_scheme: str = "never") -> PreTrainedTokenizerFast:
    pieces = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", "▁and", "and", "▁数", "</think>", "4", "<"]
    backend = Tokenizer(models.BPE(vocab={piece: i for i, piece in enumerate(pieces)}, merges=[], byte_fallback=True))
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=prepend_scheme)
    backend.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(prepend_scheme=prepend_scheme)])
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="</s>", unk_token="<unk>")


class CharTokenizer:
    """The least a stand-in must offer: one token per character, and an end-of-turn token."""

    def __init__(self, text: str) -> None:
        self._spellings = [*sorted(set(text)), "<eot>"]

    def get_vocab(self) -> dict[str, int]:
        return {spelling: i for i, spelling in enumerate(self._spellings)}

    def decode(self, token_ids: Sequence[int], skip_special_tokens: bool = False) -> str:
        kept = (self._spellings[i] for i in token_ids)
        return "".join(spelling for spelling in kept if not (skip_special_tokens and spelling == "<eot>"))


TOKENIZERS = {
    "byte_level": byte_level(),
    "sentencepiece": sentencepiece(),
    "qwen2": train_tokenizer(TEXTS, vocab_size=360),
}


def joined(tokenizer: object, ids: Sequence[int]) -> bytes:
    table = token_bytes(tokenizer)
    return b"".join(table.pieces[table.rows(np.asarray(ids, dtype=np.int64))])


@pytest.mark.parametrize("name", TOKENIZERS)
@given(data=st.data())
def test_bytes_are_those_of_decode(name: str, data: st.DataObject) -> None:
    """Any sequence of ids, special ones included: decode is its inverse wherever the bytes are UTF-8."""
    tokenizer = TOKENIZERS[name]
    ids = data.draw(st.lists(st.integers(0, len(tokenizer) - 1), max_size=12))
    text = joined(tokenizer, ids)
    decoded = tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    assert decoded.encode() == text or text.decode(errors="replace").encode() != text


@pytest.mark.parametrize("name", TOKENIZERS)
@given(text=st.text(alphabet="<>/thinkaswer 4\né数🙂", max_size=30))
def test_bytes_of_an_encoded_text(name: str, text: str) -> None:
    """Encoding loses nothing, so the bytes are the text's UTF-8, characters cut across tokens included."""
    tokenizer = TOKENIZERS[name]
    assert joined(tokenizer, tokenizer.encode(text, add_special_tokens=False)) == text.encode()


def test_a_cut_character_is_two_tokens_of_half_its_bytes() -> None:
    """'é' is C3 A9."""
    tokenizer = TOKENIZERS["sentencepiece"]
    assert [joined(tokenizer, [i]) for i in tokenizer.convert_tokens_to_ids(["<0xC3>", "<0xA9>"])] == [b"\xc3", b"\xa9"]


def test_decoders_that_drop_the_first_space_of_a_text() -> None:
    """Llama's decoder does; the policy wrote the token all the same, so its byte is kept."""
    tokenizer = sentencepiece("always")
    ids = tokenizer.convert_tokens_to_ids(["▁and", "▁and"])
    assert tokenizer.decode(ids) == "and and"
    assert joined(tokenizer, ids) == b" and and"


def test_added_tokens_have_their_text_and_special_ones_none() -> None:
    tokenizer = TOKENIZERS["byte_level"]
    ids = tokenizer.convert_tokens_to_ids(["<answer>", "two words", "<|end|>"])
    assert [joined(tokenizer, [i]) for i in ids] == [b"<answer>", b"two words", b""]


def test_a_special_token_that_is_a_tag_keeps_its_text() -> None:
    """Cold starts often add the tags as special tokens; decode would hide them, the regions must not."""
    tokenizer = byte_level()
    tokenizer.add_special_tokens({"additional_special_tokens": ["</think>", "<think >"]})
    ids = tokenizer.convert_tokens_to_ids(["</think>", "<think >"])
    assert tokenizer.decode(ids, skip_special_tokens=True) == ""
    assert [joined(tokenizer, [i]) for i in ids] == [b"</think>", b""]


def test_ids_outside_the_vocabulary_have_no_bytes() -> None:
    """Embedding tables are padded, so a model can sample an id its tokenizer does not know."""
    tokenizer = TOKENIZERS["byte_level"]
    assert joined(tokenizer, [len(tokenizer), 10**9, -1, -100]) == b""


def test_ids_between_the_known_ones_have_no_bytes() -> None:
    """Ids 0 and 5 exist, 1 to 4 do not: the table has 6 entries and the one for unknown ids."""

    class Sparse(CharTokenizer):
        def get_vocab(self) -> dict[str, int]:
            return {"a": 0, "b": 5}

        def decode(self, token_ids: Sequence[int], skip_special_tokens: bool = False) -> str:
            return "".join({0: "a", 5: "b"}[i] for i in token_ids)

    table = token_bytes(Sparse(""))
    assert table.pieces.tolist() == [b"a", b"", b"", b"", b"", b"b", b""]
    assert table.lengths.tolist() == [1, 0, 0, 0, 0, 1, 0]


def test_a_stand_in_with_two_methods_is_enough() -> None:
    """Its end-of-turn token is found by what decode leaves out."""
    tokenizer = CharTokenizer("<answer>4é")
    vocab = tokenizer.get_vocab()
    assert joined(tokenizer, [vocab[c] for c in "<4é>"] + [vocab["<eot>"]]) == "<4é>".encode()


def test_a_stand_in_without_get_vocab_is_refused() -> None:
    class Bare:
        def decode(self, token_ids: Sequence[int], skip_special_tokens: bool = False) -> str:
            return ""

    with pytest.raises(CareConfigError, match=r"actor_rollout_ref\.model\.path.*\(Bare\) lacks get_vocab\(\)"):
        token_bytes(Bare())  # type: ignore[arg-type]


def test_a_tokenizer_whose_tokens_have_no_fixed_bytes_is_refused() -> None:
    """WordPiece writes '##s' as 's' behind another token and as '##s' at the start."""
    backend = Tokenizer(models.WordPiece(vocab={"[UNK]": 0, "cat": 1, "##s": 2}, unk_token="[UNK]"))
    backend.decoder = decoders.WordPiece()
    with pytest.raises(CareConfigError, match="does not decode a token to the same bytes"):
        token_bytes(PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="[UNK]"))


def test_the_table_is_built_once_and_dies_with_its_tokenizer() -> None:
    tokenizer = CharTokenizer("ab")
    table = token_bytes(tokenizer)
    assert token_bytes(tokenizer) is table
    gone = weakref.ref(table)
    del tokenizer, table
    gc.collect()
    assert gone() is None


def test_a_tag_opens_only_where_the_next_token_goes_on_with_it():
    r"""One token a character: of ``a<b<t<`` only the second ``<`` may begin a tag, for ``t`` comes next in ``<think>``.

    The end-of-turn token says nothing of what follows it, so the ``<`` before it may go on behind it.
    """
    tokenizer = CharTokenizer("a<bt")
    table = token_bytes(tokenizer)
    vocab = tokenizer.get_vocab()
    ids = np.array([[vocab[one] for one in ("a", "<", "b", "<", "t", "<")], [vocab["<"], vocab["<eot>"], *[0] * 4]])
    entries = table.rows(ids)
    rows, columns = table.opens(entries, table.kinds[entries])
    assert list(zip(rows.tolist(), columns.tolist(), strict=True)) == [(0, 3), (1, 0)]
