# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Write the results page and its figures from the file of results.

care tiny-suite-page --results docs/results/results.jsonl --out docs/results
"""

from __future__ import annotations

import argparse
import itertools
import math
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from recipe.tiny.plot import COLOURS
from recipe.tiny.suite.results import (
    LENGTH,
    PASS_RATE,
    SAMPLED,
    Estimate,
    Result,
    by_seed,
    differences,
    markdown,
    read_results,
)
from recipe.tiny.suite.tables import TABLES, WITH_AND_WITHOUT_REPAIRS, Table

FIGURE = "main.svg"
HEADER = """# Results of the tiny suite

Written by `python -m recipe.tiny.suite.page` from [results.jsonl](results.jsonl); [comparing methods](../comparing.md)
says what was run and how. Accuracies are percentages, greedy, on held-out questions, the mean of the families;
intervals are 95%, Student's t over seeds, and a line with one seed has none. Differences are paired by seed.
"""
WINDOWS = 3
"""Parts of a run in the tables of what changes on the way."""
EFFECT = """How many more of the rollouts are right with repairs than without, at the same steps and so on the same
prompts, before any repair takes a rollout's place: what repairs of earlier steps have taught. Percentage points, paired
by seed."""
SIGNAL = """What trains, in the first third of a run and in its last: the share of the absolute advantages that is on
wrong rollouts, the share of groups without any advantage, and the mean length of a response in tokens."""
RAW = """What the anchors and hard negatives of all of CARE's subgroups with one positive got, equalisation and negative
scaling divided out, beside the arithmetic of the paper."""


def write_page(results: Sequence[Result], out: Path) -> None:
    """Write ``README.md`` and the figures.

    Args:
        results: Of any tables, tasks and lengths; those of one start and length are compared with each other.
        out: Folder, made if need be.
    """
    out.mkdir(parents=True, exist_ok=True)
    parts = [HEADER]
    for data, steps in sorted({(one.data, one.steps) for one in results}):
        comparable = [one for one in results if (one.data, one.steps) == (data, steps)]
        families = ", ".join(name.removeprefix("tiny_") for name in comparable[0].families)
        commits = ", ".join(sorted({one.commit for one in comparable}))
        parts.append(f"## {steps} updates on {families}\n\nStart `{data}`, commits {commits}.\n")
        for table in TABLES.values():
            there = [any(one.is_of(method) for one in comparable) for method in table.methods]
            # Without its baseline and something to compare with it, what is there belongs to another table.
            if there[0] and sum(there) > 1:
                parts.append(f"### {table.title}\n\n{markdown(table, comparable)}\n")
                if table.name == "main":
                    name = f"{data}-{steps}-{FIGURE}"
                    draw(table, comparable, out / name)
                    parts += [f"{beside(table, comparable)}\n", f"{by_family(table, comparable)}\n"]
                    parts.append(f"![Curves of the methods]({name})\n")
                    parts.append(f"{SIGNAL}\n\n{signal_over_time(table, comparable)}\n")
        if effect := effect_of_repairs(comparable):
            parts.append(f"### What repairs do to later steps\n\n{EFFECT}\n\n{effect}\n")
        if any(one.raw_advantages for one in comparable):
            parts.append(f"### Raw advantages in the rollouts\n\n{RAW}\n\n{raw_by_size(comparable)}\n")
    (out / "README.md").write_text("\n".join(parts))


def beside(table: Table, results: Sequence[Result]) -> str:
    """The table's last method that was run against each of the others, paired by seed."""
    *others, (name, runs) = [(name, runs) for name, runs in by_seed(table.methods, results).items() if runs]
    lines = [f"| {name} minus | after the same updates | at equal tokens |", "|---|---|---|"]
    for other, theirs in others:
        if found := differences(runs, theirs):
            lines.append(f"| {other} | " + " | ".join(one.points(signed=True) for one in found) + " |")
    return "\n".join(lines)


def by_family(table: Table, results: Sequence[Result]) -> str:
    """Mean accuracy at the end by family of questions."""
    families = sorted({name for one in results for name in one.families})
    lines = [
        "| | " + " | ".join(name.removeprefix("tiny_") for name in families) + " |",
        "|---" * (len(families) + 1) + "|",
    ]
    for method in table.methods:
        runs = [one for one in results if one.is_of(method)]
        if runs:
            means = (100 * statistics.fmean(one.families[name] for one in runs) for name in families)
            lines.append(f"| {method.name} | " + " | ".join(f"{mean:.1f}" for mean in means) + " |")
    return "\n".join(lines)


def signal_over_time(table: Table, results: Sequence[Result]) -> str:
    """Where the signal comes from and how much there is, in the first and in the last window; means over seeds."""
    quantities: dict[str, Callable[[Result], Sequence[float | None]]] = {
        "on wrong rollouts": lambda one: one.failure_mass,
        "groups without signal": lambda one: one.zero_signal,
        "response length": lambda one: one.series[LENGTH],
    }
    first, *_, last = _windows(results[0].steps)
    titles = [f"{what}, steps {_span(window)}" for what in quantities for window in (first, last)]
    lines = ["| | " + " | ".join(titles) + " |", "|---" * (len(titles) + 1) + "|"]
    for name, runs in by_seed(table.methods, results).items():
        if runs:
            means = [
                statistics.fmean(_mean(read(one), window) for one in runs.values())
                for read in quantities.values()
                for window in (first, last)
            ]
            cells = [f"{100 * mean:.0f}%" for mean in means[:-2]] + [f"{mean:.1f}" for mean in means[-2:]]
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def effect_of_repairs(results: Sequence[Result]) -> str:
    """Sampled accuracy with repairs minus that without, by part of the run; empty where nothing can be compared."""
    windows = _windows(results[0].steps)
    lines = []
    for pair in WITH_AND_WITHOUT_REPAIRS:
        repaired, plain = by_seed(pair, results).values()
        if seeds := sorted(repaired.keys() & plain.keys()):
            apart = [[_sampled(repaired[seed], one) - _sampled(plain[seed], one) for seed in seeds] for one in windows]
            cells = [Estimate.of(values).points(signed=True) for values in apart]
            passed = 100 * statistics.fmean(repaired[seed].repaired for seed in seeds)
            lines.append(f"| {pair[0].name} | {len(seeds)} | {passed:.0f}% | " + " | ".join(cells) + " |")
    if not lines:
        return ""
    titles = [f"steps {_span(window)}" for window in windows]
    header = ["| | seeds | repairs that pass | " + " | ".join(titles) + " |", "|---" * (WINDOWS + 3) + "|"]
    return "\n".join([*header, *lines])


def _windows(steps: int) -> list[tuple[int, int]]:
    return list(itertools.pairwise(steps * part // WINDOWS for part in range(WINDOWS + 1)))


def _span(window: tuple[int, int]) -> str:
    return f"{window[0] + 1}-{window[1]}"


def _sampled(one: Result, window: tuple[int, int]) -> float:
    return _mean(one.series[SAMPLED], window)


def _mean(values: Sequence[float | None], window: tuple[int, int]) -> float:
    return statistics.fmean(value for value in values[slice(*window)] if value is not None)


def raw_by_size(results: Sequence[Result]) -> str:
    """Mean raw advantages of CARE's subgroups against what one positive among K' negatives has by arithmetic."""
    found = [raw for one in results for raw in one.raw_advantages]
    lines = ["| K' | subgroups | anchor | sqrt(K') | hard negative | -1/sqrt(K') |", "|---|---|---|---|---|---|"]
    for size in sorted({raw.k_prime for raw in found}):
        of_size = [raw for raw in found if raw.k_prime == size]
        count = sum(raw.subgroups for raw in of_size)
        anchor = sum(raw.anchor * raw.subgroups for raw in of_size) / count
        negative = sum(raw.negative * raw.subgroups for raw in of_size) / count
        root = math.sqrt(size)
        lines.append(f"| {size} | {count} | {anchor:.3f} | {root:.3f} | {negative:.3f} | {-1 / root:.3f} |")
    return "\n".join(lines)


def draw(table: Table, results: Sequence[Result], out: Path) -> None:
    """Accuracy, and where the signal comes from, with 95% intervals over seeds as bands."""
    panels: tuple[tuple[str, str, Callable[[Result], Sequence[tuple[float, float]]]], ...] = (
        ("Held-out accuracy", "step", lambda one: [(look.step, look.accuracy) for look in one.looks]),
        ("Held-out accuracy", "tokens decoded", lambda one: [(look.tokens, look.accuracy) for look in one.looks]),
        ("|advantage| on wrong rollouts (share)", "step", lambda one: list(enumerate(one.failure_mass, start=1))),
        ("groups without signal (share)", "step", lambda one: list(enumerate(one.zero_signal, start=1))),
        ("mean response length", "step", _series(LENGTH)),
        ("repairs that pass (share)", "step", _series(PASS_RATE)),
    )
    figure = Figure(figsize=(12, 10), layout="constrained")
    for axes, (title, label, read) in zip(figure.subplots(3, 2).flat, panels, strict=True):
        for method, colour in zip(table.methods, COLOURS, strict=False):
            curves = [read(one) for one in results if one.is_of(method)]
            draw_band(axes, [curve for curve in curves if curve], colour, method.name)
        axes.set_title(title, fontsize=11)
        axes.set_xlabel(label)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].legend(frameon=False, fontsize=9)
    figure.savefig(out, metadata={"Date": None})


def _series(name: str) -> Callable[[Result], Sequence[tuple[float, float]]]:
    def read(one: Result) -> list[tuple[float, float]]:
        values = one.series.get(name, [])
        return [(step, math.nan if value is None else value) for step, value in enumerate(values, start=1)]

    return read


def draw_band(axes: Axes, curves: Sequence[Sequence[tuple[float, float]]], colour: str, label: str) -> None:
    """The mean of several runs' curves point by point, without gaps, and its interval where there are several."""
    whole = ([(x, y) for x, y in point if not math.isnan(y)] for point in zip(*curves, strict=False))
    points = [point for point in whole if point]
    if not points:
        return
    places = [statistics.fmean(x for x, _ in point) for point in points]
    estimates = [Estimate.of([y for _, y in point]) for point in points]
    means = [one.mean for one in estimates]
    axes.plot(places, means, color=colour, label=label, linewidth=2)
    if len(curves) > 1:
        halves = [0.0 if math.isinf(one.half) else one.half for one in estimates]
        low, high = ([mean + sign * half for mean, half in zip(means, halves, strict=True)] for sign in (-1, 1))
        axes.fill_between(places, low, high, color=colour, alpha=0.15, linewidth=0)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line; see ``--help``."""
    parser = argparse.ArgumentParser(
        prog="care tiny-suite-page",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--results", type=Path, default=Path("docs/results/results.jsonl"), help="the file of results")
    parser.add_argument("--out", type=Path, default=Path("docs/results"), help="folder of the page")
    options = parser.parse_args(argv)
    results = read_results(options.results)
    if not results:
        raise SystemExit(f"--results {options.results}: holds no results; run recipe.tiny.suite.runs first.")
    write_page(results, options.out)
    print(options.out / "README.md")


if __name__ == "__main__":
    main()
