# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Tables of an evaluation, and of two: accuracies, macro averages, differences, and the paper's figures beside them.

    care evaluate-report runs/evaluation/base                          # one model
    care evaluate-report runs/evaluation/base runs/evaluation/care     # the second against the first

reads what ``examples/evaluate.sh`` left. Two models must have answered the same questions with the same settings.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recipe.evaluation.benchmarks import BENCHMARKS, PAPER
from recipe.evaluation.bootstrap import DRAWS, Interval, Paired, compare
from recipe.evaluation.scores import COLUMNS, Scored, Summary, macro, read_scores, summarise

MISSING = "-"
RUNNING_SERVER = "a running server"
"""Stands for vLLM's version where ``--endpoint`` named a server. Its address is no part of how a model was asked."""
TITLES = {"verifier": "our verifier", "lmms_eval": "lmms-eval's rules"}


@dataclass(frozen=True)
class Evaluation:
    """What one model got."""

    model: str
    asked: dict[str, object]
    """Settings that two evaluations must share to be compared."""
    scores: dict[str, list[Scored]]
    """By benchmark, in the table's order."""

    @property
    def summaries(self) -> list[Summary]:
        """Averages by benchmark."""
        return [summarise(BENCHMARKS[name], scored) for name, scored in self.scores.items()]


def read_basis(folder: Path) -> dict[str, Any]:
    """What ``basis.json`` in a folder says. Older ones have the server's address, which is left out."""
    basis: dict[str, Any] = json.loads((folder / "basis.json").read_text(encoding="utf-8"))
    if str(basis["asked"].get("vllm")).startswith(("http://", "https://")):
        basis["asked"]["vllm"] = RUNNING_SERVER
    return basis


def read_evaluation(folder: Path) -> Evaluation:
    """Read a folder of ``examples/evaluate.sh``.

    Raises:
        FileNotFoundError: It holds no evaluation, or none that is finished.
    """
    if not (folder / "basis.json").is_file():
        raise FileNotFoundError(
            f"{folder} is no evaluation; make it with: bash examples/evaluate.sh MODEL --out {folder}"
        )
    basis = read_basis(folder)
    scores = {name: read_scores(folder / name) for name in BENCHMARKS if (folder / name / "scores.jsonl").is_file()}
    if not scores:
        raise FileNotFoundError(f"{folder}: no benchmark is finished; run the same examples/evaluate.sh again")
    return Evaluation(basis["model"], basis["asked"], scores)


def percent(share: float | None) -> str:
    """A share as the tables print it."""
    return MISSING if share is None else f"{100 * share:.1f}"


def rows_of(table: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table from its head and its rows, in columns."""
    widths = [max(len(row[place]) for row in table) for place in range(len(table[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in table
    ]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]


def accuracy_table(evaluation: Evaluation) -> list[str]:
    """Accuracies by both judgements, the paper's below."""
    summaries = {summary.benchmark: summary for summary in evaluation.summaries}
    table = [["%", *(benchmark.title for benchmark in BENCHMARKS.values()), "macro"]]
    for column in COLUMNS:
        cells = [percent(getattr(summaries[name], column)) if name in summaries else MISSING for name in BENCHMARKS]
        table.append([TITLES[column], *cells, percent(macro(evaluation.summaries, column))])
    for model, figures in PAPER.items():
        table.append([f"paper: {model}", *(MISSING if figure is None else f"{figure}" for figure in figures)])
    return rows_of(table)


def detail_table(evaluation: Evaluation) -> list[str]:
    """What the accuracies are made of."""
    table = [["benchmark", "asked", "with options", "free", "form", "no answer", "cut", "unverified", "tokens"]]
    for summary in evaluation.summaries:
        whole = BENCHMARKS[summary.benchmark].questions
        table.append(
            [
                BENCHMARKS[summary.benchmark].title,
                str(summary.questions) if summary.is_whole else f"{summary.questions} of {whole}",
                percent(summary.choice_verifier),
                percent(summary.free_verifier),
                percent(summary.format),
                percent(summary.no_answer),
                percent(summary.truncated),
                percent(summary.unverified),
                f"{summary.mean_tokens:.0f}",
            ]
        )
    return rows_of(table)


def paired_scores(before: Sequence[Scored], after: Sequence[Scored], column: str) -> Paired:
    """Pair two models' verdicts.

    Raises:
        ValueError: They did not answer the same questions.
    """
    if [one.id for one in before] != [one.id for one in after]:
        raise ValueError(
            f"{before[0].id.partition('/')[0]}: {len(before)} and {len(after)} questions, not the same ones; evaluate "
            "both models with the same --limit and data"
        )
    values = [np.array([getattr(one, column) for one in scored]) for scored in (before, after)]
    return Paired(values[0], values[1], [one.cluster for one in before])


def differing_settings(before: Mapping[str, object], after: Mapping[str, object]) -> list[str]:
    """Names of the settings in which two evaluations differ."""
    return sorted(key for key in {**before, **after} if before.get(key) != after.get(key))


def compare_evaluations(before: Evaluation, after: Evaluation, column: str) -> dict[str, Interval]:
    """Differences by benchmark that both models have; ``macro`` too where these are all six.

    Raises:
        ValueError: The models were asked differently, or have no benchmark in common.
    """
    different = differing_settings(before.asked, after.asked)
    if different:
        raise ValueError(f"the two models were asked differently ({', '.join(different)}); evaluate both the same way")
    names = [name for name in before.scores if name in after.scores]
    if not names:
        raise ValueError("the two evaluations have no benchmark in common")
    pairs = [paired_scores(before.scores[name], after.scores[name], column) for name in names]
    each, average = compare(pairs)
    found = dict(zip(names, each, strict=True))
    return {**found, "macro": average} if set(names) == set(BENCHMARKS) else found


def delta_table(before: Evaluation, after: Evaluation) -> list[str]:
    """Differences with their intervals, by both judgements."""
    columns = [compare_evaluations(before, after, column) for column in COLUMNS]
    table = [["points, 95% interval", *(TITLES[column] for column in COLUMNS)]]
    for name in columns[0]:
        title = BENCHMARKS[name].title if name in BENCHMARKS else "macro average"
        table.append([title, *(_points(column[name]) for column in columns)])
    return rows_of(table)


def _points(interval: Interval) -> str:
    low, high = 100 * interval.low, 100 * interval.high
    return f"{100 * interval.delta:+.1f} [{low:+.1f}, {high:+.1f}]{' *' if interval.excludes_zero else ''}"


def describe(evaluation: Evaluation) -> str:
    """The report on one model, in Markdown."""
    partial = [summary for summary in evaluation.summaries if not summary.is_whole]
    lines = [f"## {evaluation.model}", "", *accuracy_table(evaluation), ""]
    if partial:
        lines += ["**Not the whole benchmarks: not to be compared with the paper.**", ""]
    return "\n".join([*lines, "By our verifier:", "", *detail_table(evaluation), ""])


def describe_difference(before: Evaluation, after: Evaluation) -> str:
    """The report on a model against another, in Markdown."""
    head = [f"## {after.model} minus {before.model}", "", *delta_table(before, after), ""]
    note = f"Paired bootstrap over questions, {DRAWS} draws; MathVerse by problem. * the interval excludes zero.\n"
    return "\n".join([*head, note])


def as_json(evaluation: Evaluation) -> dict[str, object]:
    """The report on one model for programs."""
    summaries = evaluation.summaries
    return {
        "model": evaluation.model,
        "asked": evaluation.asked,
        "benchmarks": {summary.benchmark: asdict(summary) for summary in summaries},
        "macro": {column: macro(summaries, column) for column in COLUMNS},
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="care evaluate-report",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", type=Path, help="folder of an evaluation")
    parser.add_argument("other", type=Path, nargs="?", help="folder of another, which is compared with the first")
    options = parser.parse_args(argv)
    first = read_evaluation(options.model)
    print(describe(first))
    if options.other is not None:
        second = read_evaluation(options.other)
        print(describe(second))
        print(describe_difference(first, second))
    return 0


if __name__ == "__main__":
    sys.exit(main())
