# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The project's verifier on the benchmarks: what of a row is the gold, what are the options, what kind of answer.

The rules are those of ``virl39k``, the training source whose answers are of the same kinds. They read the one closed
``<answer>`` after the rationale and nothing else.
"""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from recipe.care.reward import Score, compute_score
from recipe.evaluation.benchmarks import Benchmark
from recipe.evaluation.messages import options_of

RULES_OF = "virl39k"
_OPTION_LINE = re.compile(r"^([A-Z])\s*:\s*(\S.*?)\s*$", re.MULTILINE)
_WORD_BEFORE = re.compile(r"^[A-Za-z]{2,} *\$ *= *")
Doc = Mapping[str, object]


@dataclass(frozen=True)
class Gold:
    """What decides whether a response to a benchmark's question is right."""

    answers: Sequence[str]
    """The gold, or several of which any will do."""
    is_choice: bool
    options: Sequence[str] = ()
    tolerance: float = -1.0
    """Relative; -1 where the benchmark does not round."""

    def __post_init__(self) -> None:
        if not self.answers:
            raise ValueError("answers is empty: a question needs at least one gold")


def gold_of(benchmark: Benchmark, doc: Doc) -> Gold:
    """The gold of a row."""
    return _READERS[benchmark.name](doc)


def judge(benchmark: Benchmark, doc: Doc, response: str) -> Score:
    """Verify a response; with several golds, the verdict on the first that it meets, else on the first."""
    gold = gold_of(benchmark, doc)
    info = {
        "answer_type": "choice" if gold.is_choice else "",
        "options": list(gold.options),
        "tolerance": gold.tolerance,
    }
    scores = [compute_score(RULES_OF, response, answer, info) for answer in gold.answers]
    return next((score for score in scores if score["acc"] == 1.0), scores[0])


def _mathvista(doc: Doc) -> Gold:
    answer = str(doc["answer"])
    if doc["question_type"] == "multi_choice":
        choices = _texts(doc["choices"])
        # The letter: some choices are themselves letters in parentheses, in another order than the prompt's own.
        return Gold([string.ascii_uppercase[choices.index(answer)]], True, choices)
    if doc["answer_type"] == "float" and float(answer) != 0:
        # The benchmark rounds an answer to the gold's digits: half a unit of the last one.
        half_a_unit = 0.5 * 10.0 ** -int(float(str(doc["precision"])))
        return Gold([answer], False, tolerance=half_a_unit / abs(float(answer)))
    return Gold([answer], False)


def _mathverse(doc: Doc) -> Gold:
    # A degree sign that was read in the wrong encoding; a word before what it equals ("Area $=9 \pi$").
    answer = _WORD_BEFORE.sub("$", str(doc["answer"]).replace("掳", "°").strip())
    if doc["question_type"] == "multi-choice":
        return Gold([answer], True, _listed_options(str(doc["question_for_eval"])))
    return Gold([answer], False)


def _listed_options(question: str) -> list[str]:
    """The options of MathVerse, ``A:145°`` on lines after "Choices:"; none where these are not A, B, C, ... in turn."""
    lines = _OPTION_LINE.findall(question.partition("Choices:")[2])
    in_turn = "".join(letter for letter, _ in lines) == string.ascii_uppercase[: len(lines)]
    return [text for _, text in lines] if in_turn else []


def _mathvision(doc: Doc) -> Gold:
    # A form feed is what is left of "\f" in "\frac".
    answer = str(doc["answer"]).replace("\x0c", r"\f").strip()
    options = _texts(doc["options"])
    return Gold([answer], bool(options), options)


def _mmmu(doc: Doc) -> Gold:
    answer = str(doc["answer"]).strip()
    if doc["question_type"] == "multiple-choice":
        return Gold([answer], True, options_of(doc))
    golds = ast.literal_eval(answer) if answer.startswith("[") else [answer]
    return Gold([str(gold) for gold in golds], False)


def _mmmu_pro(doc: Doc) -> Gold:
    return Gold([str(doc["answer"]).strip()], True, options_of(doc))


def _texts(value: object) -> list[str]:
    return [str(text) for text in value] if isinstance(value, Sequence) and not isinstance(value, str) else []


_READERS: Mapping[str, Callable[[Doc], Gold]] = {
    "mathvista": _mathvista,
    "mathverse": _mathverse,
    "mathvision": _mathvision,
    "mmmu": _mmmu,
    "mmmu_pro_standard": _mmmu_pro,
    "mmmu_pro_vision": _mmmu_pro,
}
