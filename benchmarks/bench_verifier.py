# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Time the verifier beside mathruler and math-verify on the same answers, and count everyone's errors on the corpus.

The mix imitates a batch: prompts of the three sources in the proportions of the paper's mixture, eight rollouts each,
six in ten right, written in the ways models write, siblings repeating each other. Peers get the text between the answer
tags; they are made for mathematics, so their errors say what it costs to use them for choices, texts and charts too.
``--corpus`` judges the labelled answers of ``tests/data`` instead; an answer that takes a peer longer than five
seconds counts as a hang.

    python benchmarks/bench_verifier.py --prompts 200
    python benchmarks/bench_verifier.py --corpus
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from math_verify import parse, verify
from mathruler.grader import grade_answer

import recipe.care.verifier.parser.last_resort as last_resort
from recipe.care.reward import compute_score
from recipe.care.verifier.cache import VERDICTS
from recipe.care.verifier.parser.pool import ask_parser

CORPUS = Path(__file__).parents[1] / "tests" / "data" / "verifier_corpus.jsonl"
ROLLOUTS = 8
HANG_S = 5
LETTERS = "ABCD"


@dataclass(frozen=True)
class Case:
    """One labelled answer."""

    source: str
    gold: str
    body: str
    right: bool
    extra: dict[str, object]
    response: str


def make_mix(prompts: int, rng: random.Random) -> list[Case]:
    """Groups of rollouts: 79% ViRL39K, 17% ChartQA, 4% Geometry3K."""
    cases = []
    for _ in range(prompts):
        source = rng.choices(["virl39k", "chartqa", "geometry3k"], [79, 17, 4])[0]
        kind = rng.choices(["choice", "number", "radical", "expression", "relation", "word"], [45, 32, 8, 5, 4, 6])[0]
        gold, wrong, extra = make_question("number" if source != "virl39k" and kind != "radical" else kind, rng)
        extra = extra if source == "virl39k" else {"question": "What is the value?"}
        for _ in range(ROLLOUTS):
            right = rng.random() < 0.6
            body = dress(rewrite(gold, rng) if right else rng.choice(wrong), rng)
            cases.append(Case(source, gold, body, right, extra, f"<think>So.</think><answer>{body}</answer>"))
    return cases


def make_question(kind: str, rng: random.Random) -> tuple[str, list[str], dict[str, object]]:
    """A gold, wrong answers to it, and the row's ``extra_info``."""
    a, b = rng.randint(20, 99), rng.randint(2, 19)
    if kind == "choice":
        options = [f"{a + i * b} cm" for i in range(4)]
        gold = rng.choice(LETTERS)
        return gold, [letter for letter in LETTERS if letter != gold], {"options": options, "answer_type": "choice"}
    if kind == "radical":
        return rf"{a}\sqrt{{{b}}}", [rf"{a + 1}\sqrt{{{b}}}", str(a), rf"{a}\sqrt{{{b + 1}}}"], {"answer_type": "latex"}
    if kind == "expression":
        gold = rf"{a}x+{b}"
        return gold, [rf"{a}x-{b}", rf"{b}x+{a}", rf"\frac{{x}}{{{a}}}"], {"answer_type": "latex"}
    if kind == "relation" and rng.random() < 0.5:  # only the parser knows about unions
        wrong = [rf"(-\infty, {b})", rf"(-\infty, {b + 1})\cup ({a}, \infty)"]
        return rf"(-\infty, {b})\cup ({a}, \infty)", wrong, {"answer_type": "latex"}
    if kind == "relation":
        gold = rf"y={a}x+{b}"
        return gold, [rf"y={a}x-{b}", rf"{a}x+y={b}", rf"x={a}y+{b}"], {"answer_type": "latex"}
    if kind == "word":
        words = ["parallelogram", "increase", "Monday", "photosynthesis", "west"]
        gold = rng.choice(words)
        return gold, [word for word in words if word != gold], {"answer_type": "text"}
    gold = rng.choice([str(a), f"{a}.{b}", rf"\frac{{{a}}}{{{a + 30}}}", rf"{a}^\circ"])
    return gold, [str(a + 150), f"{a * 2}.{b}", rf"\frac{{{a + 30}}}{{{a}}}", f"-{a}"], {"answer_type": "number"}


def rewrite(gold: str, rng: random.Random) -> str:
    """Another form of some golds: an equation solved for nothing, the parts of a union in another order."""
    if gold.startswith("y=") and rng.random() < 0.5:
        return f"{gold[2:]}-y=0"
    if r"\cup" in gold and rng.random() < 0.5:
        return r"\cup ".join(reversed(gold.split(r"\cup ")))
    return gold


def dress(answer: str, rng: random.Random) -> str:
    """The answer as a model may write it."""
    ways = ["{}", "{}", "{}", "{}", "{}.", r"\boxed{{{}}}", "${}$", "The answer is {}", "**{}**", " {} "]
    return rng.choice(ways).format(answer)


def read_corpus() -> list[Case]:
    """Every labelled answer that stands between answer tags."""
    cases = []
    for line in CORPUS.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if not row.get("raw"):
            for key in ("accept", "reject"):
                for body in row[key]:
                    response = f"<think>So.</think><answer>{body}</answer>"
                    extra = row.get("extra_info", {})
                    cases.append(Case(row["source"], row["gold"], body, key == "accept", extra, response))
    return cases


def by_us(case: Case) -> bool:
    """This package."""
    return compute_score(case.source, case.response, case.gold, case.extra)["acc"] == 1.0


def by_us_without_memory(case: Case) -> bool:
    """This package, remembering no verdict."""
    VERDICTS.clear()
    return by_us(case)


def by_mathruler(case: Case) -> bool:
    """The grader of mathruler, which EasyR1 and the paper's code use."""
    return grade_answer(case.body, case.gold)


def by_math_verify(case: Case) -> bool:
    """math-verify, with its own time limits, as its documentation uses it."""
    return verify(parse(f"${case.gold}$"), parse(case.body if "$" in case.body else f"${case.body}$"))


CONTENDERS: dict[str, Callable[[Case], bool]] = {
    "CARE verifier": by_us,
    "CARE verifier, no cache": by_us_without_memory,
    "mathruler 0.1.0": by_mathruler,
    "math-verify 0.9.0": by_math_verify,
}


class Hang(Exception):
    """A contender took longer than ``HANG_S``."""


def _raise_hang(*_: object) -> None:
    raise Hang


def run(name: str, cases: list[Case], cases_may_hang: bool) -> str:
    """Judge all cases and describe speed and errors in one line."""
    judge, outcomes, seconds = CONTENDERS[name], Counter[str](), []
    for case in cases:
        if cases_may_hang:
            signal.signal(signal.SIGALRM, _raise_hang)
            signal.alarm(HANG_S)
        start = time.perf_counter()
        try:
            verdict = "right" if judge(case) else "wrong"
        except Exception as error:  # a peer's crash is what is being counted
            verdict = "hang" if isinstance(error, Hang) else "crash"
        finally:
            signal.alarm(0)
        seconds.append(time.perf_counter() - start)
        outcomes[f"{verdict}, {'right' if case.right else 'wrong'}"] += 1
    seconds.sort()
    positives = sum(case.right for case in cases)
    negatives = len(cases) - positives
    failed = sum(count for key, count in outcomes.items() if key.startswith(("hang", "crash")))
    return (
        f"{name:24} {len(cases) / sum(seconds):9.0f} {seconds[len(cases) // 2] * 1e3:8.2f} "
        f"{seconds[int(len(cases) * 0.99)] * 1e3:8.2f} {seconds[-1] * 1e3:8.0f} "
        f"{(outcomes['right, wrong']) / negatives:7.2%} {(outcomes['wrong, right']) / positives:7.2%} {failed:6}"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=200, help="prompts in the mix, eight rollouts each (200)")
    parser.add_argument("--corpus", action="store_true", help="judge the labelled corpus instead of the mix")
    options = parser.parse_args()
    cases = read_corpus() if options.corpus else make_mix(options.prompts, random.Random(0))
    asked: list[str] = []
    last_resort.ask_parser = lambda gold, pred: asked.append(pred) or ask_parser(gold, pred)  # type: ignore[attr-defined]
    ask_parser("x", "x")  # a worker's start is paid once per process, not per answer
    print(f"{len(cases)} answers, one CPU thread")
    print(f"{'':24} {'answers/s':>9} {'p50 ms':>8} {'p99 ms':>8} {'max ms':>8} {'FP':>7} {'FN':>7} failed")
    for name in CONTENDERS:
        asked.clear()
        line = run(name, cases, options.corpus)
        print(line + (f"   ({len(asked) / len(cases):.2%} to the parser)" if name.startswith("CARE") else ""))


if __name__ == "__main__":
    main()
