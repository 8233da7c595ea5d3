# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""find_regions on responses whose tokens are written out.

A drawing has one letter per token: ``t`` rationale, ``a`` answer, ``b`` both, ``.`` neither.
"""

from collections.abc import Sequence
from dataclasses import FrozenInstanceError, fields

import numpy as np
import pytest
import torch
from transformers.convert_slow_tokenizer import bytes_to_unicode

from recipe.care.errors import CareDataError
from recipe.care.text.regions import Regions, find_regions
from recipe.tiny.tokenizer import EOS, train_tokenizer

END = b"<eot>"
_SYMBOLS = bytes_to_unicode()


class PieceTokenizer:
    """One token per piece of the test's response, in order, spelled as byte-level BPE spells; ``END`` is special."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self.pieces = list(dict.fromkeys([*pieces, END]))

    def get_vocab(self) -> dict[str, int]:
        return {"".join(_SYMBOLS[byte] for byte in piece): i for i, piece in enumerate(self.pieces)}

    def decode(self, token_ids: Sequence[int], skip_special_tokens: bool = False) -> str:
        kept = [self.pieces[i] for i in token_ids if not (skip_special_tokens and self.pieces[i] == END)]
        return b"".join(kept).decode(errors="replace")


def tokens(text: str) -> list[bytes]:
    """Pieces separated by ``|``; ``$`` is the end-of-turn token."""
    return [END if piece == "$" else piece.encode() for piece in text.split("|")]


def find(pieces: list[bytes], include_tags: bool = True, mask: Sequence[int] | None = None) -> Regions:
    tokenizer = PieceTokenizer(pieces)
    ids = torch.tensor([[tokenizer.pieces.index(piece) for piece in pieces]])
    mask_1T = torch.ones_like(ids) if mask is None else torch.tensor([mask])
    return find_regions(ids, mask_1T, tokenizer, include_tags=include_tags)


def drawing(regions: Regions) -> str:
    pairs = zip(regions.think_mask[0].tolist(), regions.answer_mask[0].tolist(), strict=True)
    return "".join(".tab"[think + 2 * answer] for think, answer in pairs)


def lengths(regions: Regions) -> tuple[int, int]:
    return int(regions.think_len[0]), int(regions.answer_len[0])


CASES = {
    # name: (tokens, drawing with tags, drawing without, (think_len, answer_len))
    "well formed": ("<think>|two|two|</think>|\n|<answer>|4|</answer>|$", "tttt.aaaa", ".tt...a..", (2, 1)),
    "tags cut": ("<|think|>|so|</|think|>|<|answer|>|4|2|</|answer|>", "tttttttaaaaaaaa", "...t......aa...", (1, 2)),
    "tags merged": ("<think>so|\nso</think>\n|\n <answer>4|2</answer>\n", "ttaa", "ttaa", (2, 2)),
    "a token in both regions": ("<think>a|b</think><answer>4|</answer>", "taa", "ta.", (1, 1)),
    "a token with both tags": ("<think>|a|</think><answer>|4|</answer>", "ttaaa", ".t.a.", (1, 1)),
    "shared token, answer's only by its tag": ("<think>|ab</think><answer>|4|</answer>", "taaa", ".ta.", (1, 1)),
    "opened by the chat template": ("so|\n|</think>|<answer>|4|</answer>|$", "tttaaaa", "tt..a..", (2, 1)),
    "no rationale": ("so |<answer>|4|</answer>|$", ".aaaa", "..a..", (5, 1)),
    "empty rationale": ("<think>|</think>|<answer>|4|</answer>", "ttaaa", "...a.", (0, 1)),
    "empty rationale in one token": ("<think></think>|<answer>|4|</answer>", "taaa", "..a.", (0, 1)),
    "rationale never closed": ("<think>|a|<answer>|4|</answer>|$", "ttaaaa", ".t.a..", (1, 1)),
    "answer never closed": ("<think>|a|</think>|<answer>|4|2|$", "tttaaaa", ".t..aa.", (1, 2)),
    "no answer": ("<think>|a|</think>|4|$", "bbbaa", "abaaa", (1, 5)),
    "no tags": ("it|is|4|$", "aaaa", "aaaa", (4, 4)),
    "cut in the rationale": ("<think>|a|b", "bbb", "abb", (2, 3)),
    "answer before the last </think>": ("<answer>|4|</answer>|</think>", "bbbb", "bbba", (3, 4)),
    "tags inside the rationale": (
        "<think>|<answer>|1|</answer>|<think>|</think>|<answer>|2|</answer>",
        "ttttttaaa",
        ".tttt..a.",
        (4, 1),
    ),
    "two answers": ("</think>|<answer>|1|</answer>|<answer>|2|</answer>", "t...aaa", ".....a.", (0, 1)),
    "text after the answer": ("</think>|<answer>|4|</answer>|bye|$|$", "taaa.aa", "..a....", (0, 1)),
    "special token inside": ("<think>|$|a|</think>|<answer>|$|4|</answer>", "t.tta.aa", "..t...a.", (1, 1)),
    "empty answer": ("</think>|<answer>|</answer>|$", "taaa", "aaaa", (0, 0)),
    "cut after <answer>": ("<think>|a|</think>|<answer>", "ttta", "abaa", (1, 0)),
}


@pytest.mark.parametrize("name", CASES)
def test_drawn_case(name: str) -> None:
    text, with_tags, without_tags, expected_lengths = CASES[name]
    for include_tags, expected in ((True, with_tags), (False, without_tags)):
        regions = find(tokens(text), include_tags)
        assert drawing(regions) == expected
        assert lengths(regions) == expected_lengths


def test_characters_cut_across_tokens() -> None:
    """'数' is E6 95 B0; it is cut after its first byte, where the second token also closes the rationale."""
    regions = find([b"<think>\xe6", b"\x95\xb0</think>", b"<answer>", b"\xf0\x9f", b"\x99\x82</answer>"])
    assert drawing(regions) == "ttaaa"
    assert lengths(regions) == (2, 2)


def test_only_the_policys_own_tokens_are_text() -> None:
    """The tool's answer (mask 0) is not the response's, and a tag may go on behind a hole."""
    pieces = tokens("<think>|</think>|<answer>|9|</answer>|a|</think|tool|>|<answer>|4|</answer>|$|$")
    regions = find(pieces, mask=[1, 0, 0, 0, 0, 1, 1, 0, 1, 1, 1, 1, 1, 0])
    assert drawing(regions) == "t....tt.taaaa."
    assert lengths(regions) == (1, 1)


def test_whole_response_means_own_tokens() -> None:
    """Three of five tokens are the policy's; none is a tag, so both lengths are 3."""
    regions = find(tokens("<answer>|a|b|4|$"), mask=[0, 1, 1, 0, 1])
    assert drawing(regions) == ".aa.a"
    assert lengths(regions) == (3, 3)


def test_a_response_of_end_tokens_only() -> None:
    regions = find(tokens("$|$"))
    assert drawing(regions) == "aa"
    assert lengths(regions) == (2, 2)


def test_ids_the_tokenizer_does_not_know_have_no_text() -> None:
    """A padded embedding table lets the policy sample them; at the end they end the response like any silent token."""
    pieces = tokens("<think>|a|</think>|<answer>|4|</answer>")
    ids = torch.tensor([[0, 999, 1, 2, 3, 4, 5, 999]])
    assert drawing(find_regions(ids, torch.ones_like(ids), PieceTokenizer(pieces))) == "t.ttaaaa"


def test_empty_responses_and_batches() -> None:
    tokenizer = PieceTokenizer(tokens("<answer>"))
    for shape in ((2, 3), (0, 3), (2, 0), (0, 0)):
        ids = torch.zeros(shape, dtype=torch.int64)
        regions = find_regions(ids, torch.zeros(shape, dtype=torch.int64), tokenizer)
        assert regions.think_mask.shape == regions.answer_mask.shape == shape
        assert not regions.think_mask.any() and not regions.answer_mask.any()
        assert regions.think_len.tolist() == regions.answer_len.tolist() == [0] * shape[0]


@pytest.mark.parametrize("mask_type", [torch.int64, torch.float32, torch.bool])
def test_types(mask_type: torch.dtype) -> None:
    """Numpy is as welcome as torch; the result is bool masks and int64 lengths whatever came in."""
    pieces = tokens("<answer>|4|</answer>")
    ids, mask = torch.tensor([[0, 1, 2]], dtype=torch.int32), torch.tensor([[1, 1, 1]]).to(mask_type)
    for regions in (
        find_regions(ids, mask, PieceTokenizer(pieces)),
        find_regions(ids.numpy(), mask.numpy(), PieceTokenizer(pieces)),
    ):
        assert drawing(regions) == "aaa"
        assert [getattr(regions, field.name).dtype for field in fields(regions)] == [torch.bool] * 2 + [torch.int64] * 2


def test_inputs_are_left_alone() -> None:
    tokenizer = PieceTokenizer(tokens("<answer>|4|</answer>"))
    ids, mask = np.array([[0, 1, 2]]), np.array([[1, 1, 0]])
    find_regions(ids, mask, tokenizer)
    assert ids.tolist() == [[0, 1, 2]]
    assert mask.tolist() == [[1, 1, 0]]


def test_the_result_is_frozen_and_has_four_fields() -> None:
    regions = find(tokens("4"))
    assert [field.name for field in fields(regions)] == ["think_mask", "answer_mask", "think_len", "answer_len"]
    with pytest.raises(FrozenInstanceError):
        regions.think_len = regions.answer_len  # type: ignore[misc]


@pytest.mark.parametrize("mask_shape", [(1, 2), (3,)])
def test_shapes_must_agree(mask_shape: tuple[int, ...]) -> None:
    with pytest.raises(CareDataError, match=r"response_ids \(1, 3\) and response_mask"):
        find_regions(torch.zeros(1, 3, dtype=torch.int64), torch.ones(mask_shape), PieceTokenizer([b"a"]))


def test_a_real_tokenizer_end_to_end() -> None:
    """Qwen2's, trained on a few lines: each mask's tokens, decoded, are the region's text and nothing else."""
    tokenizer = train_tokenizer(["<think>two and two\nmake four</think>\n<answer>4</answer>"], vocab_size=300)
    text = "<think>two and two\nmake four</think> <answer>4</answer>"
    ids = torch.tensor([[*tokenizer.encode(text), tokenizer.convert_tokens_to_ids(EOS)]])
    regions = find_regions(ids, torch.ones_like(ids), tokenizer)
    assert "two and two\nmake four" in tokenizer.decode(ids[regions.think_mask])
    assert tokenizer.decode(ids[regions.answer_mask]).lstrip("> ") == f"<answer>4</answer>{EOS}"
