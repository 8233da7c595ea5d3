# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What groups show: shares by hand, and verifiers that contradict themselves."""

import pytest

from recipe.alarms.groups import Row, group_facts


def _rows(group: str, *rows: tuple[str | None, float]) -> list[Row]:
    return [Row(group, reward=acc, acc=acc, answer=answer) for answer, acc in rows]


def test_shares_by_hand():
    rows = [
        *(Row("right", 1.0, 1.0, verified=True, format=1.0) for _ in range(2)),
        *(Row("wrong", 0.1, 0.0, verified=True, format=1.0) for _ in range(2)),
        Row("mixed", 1.0, 1.0, verified=True, format=1.0),
        Row("mixed", 0.0, 0.0, verified=True, format=0.0),
        Row("failed", 0.0, 0.0, verified=False, format=1.0),
        Row("failed", 0.0, 0.0, verified=False, format=1.0),
    ]
    facts = group_facts(rows, ["user\n<image>How many?", "user\nHow many?"])
    assert facts.accuracy == 3 / 6
    assert facts.format == 7 / 8
    assert facts.all_right == facts.all_wrong == 1 / 3  # of the three groups with verdicts
    assert facts.equal_reward == 2 / 3
    assert facts.unverified == 2 / 8
    assert facts.placeholders == 1 / 2


def test_what_nobody_says_is_not_known():
    facts = group_facts([Row("a", 1.0), Row("a", 0.0)])
    assert facts.accuracy is facts.format is facts.all_right is facts.all_wrong is facts.unverified is None
    assert facts.placeholders is None
    assert facts.equal_reward == 0.0


def test_no_rows_at_all():
    assert group_facts([]).compared == 0


CONTRADICTED = {
    "two numbers": [("5", 1.0), ("7", 1.0)],
    "two letters": [("A", 1.0), ("(b)", 1.0)],
    "one answer, two verdicts": [("5", 1.0), (" 5 ", 0.0)],
    "the same beyond a sign": [("-3", 1.0), ("3", 1.0)],
}
SOUND = {
    "right and wrong": [("5", 1.0), ("7", 0.0)],
    "one number spelt twice": [("5", 1.0), ("5.0", 1.0)],
    "a chart's tolerance": [("95", 1.0), ("105", 1.0)],
    "letter and its text": [("A", 1.0), ("7", 1.0)],
    "one letter spelt twice": [("A", 1.0), ("(a).", 1.0)],
    "words": [("a cat", 1.0), ("the cat", 1.0)],
    "no answer": [(None, 1.0), (None, 0.0)],
}


@pytest.mark.parametrize("name", CONTRADICTED)
def test_contradictions(name):
    assert group_facts(_rows("a", *CONTRADICTED[name])).contradicted == 1


@pytest.mark.parametrize("name", SOUND)
def test_no_contradiction(name):
    assert group_facts(_rows("a", *SOUND[name])).contradicted == 0


def test_groups_are_compared_within():
    facts = group_facts([*_rows("a", ("5", 1.0), ("6", 0.0)), *_rows("b", ("7", 1.0), ("8", 0.0))])
    assert (facts.compared, facts.contradicted) == (2, 0)


def test_a_right_answer_may_be_refused_for_its_form():
    rows = [Row("a", 1.0, 1.0, format=1.0, answer="5"), Row("a", 0.0, 0.0, format=0.0, answer="5")]
    assert group_facts(rows).contradicted == 0


def test_without_verdicts_the_rewards_tell():
    def contradicted(*rewards: float) -> int:
        rows = [Row("a", reward, answer=answer) for reward, answer in zip(rewards, ["5", "7", "9"], strict=True)]
        return group_facts(rows).contradicted

    assert contradicted(1.0, 0.9, 0.0) == 1  # 5 and 7 in the upper quarter
    assert contradicted(1.0, 0.5, 0.0) == 0
    assert contradicted(0.0, 0.0, 0.0) == 0  # nothing can be told
