# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""``care replay``: from a command line to a page."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from data_prep.file.progress import Progress
from recipe.care.errors import CareDataError, CareError
from recipe.estimators.registry import estimators, load
from recipe.replay.dump import NoDumpError, ReadCounts, find_files, read_steps
from recipe.replay.embeddings import Embedder, HiddenStates, as_recorded, by_words
from recipe.replay.estimators import named_methods
from recipe.replay.methods import METHODS
from recipe.replay.questions import Questions
from recipe.replay.rows import Counter, TokenCounter, WordCounter, lay_out
from recipe.replay.summary import Summary
from recipe.replay.terminal import console, show
from recipe.replay.verdicts import Judge

DESCRIPTION = """\
What would GRPO, DAPO, GSPO and CARE each do with the rollouts of a run? From its dump, on a CPU.

DUMP is what trainer.rollout_data_dir was set to, a <step>.jsonl in it, or a folder with the records of this package.
"""
EPILOG = """\
example:
  care replay outputs/rollouts --data data/train.parquet --json replay.json
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: The command line without the program's name; None takes the process's.

    Returns:
        The exit status: 0, or 2 where the input could not be used.
    """
    options = _parser().parse_args(arguments)
    try:
        summary = replay(options)
        content = summary.as_json()
        if options.json is not None:
            options.json.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")
    except (OSError, CareError) as error:
        print(f"error: {_one_line(error)}", file=sys.stderr)
        return 2
    show(summary, console())
    return 0


def replay(options: argparse.Namespace) -> Summary:
    """Read the dumps and count.

    Args:
        options: The parsed command line.

    Raises:
        CareError: Nothing can be read, or there is no telling right from wrong.
    """
    if options.estimators is not None:
        load(str(options.estimators), "--estimators")
    methods = named_methods(options.methods.split(","), options.set)
    questions = None if options.data is None else Questions(options.data)
    judge = Judge(options.data_source, questions, options.threshold, options.prompt_opens_think)
    counter: Counter = WordCounter() if options.tokenizer is None else TokenCounter(options.tokenizer)
    embed = options.embeddings if options.model is None else HiddenStates(options.model)
    read = ReadCounts()
    refused: list[NoDumpError] = []
    summary = Summary(methods, read, judge.counts)
    files = find_files(options.dumps)
    with Progress(sum(path.stat().st_size for path in files), "bytes", "replay") as progress:
        for rollouts in read_steps(files, read, progress.add, refused.append):
            summary.add(lay_out(rollouts, [judge.acc(one) for one in rollouts], counter, embed))
    if not summary.groups.rows:
        raise refused[0] if refused else CareDataError(f"{options.dumps[0]}: there is no rollout in it")
    for error in refused:
        print(f"left out: {_one_line(error)}", file=sys.stderr)
    return summary


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="care replay",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "dumps", nargs="+", type=Path, metavar="DUMP", help="folders or files, in the order of the steps"
    )
    verdicts = parser.add_argument_group("right or wrong, where the dump has no acc")
    verdicts.add_argument("--data", type=Path, metavar="PARQUET", help="verify again; the file that was trained on")
    verdicts.add_argument("--data-source", metavar="NAME", help="verify again, as rows of this data source")
    verdicts.add_argument("--threshold", type=float, metavar="X", help="a score of X or more is right")
    verdicts.add_argument(
        "--prompt-opens-think",
        action="store_true",
        help="the chat template wrote <think>, so well-formed responses do not open it",
    )
    methods = parser.add_argument_group("what is compared")
    methods.add_argument(
        "--methods",
        default=",".join(METHODS),
        metavar="A,B",
        help=f"of: {', '.join(METHODS)} (these unless said), and {', '.join(_registered())}",
    )
    methods.add_argument("--estimators", type=Path, metavar="FILE", help="a Python file with estimators of your own")
    methods.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="ESTIMATOR.KEY=VALUE",
        help="a setting of an estimator, as below algorithm.ESTIMATOR in training; may be given again",
    )
    parser.add_argument(
        "--embeddings",
        type=_embedder,
        default=as_recorded,
        metavar="recorded|lexical",
        help="distances by the run's own embeddings where all rollouts of a step have one (the default), or by words",
    )
    parser.add_argument("--model", metavar="PATH", help="distances by this model's hidden states, text only; slow")
    parser.add_argument("--tokenizer", metavar="PATH", help="count a model's tokens; without, words and signs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything, step by step, to FILE")
    return parser


def _registered() -> list[str]:
    return [name for name in estimators() if name not in METHODS]


def _embedder(text: str) -> Embedder:
    embedders: dict[str, Embedder] = {"recorded": as_recorded, "lexical": by_words}
    if text not in embedders:
        raise argparse.ArgumentTypeError(f"{text!r} is neither recorded nor lexical")
    return embedders[text]


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
