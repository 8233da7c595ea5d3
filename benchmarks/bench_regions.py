# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Time the regions and token advantages of one training batch on one CPU thread, beside a loop over tokens.

The responses are random words of a vocabulary of Qwen's size, with a rationale, an answer and an end-of-turn token, and
all of the full length, which is the slowest case. The loop does what one would write first: look up token by token,
keep offsets, compare. It is run on some of the rows and its time scaled up; the results on those rows are checked to be
the same. Times are the best of three, except the table's, which is built once per tokenizer.

    python benchmarks/bench_regions.py --rows 4096 --tokens 2048
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from recipe.care.config import CareConfig
from recipe.care.method.credit import token_advantages
from recipe.care.text.regions import Regions, find_regions
from recipe.care.text.tags import find_spans
from recipe.care.text.token_bytes import token_bytes

VOCAB_SIZE = 151_643
LOOP_ROWS = 64
REPEATS = 3
END_OF_TURN = "<|im_end|>"

_Result = TypeVar("_Result")


def make_tokenizer(rng: np.random.Generator) -> PreTrainedTokenizerFast:
    """A byte-level tokenizer with as many tokens as Qwen2.5's: the bytes, and random words with a space before them."""
    spellings = dict.fromkeys(sorted(pre_tokenizers.ByteLevel.alphabet()))
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz<>=0123456789"))
    while len(spellings) < VOCAB_SIZE:
        spellings["Ġ" + "".join(rng.choice(letters, size=rng.integers(1, 9)))] = None
    backend = Tokenizer(models.BPE(vocab={word: i for i, word in enumerate(spellings)}, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token=AddedToken(END_OF_TURN, special=True))


def make_batch(
    rng: np.random.Generator, tokenizer: PreTrainedTokenizerFast, rows: int, tokens: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Random well-formed responses.

    Returns:
        (rows, tokens) ids and mask.
    """
    closing = [*tokenizer.encode("</think>\n<answer>42</answer>"), tokenizer.convert_tokens_to_ids(END_OF_TURN)]
    opening = tokenizer.encode("<think>")
    shortest = len(opening) + len(closing)
    if tokens < shortest:
        raise SystemExit(f"--tokens {tokens}: the tags alone take {shortest}.")
    ids = rng.integers(256, VOCAB_SIZE, size=(rows, tokens))
    ids[:, : len(opening)] = opening
    ids[:, -len(closing) :] = closing
    return torch.from_numpy(ids), torch.ones(rows, tokens, dtype=torch.bool)


def loop_over_tokens(
    response_ids: Sequence[Sequence[int]],
    response_mask: Sequence[Sequence[int]],
    spelling: dict[int, bytes],
) -> list[list[str]]:
    """The plain way: one token at a time. Only for well-formed responses.

    Returns:
        For each row and token ``think``, ``answer`` or nothing.
    """
    labels = []
    for ids, mask in zip(response_ids, response_mask, strict=True):
        text = b""
        offsets = []
        for token, kept in zip(ids, mask, strict=True):
            start = len(text)
            if kept:
                text += spelling[token]
            offsets.append((start, len(text)))
        spans = find_spans(text)
        row = []
        for kept, (start, stop) in zip(mask, offsets, strict=True):
            label = ""
            if kept and spans.rationale and stop > spans.rationale.outer_start and start < spans.rationale.outer_end:
                label = "think"
            if kept and spans.answer and stop > spans.answer.outer_start and start < spans.answer.outer_end:
                label = "answer"
            if kept and start == stop == len(text):
                label = "answer"
            row.append(label)
        labels.append(row)
    return labels


def _check(regions: Regions, labels: list[list[str]]) -> None:
    expected = np.array(labels)
    agree = np.array_equal(regions.think_mask.numpy(), expected == "think") and np.array_equal(
        regions.answer_mask.numpy(), expected == "answer"
    )
    if not agree:
        raise SystemExit("find_regions and the loop over tokens disagree.")


def _timed(call: Callable[[], _Result], repeats: int = 1) -> tuple[_Result, float]:
    """The result, and the shortest time of ``repeats`` calls: the one least disturbed by the rest of the machine."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = call()
        times.append(time.perf_counter() - start)
    return result, min(times)


def run(rows: int, tokens: int) -> list[tuple[str, float]]:
    """Measure one batch of ``rows`` responses of ``tokens`` tokens.

    Returns:
        What was measured, and its time in seconds.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    tokenizer = make_tokenizer(rng)
    ids, mask = make_batch(rng, tokenizer, rows, tokens)
    advantages, acc = torch.randn(rows), torch.arange(rows) % 2

    table, table_time = _timed(lambda: token_bytes(tokenizer))
    regions, find_time = _timed(lambda: find_regions(ids, mask, tokenizer), REPEATS)
    _, spread_time = _timed(lambda: token_advantages(advantages, mask, regions, acc, CareConfig()), REPEATS)
    some = min(rows, LOOP_ROWS)
    spelling, ids_listed, mask_listed = dict(enumerate(table.pieces)), ids[:some].tolist(), mask[:some].tolist()
    labels, loop_time = _timed(lambda: loop_over_tokens(ids_listed, mask_listed, spelling), REPEATS)
    _check(find_regions(ids[:some], mask[:some], tokenizer), labels)
    torch.set_num_threads(threads)
    return [
        ("table of token bytes (once per tokenizer)", table_time),
        ("find_regions", find_time),
        ("token_advantages", spread_time),
        (f"loop over tokens (scaled from {some} rows)", loop_time * rows / some),
    ]


def main() -> None:
    """Print the times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=512 * 8, help="responses in the batch (default: 512 prompts x 8)")
    parser.add_argument("--tokens", type=int, default=2048, help="longest response, in tokens (default: 2048)")
    args = parser.parse_args()
    print(f"{args.rows} rows x {args.tokens} tokens, one CPU thread")
    for name, seconds in run(args.rows, args.tokens):
        print(f"{name:45s} {seconds:8.3f} s")


if __name__ == "__main__":
    main()
