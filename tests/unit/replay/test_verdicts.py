# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Right or wrong: whose word counts, and where the verifier and the dump differ."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recipe.care.errors import CareDataError
from recipe.replay.dump import ReadCounts, read_steps
from recipe.replay.questions import SEARCHES, Questions
from recipe.replay.verdicts import Judge
from tests.unit.replay.dumps import response, row, write


@pytest.fixture
def rollout(tmp_path):
    def make(**values):
        (step,) = read_steps([write(tmp_path / "1.jsonl", [row(**values)])], ReadCounts())
        return step[0]

    return make


@pytest.mark.parametrize(("acc", "verdict"), [(1.0, 1.0), (0, 0.0), (True, None), (0.1, 0.0), (0.9, 1.0)])
def test_the_dumps_own_acc_comes_first(acc, verdict, rollout):
    """A reward function that returns a bare float leaves its score under acc, so the half decides."""
    if verdict is None:
        verdict = 1.0
    one = rollout(acc=float(acc), score=0.1)
    judge = Judge("maths", threshold=0.0)
    assert judge.acc(one) == verdict
    assert judge.counts.origins == {"the dump's acc": 1}


def test_a_failed_verification_is_no_verdict(rollout):
    assert Judge(threshold=0.5).acc(rollout(acc=0.0, verified=0.0)) is None


def test_then_the_verifier_then_the_threshold_then_a_score_that_is_a_verdict(rollout):
    assert Judge("maths").acc(rollout(answer="3", score=0.1)) == 1.0
    assert Judge("maths", threshold=0.0).acc(rollout(answer="4", score=0.9)) == 0.0
    assert Judge(threshold=0.5).acc(rollout(score=0.5)) == 1.0
    assert Judge(threshold=0.5).acc(rollout(score=0.4)) == 0.0
    assert [Judge().acc(rollout(score=score)) for score in (0, 1)] == [0.0, 1.0]


def test_a_score_that_says_nothing_is_refused_with_the_remedies(rollout):
    with pytest.raises(CareDataError, match=r"score 0.1 .*--data-source NAME or --data PARQUET .*--threshold X"):
        Judge().acc(rollout(score=0.1))


def test_where_the_verifier_and_the_dump_differ(rollout):
    """Gold 3. Right by the verifier only: answer 3 with a score of 0.1. Right by the dump only: answer 4 with 0.9."""
    judge = Judge("maths")
    for answer, score in (("3", 1.0), ("3", 0.1), ("4", 0.9), ("4", 0.0), ("4", 0.1)):
        judge.acc(rollout(output=response("I count.", answer), score=score))
    counts = judge.counts
    assert (counts.compared, counts.only_verifier, counts.only_dump) == (5, 1, 1)
    assert [(one.verifier, one.score, one.pred) for one in counts.disputes] == [
        ("right", 0.1, "3"),
        ("wrong", 0.9, "4"),
    ]


def test_the_dumps_acc_and_the_threshold_are_what_the_verifier_is_compared_with(rollout):
    judge = Judge("maths", threshold=0.95)
    judge.acc(rollout(answer="3", score=0.9))
    assert judge.counts.only_verifier == 1
    judge = Judge("maths")
    judge.acc(rollout(answer="3", score=0.1, acc=1.0))
    assert judge.counts.disputes == []


@pytest.fixture
def parquet(tmp_path):
    def make(*rows, **columns):
        path = tmp_path / "train.parquet"
        table = [
            {
                "data_source": source,
                "prompt": [{"role": "user", "content": content}],
                "reward_model": {"style": "rule", "ground_truth": gold},
                "extra_info": {"index": index, "answer_type": kind, "options": options},
            }
            for index, (content, gold, source, kind, options) in enumerate(rows)
        ]
        pq.write_table(pa.Table.from_pylist(table), path)
        return path

    return make


def dumped(content):
    return f"system\nYou are helpful.\nuser\n{content}\nassistant\n"


def test_a_prompt_is_found_behind_its_template(parquet):
    questions = Questions(
        parquet(
            ("<image>How many dots?\nThink.", "3", "maths", "number", []),
            ("<image>How many dots?\nThink.", "4", "choice", "choice", ["3", "4"]),
            ("<image><image>Which is larger?\nThink.", "A", "choice", "choice", ["a", "b"]),
        )
    )
    assert questions.find(dumped("How many dots?\nThink."), "3").data_source == "maths"
    assert questions.find(dumped("How many dots?\nThink."), "4").extra_info["options"] == ["3", "4"]
    assert questions.find(dumped("Which is larger?\nThink."), "A").extra_info["index"] == 2
    assert questions.find(dumped("How many dots?\nThink."), "5") is None
    assert questions.find(dumped("Something else entirely"), "3") is None


def test_the_longest_question_inside_a_prompt_is_it(parquet):
    questions = Questions(
        parquet(("Find the angle.", "1", "maths", "number", []), ("First: Find the angle.", "1", "maths", "x", []))
    )
    assert questions.find(dumped("First: Find the angle."), "1").extra_info["answer_type"] == "x"


def test_a_dump_of_something_else_is_not_searched_for_ever(parquet):
    questions = Questions(parquet(("Find the angle of it.", "1", "maths", "number", [])))
    for number in range(SEARCHES):
        assert questions.find(dumped(f"Unknown {number}"), "1") is None
    assert questions.find(dumped("Find the angle of it."), "1") is None


def test_what_is_no_training_file_is_refused(tmp_path):
    path = tmp_path / "x.parquet"
    path.write_bytes(b"PAR?")
    with pytest.raises(CareDataError, match=r"--data .*x\.parquet"):
        Questions(path)
    pq.write_table(pa.table({"prompt": ["x"]}), path)
    with pytest.raises(CareDataError, match="no column data_source"):
        Questions(path)


def test_the_parquet_serves_the_verifier(parquet, rollout):
    """An answer letter is right where the options say so, which a dump alone does not know."""
    path = parquet(("How many?<image>", "B", "choice", "choice", ["2", "3"]))
    one = rollout(output=response("I count.", "3"), gts="B", score=0.1)
    assert Judge(questions=Questions(path)).acc(one) == 1.0
