# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Repairs on token ids, with every token written out."""

from collections.abc import Sequence

import pytest
from transformers.convert_slow_tokenizer import bytes_to_unicode

from recipe.care.config import RgrConfig
from recipe.care.errors import CareDataError
from recipe.care.repair.plan import (
    LengthLimits,
    RepairedRow,
    RepairText,
    Sampled,
    plan_repair,
    rank_failures,
    rank_hopeless,
)
from recipe.tiny.tokenizer import train_tokenizer

END = b"<eot>"
_SYMBOLS = bytes_to_unicode()
ROOMY = LengthLimits(response=1000, model=1000)


class Pieces:
    """A tokenizer with the tokens of the texts it is given, ``|`` between tokens and ``$`` for the end of the turn."""

    def __init__(self, *texts: str) -> None:
        pieces = [piece for text in texts for piece in self.split(text)]
        self.pieces = list(dict.fromkeys([END, *pieces]))

    @staticmethod
    def split(text: str) -> list[bytes]:
        return [END if piece == "$" else piece.encode() for piece in text.split("|")] if text else []

    def ids(self, text: str) -> list[int]:
        return [self.pieces.index(piece) for piece in self.split(text)]

    def text(self, ids: Sequence[int]) -> str:
        return "|".join("$" if self.pieces[i] == END else self.pieces[i].decode() for i in ids)

    def get_vocab(self) -> dict[str, int]:
        return {"".join(_SYMBOLS[byte] for byte in piece): i for i, piece in enumerate(self.pieces)}

    def decode(self, token_ids: Sequence[int], skip_special_tokens: bool = False) -> str:
        kept = [self.pieces[i] for i in token_ids if not (skip_special_tokens and self.pieces[i] == END)]
        return b"".join(kept).decode(errors="replace")


def plan_for(response: str, prompt: str = "Q|?", log_probs=None, limits: LengthLimits = ROOMY, **settings):
    tokenizer = Pieces(prompt, response, "CUE", "<think>", "new")
    text = RepairText(tuple(tokenizer.ids("CUE")), tuple(tokenizer.ids("<think>")))
    sampled = Sampled(tokenizer.ids(prompt), tokenizer.ids(response), log_probs)
    return plan_repair(sampled, text, tokenizer, RgrConfig(**settings), limits), tokenizer


# What the request has between prompt and cue: what it repeats of a response, in a think region.
RATIONALES = {
    "closed": ("<think>|so|5|</think>|<answer>|5|</answer>|$", "<think>|so|5"),
    "closing tag cut into pieces": ("<think>|so|</|think|>|<answer>|5|</answer>|$", "<think>|so"),
    "straddles the closing tag": ("<think>|so|5</|think>|<answer>|5|</answer>|$", "<think>|so"),
    "merged with the opening tag": ("<think>so|5|</think>|<answer>5|</answer>", "<think>so|5"),
    "opened by the chat template": ("so|5|</think>|<answer>|5|</answer>|$", "so|5"),
    "truncated": ("<think>|so|and|so", "<think>|so|and|so"),
    "stopped in the rationale": ("<think>|so|$", "<think>|so"),
    "no closing tag": ("<think>|so|<answer>|5|</answer>|$", "<think>|so"),
    "no tags but an answer": ("so|<answer>|5|</answer>|$", "<think>|so"),
    "no tags at all": ("so|it|is|5|$", "<think>|so|it|is|5"),
    "two rationales": ("<think>|a|</think>|b|</think>|<answer>|5|</answer>", "<think>|a|</think>|b"),
    "empty rationale": ("<think>|</think>|<answer>|5|</answer>", "<think>"),
    "answer only": ("<answer>|5|</answer>|$", "<think>"),
    "nothing but the end of the turn": ("$", "<think>"),
}


@pytest.mark.parametrize("case", RATIONALES)
def test_the_request_is_prompt_failed_rationale_and_cue(case):
    response, rationale = RATIONALES[case]
    for target in ("rewrite", "continue"):
        plan, tokenizer = plan_for(response, target=target)
        assert tokenizer.text(plan.request_ids) == f"Q|?|{rationale}|CUE"


def test_rewrite_keeps_the_sampled_opening_tag_with_its_log_probs():
    plan, tokenizer = plan_for("<th|ink>|so|</think>|$", log_probs=[-0.1, -0.2, -0.3, -0.4, -0.5])
    row = plan.row(tokenizer.ids("new|$"), [-0.6, -0.7])
    assert tokenizer.text(row.response_ids) == "<th|ink>|new|$"
    assert row.response_mask == [1, 1, 1, 1]
    assert row.log_probs == [-0.1, -0.2, -0.6, -0.7]


@pytest.mark.parametrize("response", ["<think>so|</think>|$", "so|</think>|$", " |<think>|so|</think>"])
def test_rewrite_encodes_an_opening_tag_that_was_not_sampled_as_such_and_does_not_train_it(response):
    plan, tokenizer = plan_for(response, log_probs=[-0.1] * len(Pieces.split(response)))
    row = plan.row(tokenizer.ids("new|$"), [-0.6, -0.7])
    assert tokenizer.text(row.response_ids) == "<think>|new|$"
    assert row.response_mask == [0, 1, 1]
    assert row.log_probs == [0.0, -0.6, -0.7]


def test_rewrite_adds_no_opening_tag_where_the_chat_template_writes_it():
    for prompt in ("Q|<think>", "Q|<|think|>|\n"):
        plan, tokenizer = plan_for("so|</think>|$", prompt=prompt, log_probs=[-0.1] * 3)
        row = plan.row(tokenizer.ids("new"), [-0.6])
        assert tokenizer.text(row.response_ids) == "new"
        assert (row.response_mask, row.log_probs) == ([1], [-0.6])


def test_continue_trains_the_continuation_only():
    plan, tokenizer = plan_for("<think>|so|</think>|$", log_probs=[-0.1, -0.2, -0.3, -0.4], target="continue")
    row = plan.row(tokenizer.ids("new|$"), [-0.6, -0.7])
    assert tokenizer.text(row.response_ids) == "<think>|so|CUE|new|$"
    assert row.response_mask == [0, 0, 0, 1, 1]
    assert row.log_probs == [-0.1, -0.2, 0.0, -0.6, -0.7]
    # On-policy: the policy saw exactly what stands before the continuation.
    assert plan.request_ids == tokenizer.ids("Q|?") + row.response_ids[:3]


def test_a_failure_without_tags_is_repaired_inside_the_think_region():
    """The policy goes on from a rationale, so it writes no second opening tag."""
    response = "so|<answer>|5|</answer>|$"
    plan, tokenizer = plan_for(response, log_probs=[-0.1] * 5, target="continue")
    row = plan.row(tokenizer.ids("new"), [-0.6])
    assert tokenizer.text(row.response_ids) == "<think>|so|CUE|new"
    assert (row.response_mask, row.log_probs) == ([0, 0, 0, 1], [0.0, -0.1, 0.0, -0.6])
    plan, tokenizer = plan_for(response, log_probs=[-0.1] * 5)
    assert tokenizer.text(plan.row(tokenizer.ids("new"), [-0.6]).response_ids) == "<think>|new"
    for prompt in ("Q|<think>", "Q|<|think>|\n"):
        plan, tokenizer = plan_for(response, prompt=prompt)
        assert tokenizer.text(plan.request_ids) == f"{prompt}|so|CUE"


def test_without_sampled_log_probs_the_row_has_none():
    for target in ("rewrite", "continue"):
        plan, tokenizer = plan_for("<think>|so|</think>|$", target=target)
        assert plan.row(tokenizer.ids("new"), None).log_probs is None


def test_log_probs_must_match():
    plan, tokenizer = plan_for("<think>|so|</think>", log_probs=[-0.1] * 3)
    with pytest.raises(CareDataError, match="its repair without"):
        plan.row(tokenizer.ids("new"), None)
    with pytest.raises(CareDataError, match="per token"):
        RepairedRow([1, 2], [1, 1], [])


def test_the_repair_is_shortened_to_what_fits():
    """Prompt 2, failed 2, cue 1. ``rewrite`` puts 1 token before the continuation, ``continue`` 3."""
    response = "<think>|so|</think>"
    for target, limits, expected in (
        ("rewrite", LengthLimits(response=21, model=1000), 20),
        ("continue", LengthLimits(response=21, model=1000), 18),
        ("rewrite", LengthLimits(response=1000, model=25), 20),
        ("continue", LengthLimits(response=1000, model=25), 20),
        ("rewrite", LengthLimits(response=1000, model=1000), 512),
    ):
        plan, _ = plan_for(response, limits=limits, target=target)
        assert plan.max_tokens == expected, (target, limits)


def test_a_repair_without_room_is_not_asked_for():
    response = "<think>|so|</think>"
    assert plan_for(response, limits=LengthLimits(response=9, model=99))[0].max_tokens == 8
    assert plan_for(response, limits=LengthLimits(response=8, model=99))[0] is None
    assert plan_for(response, limits=LengthLimits(response=99, model=12))[0] is None
    # A user who wants shorter repairs gets them.
    assert plan_for(response, limits=LengthLimits(response=4, model=99), max_tokens=3)[0].max_tokens == 3


def test_cue_and_tag_are_encoded_by_the_policys_tokenizer():
    tokenizer = train_tokenizer(["<think>one</think> <answer>2</answer>"])
    text = RepairText.encode("Look again.", tokenizer)
    assert tokenizer.decode(list(text.cue_ids)) == "\nLook again.\n"
    assert tokenizer.decode(list(text.think_ids)) == "<think>"


def test_failures_are_ranked_by_likeness_to_the_shortest_positive():
    positives = ["<think>|x|y|x|y|z|</think>|<answer>|1|</answer>", "<think>|a|b|c|</think>|<answer>|1|</answer>"]
    failures = [
        "<think>|x|y|x|y|z|</think>|<answer>|2|</answer>",  # like the longer positive
        "<think>|a|b|d|</think>|<answer>|2|</answer>",
        "a|b|c",  # no rationale: the whole response counts
        "<think>|a|b|d|</think>|<answer>|3|</answer>",  # answers do not count: a tie with the second
    ]
    tokenizer = Pieces(*positives, *failures)
    order = rank_failures(
        [tokenizer.ids(one) for one in positives], [tokenizer.ids(one) for one in failures], tokenizer
    )
    assert order == [2, 1, 3, 0]


def test_hopeless_failures_are_ranked_by_mean_log_probability():
    """Means -1, -0.5 and -0.75; the sum would put the shortest first."""
    failures = [Sampled([1], [5], [-1.0]), Sampled([1], [5, 6, 7], [-0.5] * 3), Sampled([1], [5, 6], [-1.0, -0.5])]
    assert rank_hopeless(failures) == [1, 2, 0]
    assert rank_hopeless([Sampled([1], [5], None), Sampled([1], [6], None)]) == [0, 1]
