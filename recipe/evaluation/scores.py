# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The two columns: lmms-eval's scores as it gave them, and the project's verifier on the same raw responses."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from recipe.evaluation.benchmarks import BENCHMARKS, Benchmark
from recipe.evaluation.gold import gold_of, judge

COLUMNS = ("verifier", "lmms_eval")
"""Names of the two judgements of a response, as they are fields of ``Scored``."""


@dataclass(frozen=True)
class Scored:
    """A question, its response's two verdicts and what explains them."""

    id: str
    cluster: str
    lmms_eval: float
    """lmms-eval's ``acc_score``."""
    verifier: float
    """1.0 where the project's verifier calls the answer right."""
    is_choice: bool
    rule: str
    """The verifier's rule, e.g. ``no_answer`` where the response has no answer in its tags."""
    verified: bool
    has_format: bool
    is_truncated: bool
    tokens: int


@dataclass(frozen=True)
class Summary:
    """One model on one benchmark; shares between 0 and 1."""

    benchmark: str
    questions: int
    verifier: float
    lmms_eval: float
    choice_questions: int
    choice_verifier: float | None
    """The verifier's accuracy on questions with options; None where there are none."""
    free_verifier: float | None
    format: float
    no_answer: float
    """Share of responses without one closed answer after the rationale."""
    truncated: float
    unverified: float
    """Share whose verification failed; they count as wrong."""
    mean_tokens: float

    @property
    def is_whole(self) -> bool:
        """Whether every question of the benchmark was asked."""
        return self.questions == BENCHMARKS[self.benchmark].questions


NO_ANSWER = frozenset({"no_answer", "unclosed_answer", "several_answers", "empty_answer"})


def score_sample(benchmark: Benchmark, sample: Mapping[str, object]) -> Scored:
    """Judge a line of ``samples.jsonl``."""
    doc, response = sample["doc"], sample["response"]
    if not isinstance(doc, Mapping) or not isinstance(response, Mapping):
        raise ValueError(
            f"{benchmark.name}: a line of samples.jsonl has no doc or no response; delete it and run again"
        )
    verdict = judge(benchmark, doc, str(response["text"]))
    return Scored(
        id=f"{benchmark.name}/{sample['doc_id']}",
        cluster=str(doc[benchmark.cluster]),
        lmms_eval=float(str(sample["acc_score"])),
        verifier=verdict["acc"],
        is_choice=gold_of(benchmark, doc).is_choice,
        rule=verdict["rule"],
        verified=verdict["verified"] == 1.0,
        has_format=verdict["format"] == 1.0,
        is_truncated=response["finish_reason"] == "length",
        tokens=int(str(response["tokens"])),
    )


def score_benchmark(benchmark: Benchmark, folder: Path) -> list[Scored]:
    """Judge ``folder/samples.jsonl`` and write ``folder/scores.jsonl``."""
    lines = (folder / "samples.jsonl").read_text(encoding="utf-8").split("\n")
    scored = [score_sample(benchmark, json.loads(line)) for line in lines if line]
    text = "".join(json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in scored)
    (folder / "scores.jsonl").write_text(text, encoding="utf-8")
    return scored


def read_scores(folder: Path) -> list[Scored]:
    """What ``score_benchmark`` wrote."""
    return [Scored(**json.loads(line)) for line in (folder / "scores.jsonl").read_text().split("\n") if line]


def summarise(benchmark: Benchmark, scored: Sequence[Scored]) -> Summary:
    """Average the verdicts on one benchmark.

    Raises:
        ValueError: There are none.
    """
    if not scored:
        raise ValueError(f"{benchmark.name}: no questions were asked; --limit must be at least 1")
    choice = [one.verifier for one in scored if one.is_choice]
    free = [one.verifier for one in scored if not one.is_choice]
    return Summary(
        benchmark=benchmark.name,
        questions=len(scored),
        verifier=_mean([one.verifier for one in scored]),
        lmms_eval=_mean([one.lmms_eval for one in scored]),
        choice_questions=len(choice),
        choice_verifier=_mean(choice) if choice else None,
        free_verifier=_mean(free) if free else None,
        format=_mean([one.has_format for one in scored]),
        no_answer=_mean([one.rule in NO_ANSWER for one in scored]),
        truncated=_mean([one.is_truncated for one in scored]),
        unverified=_mean([not one.verified for one in scored]),
        mean_tokens=_mean([one.tokens for one in scored]),
    )


def macro(summaries: Sequence[Summary], column: str) -> float | None:
    """The mean of the six accuracies, each benchmark counting the same; None unless all six are there."""
    if {summary.benchmark for summary in summaries} != set(BENCHMARKS):
        return None
    return _mean([float(getattr(summary, column)) for summary in summaries])


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
