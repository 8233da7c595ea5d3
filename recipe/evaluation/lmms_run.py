# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Ask benchmarks through lmms-eval; runs in lmms-eval's own environment (``examples/setup_lmms.sh`` makes it).

    python -m recipe.evaluation.lmms_run --benchmarks mmmu mathvista \
        --endpoint http://127.0.0.1:8000/v1 --out runs/evaluation/my_model

lmms-eval loads the data, words the prompts (pictures of MMMU and MMMU-Pro: ``recipe.evaluation.messages``) and scores
the responses with its rules. The requests are sent from here: lmms-eval's own client turns a request that failed into
a wrong answer, and its cache keeps it. Here a request that fails stops the run; what was answered is kept.

For each benchmark, ``responses.jsonl`` in its folder of OUT gets the raw responses as they arrive, ``samples.jsonl``
each question with its response and lmms-eval's scores, and ``lmms_eval.json`` their averages; the last one says that
the benchmark is done.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from recipe.evaluation.asking import Asking
from recipe.evaluation.benchmarks import BENCHMARKS, LMMS_EVAL, METRICS, Benchmark, find_benchmarks, locate
from recipe.evaluation.messages import user_content
from recipe.evaluation.responses import ResponseFile, request_key

NO_JUDGE = {
    "USE_LLM_JUDGE": "False",
    # The judges' clients are built when the tasks are imported, and openai refuses to be built without a key. Nothing
    # listens at this address, so a judge that was called all the same would fail instead of answering.
    "OPENAI_API_KEY": "no-judge",
    "OPENAI_API_URL": "http://127.0.0.1:9/v1/chat/completions",
    "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
    "JUDGE_BASE_URL": "http://127.0.0.1:9/v1",
    "API_TYPE": "openai",
}
SYSTEM_PROMPT = "SYSTEM_PROMPT"
"""Name under which the utilities of each reasoning task keep lmms-eval's instruction to use the tags."""


def task_config(benchmark: Benchmark, dataset: str, max_tokens: int) -> dict[str, object]:
    """The task's definition in lmms-eval, with our data, length and, for MMMU and MMMU-Pro, messages.

    Raises:
        RuntimeError: The installed lmms-eval is another release, or the definition is not the rule-based one.
    """
    if version("lmms-eval") != LMMS_EVAL:
        raise RuntimeError(f"lmms-eval {version('lmms-eval')} is installed, {LMMS_EVAL} is needed; run setup_lmms.sh")
    import lmms_eval
    from lmms_eval.utils import load_yaml_config

    config = load_yaml_config(str(Path(lmms_eval.__file__).parent / "tasks" / benchmark.task_file))
    metrics = {entry["metric"] for entry in config["metric_list"]}
    if config["task"] != benchmark.task or metrics != METRICS:
        raise RuntimeError(f"{benchmark.task_file} defines {config['task']} with {sorted(metrics)}; not judge-free")
    config["dataset_path"] = dataset
    # Without the `token: true` of two definitions, a login, which neither public sets nor snapshots need.
    config["dataset_kwargs"] = {"cache_dir": snapshot_cache(Path(dataset))} if Path(dataset).is_absolute() else None
    config["generation_kwargs"] = {"max_new_tokens": max_tokens, "temperature": 0, "do_sample": False, "until": []}
    if benchmark.own_messages:
        system = config["doc_to_messages"].__globals__
        instruction = {"role": "system", "content": [{"type": "text", "text": system[SYSTEM_PROMPT]}]}
        config["doc_to_messages"] = lambda doc, *_: [instruction, {"role": "user", "content": user_content(doc)}]
    return config


def snapshot_cache(folder: Path) -> str:
    """A cache for this snapshot as it is now: datasets files one under the folder's name, whatever is in it."""
    import datasets

    files = sorted(path for path in folder.rglob("*") if path.is_file())
    facts = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    return str(Path(datasets.config.HF_DATASETS_CACHE) / f"snapshot-{request_key(facts)[:16]}")


def run(benchmark: Benchmark, dataset: str, asking: Asking, out: Path, limit: int | None) -> Mapping[str, float]:
    """Ask a benchmark and write what came out.

    Returns:
        lmms-eval's averages, by metric.
    """
    from lmms_eval.api.task import ConfigurableMessagesTask
    from lmms_eval.evaluator import simple_evaluate

    from recipe.evaluation.lmms_client import ServerModel

    kept = ResponseFile(out / "responses.jsonl")
    model = ServerModel(asking, kept, benchmark.title)
    task = ConfigurableMessagesTask(config=task_config(benchmark, dataset, asking.max_tokens))
    # One worker: math-verify's time limit is a signal, which other threads than the main one may not set. lmms-eval
    # 0.7.3 scores in four threads by default, and counts every answer that would have needed math-verify as wrong.
    results = simple_evaluate(
        model=model, tasks=[task], limit=limit, bootstrap_iters=0, log_samples=True, process_docs_parallel=1
    )
    samples = results["samples"][benchmark.task]
    with (out / "samples.jsonl").open("w", encoding="utf-8") as file:
        for sample in samples:
            file.write(json.dumps(_sample(sample, model), ensure_ascii=False) + "\n")
    averages = {metric: sum(float(sample[metric]) for sample in samples) / len(samples) for metric in METRICS}
    record = {
        "benchmark": benchmark.name,
        "task": benchmark.task,
        "lmms_eval": LMMS_EVAL,
        "questions": len(samples),
        **averages,
    }
    (out / "lmms_eval.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return averages


def _sample(sample: Mapping[str, object], model: object) -> dict[str, object]:
    """What is kept of a question: its row without pictures, the response, lmms-eval's scores."""
    doc_id = sample["doc_id"]
    response = model.responses[doc_id]  # type: ignore[attr-defined]
    scores = {metric: float(str(sample[metric])) for metric in METRICS}
    kept = {"text": response.text, "finish_reason": response.finish_reason, "tokens": response.response_tokens}
    return {"doc_id": doc_id, "doc": sample["doc"], "response": kept, **scores}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m recipe.evaluation.lmms_run",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--benchmarks", nargs="+", choices=list(BENCHMARKS), required=True, metavar="NAME", help=", ".join(BENCHMARKS))
    add("--datasets", type=Path, help="folder of snapshots, <owner>/<name> in it; default: load from the Hub")
    add("--endpoint", required=True, help="OpenAI-compatible address of the server, with /v1")
    add("--model", default="policy", help="the model's name on the server (default: %(default)s)")
    add("--out", type=Path, required=True, help="folder that gets a folder for each benchmark")
    add("--max-tokens", type=int, default=4096, help="longest response (default: %(default)s)")
    add("--concurrency", type=int, default=64, help="requests under way at once (default: %(default)s)")
    add("--timeout", type=float, default=3600, help="seconds a request may take (default: %(default)s)")
    add("--ban-tokens", type=int, nargs="*", default=[], help="token ids that are never sampled")
    add("--limit", type=int, help="the first N questions only")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit status."""
    options = _parser().parse_args(argv)
    os.environ.update(NO_JUDGE)
    from verl_ext import hooks

    # Beside a CPU build of torch, lmms-eval's imports need the same help as a run's.
    hooks.arm()
    asking = Asking(
        options.endpoint,
        options.model,
        options.max_tokens,
        options.concurrency,
        options.timeout,
        tuple(options.ban_tokens),
    )
    for benchmark in find_benchmarks(options.benchmarks):
        dataset = locate(benchmark, options.datasets)
        averages = run(benchmark, dataset, asking, options.out / benchmark.name, options.limit)
        print(f"{benchmark.title}: done, {100 * averages['acc_score']:.1f}% by lmms-eval's rules", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
