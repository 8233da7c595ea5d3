# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Format compliance and accuracy of a checkpoint on held-out questions, by the project's verifier.

    care evaluate-held-out --model MODEL --data val.parquet --out before.json

answers every question once, greedily, and writes the shares to ``before.json`` and every response with its verdict to
``before.responses.jsonl``. An interrupted run goes on; a finished one is kept as long as nothing it depends on changed.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from transformers.utils import logging as transformers_logging

from recipe.care.reward import compute_score
from recipe.evaluation.generate import ENGINES, Answer, in_batches
from recipe.evaluation.questions import Asked, read_asked


@dataclass(frozen=True)
class Scores:
    """What came out."""

    rows: int
    accuracy: float
    format: float
    """Share of responses that are one rationale and one answer in their tags and nothing else."""
    unverified: float
    """Share whose verification itself failed; they count as wrong."""
    by_source: Mapping[str, Mapping[str, float]]

    def __str__(self) -> str:
        return f"accuracy {self.accuracy:.3f}, format {self.format:.3f} on {self.rows} questions"


def judge(asked: Asked, response: str) -> dict[str, object]:
    """One line of the responses file."""
    score = compute_score(asked.data_source, response, asked.ground_truth, asked.extra_info)
    return {"data_source": asked.data_source, "response": response, "gold": asked.ground_truth, **score}


def summarise(verdicts: Sequence[Mapping[str, object]]) -> Scores:
    """Average the verdicts.

    Raises:
        ValueError: There are none.
    """
    if not verdicts:
        raise ValueError("no questions were answered; give --data a file with rows and --limit at least 1")
    groups: dict[str, list[Mapping[str, object]]] = defaultdict(list)
    for verdict in verdicts:
        groups[str(verdict["data_source"])].append(verdict)
    by_source = {
        source: {"rows": len(group), "accuracy": _mean(group, "acc"), "format": _mean(group, "format")}
        for source, group in sorted(groups.items())
    }
    return Scores(
        rows=len(verdicts),
        accuracy=_mean(verdicts, "acc"),
        format=_mean(verdicts, "format"),
        unverified=1 - _mean(verdicts, "verified"),
        by_source=by_source,
    )


def _mean(verdicts: Sequence[Mapping[str, object]], name: str) -> float:
    return sum(float(str(verdict[name])) for verdict in verdicts) / len(verdicts)


def evaluate(
    start: Callable[[], Answer],
    questions: Sequence[Asked],
    responses: Path,
    basis: Mapping[str, object],
    batch_size: int,
) -> Scores:
    """Answer and judge the questions that ``responses`` does not have yet.

    Args:
        start: Loads the model; not called when nothing is left to answer.
        questions: N questions.
        responses: JSON lines: first what they depend on, then a verdict for each question.
        basis: What they depend on. A file that was made with something else is replaced.
        batch_size: Questions answered, and lost at most by an interruption, at a time.

    Returns:
        The averages.
    """
    verdicts = read_responses(responses, basis)
    responses.parent.mkdir(parents=True, exist_ok=True)
    # Rewritten, because an interruption may have left half a line.
    lines = [json.dumps(line, ensure_ascii=False) for line in ({"basis": basis}, *verdicts)]
    responses.write_text("\n".join(lines) + "\n", encoding="utf-8")
    left = questions[len(verdicts) :]
    if not left:
        return summarise(verdicts)
    answer = start()
    began = time.monotonic()
    with responses.open("a", encoding="utf-8") as file:
        for batch in in_batches(left, batch_size):
            made = [judge(asked, text) for asked, text in zip(batch, answer(batch), strict=True)]
            file.writelines(json.dumps(verdict, ensure_ascii=False) + "\n" for verdict in made)
            file.flush()
            verdicts += made
            print(f"  {len(verdicts)} of {len(questions)}  {time.monotonic() - began:.0f} s", flush=True)
    return summarise(verdicts)


def read_responses(path: Path, basis: Mapping[str, object]) -> list[dict[str, object]]:
    """The verdicts of a file that was made from ``basis``; none if it was not, or is not there."""
    if not path.is_file():
        return []
    # A last line without its end was being written when the run was interrupted.
    text = path.read_text(encoding="utf-8")
    lines = text[: text.rfind("\n") + 1].splitlines()
    if not lines or json.loads(lines[0]) != {"basis": basis}:
        return []
    return [json.loads(line) for line in lines[1:]]


def identity(model: str) -> str:
    """What a model is, as far as it can be told cheaply: a hub id, or the names, sizes and times of its weights."""
    folder = Path(model)
    if not folder.is_dir():
        return model
    weights = sorted([*folder.glob("*.safetensors"), *folder.glob("*.bin")])
    facts = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in weights]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="care evaluate-held-out",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--model", required=True, help="checkpoint folder or hub id")
    add("--data", type=Path, required=True, help="parquet file in verl's RL format; none of it trained on")
    add("--out", type=Path, required=True, help="JSON file for the scores")
    add("--engine", choices=sorted(ENGINES), default="hf", help="hf: transformers (default); vllm: large models")
    add("--limit", type=int, help="answer the first N questions only")
    add("--max-tokens", type=int, default=2048, help="longest response (default: %(default)s)")
    add("--batch-size", type=int, default=64, help="questions at a time (default: %(default)s)")
    options = parser.parse_args(argv)
    if not options.data.is_file():
        print(f"--data {options.data}: there is no such file; docs/data.md says how one is made", file=sys.stderr)
        return 2
    transformers_logging.disable_progress_bar()
    questions = read_asked(options.data, options.limit)
    digest = hashlib.sha256(options.data.read_bytes()).hexdigest()
    basis = {
        "model": identity(options.model),
        "data": digest,
        "engine": options.engine,
        "max_tokens": options.max_tokens,
        "rows": len(questions),
    }
    responses = options.out.with_suffix(".responses.jsonl")
    start = functools.partial(ENGINES[options.engine], Path(options.model), options.max_tokens)
    scores = evaluate(start, questions, responses, basis, options.batch_size)
    record = {"model": options.model, "data": options.data.name, "engine": options.engine, **asdict(scores)}
    options.out.write_text(json.dumps(record, indent=2) + "\n")
    print(f"{options.model}: {scores}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
