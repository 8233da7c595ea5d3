# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The bytes each token id adds to a response, looked up in a table that is built once per tokenizer.

Decoding a response gives its text but not which token wrote which character, and a character may be cut across tokens.
Bytes have neither problem: the tokens' bytes, joined, are the response's UTF-8.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from weakref import WeakKeyDictionary

import numpy as np

from recipe.care.errors import CareConfigError
from recipe.care.text.tags import TAGS, TAGS_BYTES

SILENT, TEXT, OPENING = range(3)
"""Kinds of token: without text, with text, and with text in which one of the four tags begins or may begin."""
_BITS = {byte: 1 << bit for bit, byte in enumerate(sorted({byte for tag in TAGS_BYTES for byte in tag[1:]}))}
"""A bit for each byte with which a token can go on with a tag that begins in the token before."""
ANYTHING = (1 << len(_BITS)) - 1 | 1 << 15
"""What a token awaits that holds a whole tag, and how a token without text begins."""
_PROBES = 256
_SPECIAL_CHUNK = 512
_BYTE_TOKEN = re.compile(r"<0x([0-9A-Fa-f]{2})>")


class TokenizerLike(Protocol):
    """What CARE asks of a tokenizer. Every Hugging Face tokenizer has it; so must a stand-in used in a test."""

    def get_vocab(self) -> Mapping[str, int]:
        """The spelling and id of every token, added tokens included."""

    def decode(self, token_ids: Sequence[int], *, skip_special_tokens: bool) -> str:
        """The text of ``token_ids``; special tokens are those that ``skip_special_tokens=True`` leaves out."""


@dataclass(frozen=True, eq=False)
class TokenBytes:
    """The bytes of every token id, and one last empty entry for ids the tokenizer does not know."""

    pieces: np.ndarray
    """(V + 1,) objects of type ``bytes``."""
    lengths: np.ndarray
    """(V + 1,) int64, the lengths of ``pieces``."""
    kinds: np.ndarray
    """(V + 1,) uint8, ``SILENT``, ``TEXT`` or ``OPENING``."""
    awaits: np.ndarray
    """(V + 1,) uint16, the bits of the bytes that would go on with a tag at the end of the token."""
    begins: np.ndarray
    """(V + 1,) uint16, the bit of the token's first byte, 0 for a byte that is in no tag."""

    def rows(self, ids: np.ndarray) -> np.ndarray:
        """Which entry of the table each id has.

        Args:
            ids: Integers. Ids outside the vocabulary are welcome: a model's embedding table is often padded.

        Returns:
            Row numbers into the fields of this table, of the shape of ``ids``.
        """
        unknown = len(self.lengths) - 1
        if not ids.size or (ids.min() >= 0 and ids.max() < unknown):
            return ids
        return np.where((ids >= 0) & (ids < unknown), ids, unknown)

    def opens(self, entries_BT: np.ndarray, kinds_BT: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where a tag begins or may begin, as far as the next token does not rule it out.

        Args:
            entries_BT: (B, T) what ``rows`` returns.
            kinds_BT: (B, T) ``kinds`` of these, ``SILENT`` where a token does not count.

        Returns:
            Rows and columns of N tokens, in order.
        """
        row_N, column_N = np.nonzero(kinds_BT == OPENING)
        next_N = np.minimum(column_N + 1, entries_BT.shape[1] - 1)
        awaits_N, begins_N = self.awaits[entries_BT[row_N, column_N]], self.begins[entries_BT[row_N, next_N]]
        begins_N[kinds_BT[row_N, next_N] == SILENT] = ANYTHING  # what the text goes on with stands further on
        may_N = (awaits_N == ANYTHING) | (awaits_N & begins_N > 0)
        return row_N[may_N], column_N[may_N]

    def spell(self, ids: Sequence[int]) -> tuple[bytes, np.ndarray]:
        """The text of N tokens, and (N,) where each ends in it; one without text ends where the one before does."""
        entries_N = self.rows(np.asarray(ids, dtype=np.int64))
        return b"".join(self.pieces[entries_N].tolist()), np.cumsum(self.lengths[entries_N])


_TABLES: WeakKeyDictionary[TokenizerLike, TokenBytes] = WeakKeyDictionary()


def token_bytes(tokenizer: TokenizerLike) -> TokenBytes:
    """The table of ``tokenizer``, built on first use and kept as long as the tokenizer lives.

    Special tokens add no bytes, unless they spell one of the four tags. Joined, a response's bytes are what
    ``tokenizer.decode(ids, skip_special_tokens=True)`` returns, with two exceptions: such a tag is kept here, and a
    decoder of the sentencepiece kind drops the very first space of a text.

    Args:
        tokenizer: Any Hugging Face tokenizer, or a stand-in with the methods of ``TokenizerLike``. Tokens added to it
            after the first call are not seen.

    Returns:
        The table.

    Raises:
        CareConfigError: The tokenizer lacks a method, or decodes in a way no table of bytes can express.
    """
    table = _TABLES.get(tokenizer)
    if table is None:
        table = _TABLES[tokenizer] = _build(tokenizer)
    return table


def _build(tokenizer: TokenizerLike) -> TokenBytes:
    name = type(tokenizer).__name__
    missing = [method for method in ("get_vocab", "decode") if not callable(getattr(tokenizer, method, None))]
    if missing:
        raise CareConfigError(
            f"actor_rollout_ref.model.path: its tokenizer ({name}) lacks {' and '.join(f'{m}()' for m in missing)}; "
            "CARE reads the tokens' text through get_vocab() and decode(ids, skip_special_tokens=...)."
        )
    vocab = tokenizer.get_vocab()
    special = set(_special_ids(tokenizer, sorted(vocab.values())))
    spell = _spelling_rule(tokenizer, {token: i for token, i in vocab.items() if i not in special})
    size = 1 + max(vocab.values(), default=-1)
    pieces = np.full(size + 1, b"", dtype=object)
    for token, token_id in vocab.items():
        if token_id not in special:
            pieces[token_id] = spell(token)
        elif token in TAGS:
            pieces[token_id] = token.encode()
    lengths = np.fromiter(map(len, pieces), dtype=np.int64, count=size + 1)
    awaits = np.fromiter(map(_awaits, pieces), dtype=np.uint16, count=size + 1)
    begins = np.fromiter(map(_begins, pieces), dtype=np.uint16, count=size + 1)
    kinds = np.where(awaits > 0, OPENING, np.where(lengths > 0, TEXT, SILENT)).astype(np.uint8)
    return TokenBytes(pieces, lengths, kinds, awaits, begins)


def _awaits(piece: bytes) -> int:
    bits = 0
    place = piece.find(b"<")
    while place >= 0:
        tail = piece[place:]
        if tail.startswith(TAGS_BYTES):
            return ANYTHING
        for tag in TAGS_BYTES:
            bits |= _BITS[tag[len(tail)]] if tag.startswith(tail) else 0
        place = piece.find(b"<", place + 1)
    return bits


def _begins(piece: bytes) -> int:
    return _BITS.get(piece[0], 0) if piece else ANYTHING


def _special_ids(tokenizer: TokenizerLike, ids: Sequence[int]) -> Iterable[int]:
    """The ids that ``skip_special_tokens`` drops.

    A vocabulary has 100,000 and more entries and a few dozen special ones, so whole chunks are decoded both ways and
    only those that differ are halved.
    """
    pending = [ids[start : start + _SPECIAL_CHUNK] for start in range(0, len(ids), _SPECIAL_CHUNK)]
    while pending:
        chunk = pending.pop()
        if tokenizer.decode(chunk, skip_special_tokens=True) == tokenizer.decode(chunk, skip_special_tokens=False):
            continue
        if len(chunk) == 1:
            yield chunk[0]
        else:
            pending += [chunk[: len(chunk) // 2], chunk[len(chunk) // 2 :]]


def _byte_alphabet() -> dict[str, int]:
    """The printable stand-in that byte-level BPE writes for each byte.

    Bytes that print in Latin-1 stand for themselves; the others, in order, for the characters from U+0100 on.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    hidden = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(0x100 + n): byte for n, byte in enumerate(hidden)}


_BYTE_ALPHABET = _byte_alphabet()
# One C-speed pass per token: str.translate to Latin-1 characters, which encode to the bytes they number.
_TO_LATIN1 = {ord(char): byte for char, byte in _BYTE_ALPHABET.items()}


def _byte_level(token: str) -> bytes:
    if all(char in _BYTE_ALPHABET for char in token):
        return token.translate(_TO_LATIN1).encode("latin-1")
    return token.encode()


def _sentencepiece(token: str) -> bytes:
    byte = _BYTE_TOKEN.fullmatch(token)
    return bytes([int(byte[1], 16)]) if byte else token.replace("▁", " ").encode()


def _plain(token: str) -> bytes:
    return token.encode()


_RULES: tuple[Callable[[str], bytes], ...] = (_byte_level, _sentencepiece, _plain)


def _spelling_rule(tokenizer: TokenizerLike, vocab: Mapping[str, int]) -> Callable[[str], bytes]:
    """The way the tokenizer spells bytes: the first rule that foretells how it decodes a sample of its tokens."""
    telling = [token for token in vocab if len({rule(token) for rule in _RULES}) > 1]
    probes = _sample(telling) + _sample(list(vocab))
    for rule in _RULES:
        if all(_foretells(rule(token), tokenizer, vocab[token]) for token in probes):
            return rule
    raise CareConfigError(
        f"actor_rollout_ref.model.path: its tokenizer ({type(tokenizer).__name__}) does not decode a token to the same "
        "bytes everywhere, so CARE cannot tell which tokens lie in <think> and <answer>; use a model whose tokenizer "
        "is byte-level BPE or sentencepiece."
    )


def _sample(tokens: Sequence[str]) -> list[str]:
    return list(tokens[:: max(1, len(tokens) // _PROBES)])


def _foretells(piece: bytes, tokenizer: TokenizerLike, token_id: int) -> bool:
    """Whether a token's bytes agree with its decoding.

    It is decoded twice in a row, since some decoders treat the first token of a text differently. Spaces are left out
    of the comparison: decoders drop a leading one, and tokenization clean-up drops others. Part of a character decodes
    to some number of U+FFFD.
    """
    expected = (piece + piece).decode("utf-8", errors="replace")
    decoded = tokenizer.decode([token_id, token_id], skip_special_tokens=True)
    if "\ufffd" in expected:
        return "\ufffd" in decoded
    return decoded.replace(" ", "") == expected.replace(" ", "")
