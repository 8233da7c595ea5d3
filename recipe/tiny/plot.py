# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Draw the training curves of one or several runs from verl's file logger.

    care tiny-plot --out curves.png care=runs/tiny_care grpo=runs/tiny_grpo

A run is ``label=path``: a run folder of ``recipe.tiny.run`` (its ``metrics-<attempt>.jsonl`` together are one run), or
one JSONL file as verl's ``file`` logger writes it. A run that did not log a metric is left out of that panel.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from recipe.tiny.metrics import Step, metrics_files, read_attempts

# Okabe and Ito's colours, which colour-blind readers can tell apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
SMOOTHED_OVER = 12


@dataclass(frozen=True)
class Curve:
    """One number per step."""

    read: Callable[[Step], float | None]
    """The number, or None where a step does not have it."""
    name: str = ""
    """What tells it from the other curves of its panel; empty where it is alone."""
    dashes: str = "-"


@dataclass(frozen=True)
class Panel:
    """One of the four plots."""

    title: str
    curves: tuple[Curve, ...]
    is_share: bool = False
    """The axis runs from 0 to 1."""
    sparse: bool = False
    """A few exact points: drawn as they are, with markers."""


def _metric(name: str) -> Callable[[Step], float | None]:
    return lambda step: step.data.get(name)


PANELS = (
    Panel("Mean reward of the rollouts", (Curve(_metric("critic/score/mean")),)),
    Panel("Validation accuracy", (Curve(lambda step: step.val_accuracy),), is_share=True, sparse=True),
    Panel(
        "Where the training signal goes",
        (
            Curve(_metric("care/failure_mass"), "|advantage| on wrong rollouts (share)"),
            Curve(_metric("care/groups_zero_signal"), "groups without signal (share)", "--"),
        ),
        is_share=True,
    ),
    Panel("Mean response length (tokens)", (Curve(_metric("response_length/mean")),)),
)


def plot_runs(runs: Mapping[str, Sequence[Path]], out: Path) -> None:
    """Draw the four panels to a PNG.

    Args:
        runs: By label, the JSONL files of a run in the order they were written.
        out: The file to write.

    Raises:
        ValueError: A run has no steps.
    """
    steps = {label: read_attempts(files) for label, files in runs.items()}
    for label, run in steps.items():
        if not run:
            raise ValueError(f"run {label!r} has no steps in {', '.join(map(str, runs[label])) or 'any file'}.")
    colours = {label: COLOURS[index % len(COLOURS)] for index, label in enumerate(runs)}
    figure = Figure(figsize=(11, 7), layout="constrained")
    for axes, panel in zip(figure.subplots(2, 2).flat, PANELS, strict=True):
        _draw_panel(axes, panel, steps, colours)
    handles = [Line2D([], [], color=colour, linewidth=2, label=label) for label, colour in colours.items()]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), frameon=False)
    figure.savefig(out, dpi=120)


def _draw_panel(axes: Axes, panel: Panel, runs: Mapping[str, Sequence[Step]], colours: Mapping[str, str]) -> None:
    for curve in panel.curves:
        for label, steps in runs.items():
            values = ((step.number, curve.read(step)) for step in steps)
            points = [(number, value) for number, value in values if value is not None]
            if points:
                _draw_curve(axes, points, colours[label], curve.dashes, panel.sparse)
    if not axes.lines:
        axes.text(0.5, 0.5, "not logged", transform=axes.transAxes, ha="center", va="center", color="grey")
    axes.set_title(panel.title, fontsize=11)
    axes.set_xlabel("step")
    axes.set_xlim(left=0, right=max(1, *(step.number for steps in runs.values() for step in steps)))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    if panel.is_share:
        axes.set_ylim(-0.02, 1.02)
    else:
        low, high = axes.get_ylim()
        axes.set_ylim(min(0.0, low), high + 0.1 * abs(high))
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    if len(panel.curves) > 1 and axes.lines:
        keys = [Line2D([], [], color="grey", linestyle=curve.dashes, label=curve.name) for curve in panel.curves]
        axes.legend(handles=keys, fontsize=8, frameon=False)


def _draw_curve(axes: Axes, points: Sequence[tuple[int, float]], colour: str, dashes: str, sparse: bool) -> None:
    """A sparse curve as it is; a dense one as its running mean, over a faint line of the values themselves."""
    numbers, values = zip(*points, strict=True)
    if sparse:
        axes.plot(numbers, values, dashes, color=colour, marker="o", markersize=5, linewidth=1.5, clip_on=False)
        return
    window = max(1, len(values) // SMOOTHED_OVER)
    means = [sum(values[max(0, i - window + 1) : i + 1]) / min(i + 1, window) for i in range(len(values))]
    axes.plot(numbers, values, dashes, color=colour, alpha=0.25, linewidth=1)
    axes.plot(numbers, means, dashes, color=colour, linewidth=2, marker="o" if len(means) == 1 else None)


def _labelled_run(text: str) -> tuple[str, list[Path]]:
    label, given, path = text.partition("=")
    if not (label and given and path):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form label=path.")
    if not Path(path).exists():
        raise argparse.ArgumentTypeError(f"{path} does not exist.")
    return label, metrics_files(Path(path))


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line; see ``--help``."""
    parser = argparse.ArgumentParser(
        prog="care tiny-plot", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("curves.png"), help="PNG to write (default: %(default)s)")
    parser.add_argument("runs", nargs="+", type=_labelled_run, metavar="label=path", help="a run to draw")
    options = parser.parse_args(argv)
    plot_runs(dict(options.runs), options.out)
    print(options.out)


if __name__ == "__main__":
    main()
