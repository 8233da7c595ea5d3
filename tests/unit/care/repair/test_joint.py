# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The joint of a rewritten row: natural tokens, no loss on what was not sampled, the rest as it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipe.care.repair.joint import natural_joint
from recipe.care.repair.plan import RepairedRow
from recipe.care.text.token_bytes import token_bytes
from recipe.tiny.tokenizer import train_tokenizer


class Merging:
    """Greedy, longest piece first, as a merging tokenizer ends up: the joint of ``<think>`` and ``so`` is one piece."""

    PIECES = ("<think", ">", ">so", "so", "s", "o", " it is", " ", "i", "t", "é")

    def get_vocab(self):
        spelled = {piece.replace(" ", "Ġ").replace("é", "Ã©"): number for number, piece in enumerate(self.PIECES)}
        return spelled | {"Ã": 11, "©": 12}

    def decode(self, token_ids, skip_special_tokens=False):
        pieces = [*(piece.encode() for piece in self.PIECES), b"\xc3", b"\xa9"]
        return b"".join(pieces[i] for i in token_ids).decode(errors="replace")

    def encode(self, text, *, add_special_tokens):
        ids = []
        while text:
            piece = max((one for one in self.PIECES if text.startswith(one)), key=len)
            ids.append(self.PIECES.index(piece))
            text = text.removeprefix(piece)
        return ids


THINK, CLOSE, CLOSE_SO, SO, IT_IS, CUT = 0, 1, 2, 3, 6, 11


def test_a_token_across_the_joint_is_written_as_the_policy_writes_it_and_not_trained():
    """``<think`` ``>`` | ``so`` `` it is`` becomes ``<think`` ``>so`` | `` it is``; ``>so`` was never sampled."""
    row = RepairedRow([THINK, CLOSE, SO, IT_IS], [1, 1, 1, 1], [-0.1, -0.2, -0.3, -0.4])
    natural = natural_joint(row, 2, Merging())
    assert natural.response_ids == [THINK, CLOSE_SO, IT_IS]
    assert natural.response_mask == [1, 0, 1]
    assert natural.log_probs == [-0.1, 0.0, -0.4]


def test_an_encoded_opening_stays_without_a_loss():
    row = RepairedRow([THINK, CLOSE, SO, IT_IS], [0, 0, 1, 1], None)
    natural = natural_joint(row, 2, Merging())
    assert (natural.response_ids, natural.response_mask) == ([THINK, CLOSE_SO, IT_IS], [0, 0, 1])
    assert natural.log_probs is None


@pytest.mark.parametrize(
    ("ids", "joint"),
    [
        ([THINK, CLOSE, IT_IS, SO], 2),  # nothing merges across this joint
        ([SO, IT_IS], 0),  # the chat template opens the rationale: there is no joint in the response
        ([THINK, CLOSE, SO, CUT], 2),  # half a character is no text
    ],
)
def test_a_row_without_anything_to_mend_is_returned_itself(ids, joint):
    row = RepairedRow(ids, [1] * len(ids), None)
    assert natural_joint(row, joint, Merging()) is row


def test_what_was_sampled_behind_the_joint_is_not_respelled():
    """``s`` ``o`` could be one piece, but the policy sampled it as two."""
    row = RepairedRow([THINK, CLOSE, IT_IS, 4, 5], [0, 0, 1, 1, 1], None)
    assert natural_joint(row, 2, Merging()) is row


TEXTS = st.lists(st.sampled_from(["so", " so", "\nso", "squares: 8", ">", "8", " é", "<b>"]), min_size=1, max_size=6)


@pytest.fixture(scope="module")
def trained():
    return train_tokenizer(["<think>squares: 8</think>\n<answer>8</answer>", "<think>so so", "so é\nso"] * 20)


@given(TEXTS)
def test_bytes_stay_and_only_sampled_tokens_are_trained(trained, pieces):
    """With a BPE that merges across the tag: same text, a natural beginning, a loss on sampled tokens alone."""
    opening = trained.encode("<think>", add_special_tokens=False)
    continuation = trained.encode("".join(pieces), add_special_tokens=False)
    ids = [*opening, *continuation]
    row = RepairedRow(ids, [0] * len(opening) + [1] * len(continuation), [-1.0 * place for place in range(len(ids))])
    new = natural_joint(row, len(opening), trained)
    table = token_bytes(trained)
    spelled = [b"".join(table.pieces[one.response_ids].tolist()) for one in (row, new)]
    assert spelled[0] == spelled[1]
    natural = trained.encode("<think>" + "".join(pieces), add_special_tokens=False)
    across = next(place for place in range(1, len(natural) + 1) if len(trained.decode(natural[:place])) >= 7)
    assert new.response_ids[:across] == natural[:across]
    sampled = dict(zip(row.log_probs, row.response_ids, strict=True))
    for token, trains, logp in zip(new.response_ids, new.response_mask, new.log_probs, strict=True):
        assert not trains or sampled[logp] == token
    assert sum(new.response_mask) >= sum(row.response_mask) - (len(ids) - len(new.response_ids)) - 1
