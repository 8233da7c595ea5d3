# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The corpus: more than 2,000 answers labelled by hand, with the rates of both kinds of error printed (``-s``).

A line of ``verifier_corpus.jsonl`` holds a gold and the answers to accept and to reject; ``raw`` answers are whole
responses, the others stand between answer tags. ``misjudged`` names the answers on which the verifier is known to be
wrong, so that the rates below are what they are.
"""

import json
from collections import Counter
from pathlib import Path

import pytest

from recipe.care.reward import compute_score

pytest.importorskip("math_verify")

CORPUS = Path(__file__).parents[3] / "data" / "verifier_corpus.jsonl"
LINES = [json.loads(line) for line in CORPUS.read_text(encoding="utf-8").splitlines()]


def judge(line, answer):
    response = answer if line.get("raw") else f"<think>Because.</think><answer>{answer}</answer>"
    return compute_score(line["source"], response, line["gold"], line.get("extra_info"))


def errors_of(line):
    """(kind, answer, score) of every misjudged answer of a line."""
    for key, wanted, kind in (("accept", 1.0, "false negative"), ("reject", 0.0, "false positive")):
        for answer in line[key]:
            score = judge(line, answer)
            if score["acc"] != wanted or not score["verified"]:
                yield kind, answer, score


@pytest.mark.parametrize("line", LINES, ids=[f"{line['source']}-{line['pattern']}-{i}" for i, line in enumerate(LINES)])
def test_every_label_is_met_but_the_known_ones(line):
    wrong = [(kind, answer, score["rule"]) for kind, answer, score in errors_of(line)]
    assert [answer for _, answer, _ in wrong] == line.get("misjudged", []), wrong


def test_error_rates():
    totals, wrong = Counter(), Counter()
    for line in LINES:
        totals[line["source"], "false negative"] += len(line["accept"])
        totals[line["source"], "false positive"] += len(line["reject"])
        for kind, _, _ in errors_of(line):
            wrong[line["source"], kind] += 1
    print()
    for (source, kind), count in sorted(totals.items()):
        print(f"{source:14} {kind}: {wrong[source, kind]:3} of {count:4} ({wrong[source, kind] / count:.2%})")
    positives = sum(count for (_, kind), count in totals.items() if kind == "false positive")
    assert sum(totals.values()) >= 400
    assert sum(count for (_, kind), count in wrong.items() if kind == "false positive") <= 0.001 * positives + 1
