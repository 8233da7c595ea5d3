# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Which metrics are drawn, and under which names a run may have logged them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from recipe.tiny.metrics import Step


@dataclass(frozen=True)
class Panel:
    """One small plot."""

    name: str
    title: str
    sources: tuple[str, ...]
    """Names of the metric, the best first; the first that the run has is drawn. ``rollouts/`` is from the rollouts."""
    is_share: bool = False
    """The axis runs from 0 to 1."""
    note: str = ""
    """What it means, for the title that appears on hovering."""
    given: str = ""
    """A step that logs this as 0 has nothing of the kind, and its value, a mean over nothing, is left out."""
    second: str = ""
    """Another metric, drawn thin in the same plot."""
    second_note: str = ""


VALIDATION = "validation"
"""The mean over the sources of the greedy validation accuracy; no metric has it under one name."""

PANELS = (
    Panel(
        "acc",
        "Sampled accuracy",
        ("care/acc_sampled", "rollouts/acc"),
        is_share=True,
        note="Rollouts that are right, before any repair",
    ),
    Panel(
        VALIDATION,
        "Greedy validation",
        (VALIDATION,),
        is_share=True,
        note="Held-out questions answered right, greedily",
    ),
    Panel(
        "mixed",
        "Groups mixed",
        ("care/groups_mixed", "rollouts/mixed"),
        is_share=True,
        note="Some rollouts right, some wrong, as trained: a group that a repair has opened counts",
    ),
    Panel(
        "all_right",
        "Groups all right",
        ("care/groups_all_correct", "rollouts/all_right"),
        is_share=True,
        note="Nothing to contrast, so nothing is taught",
    ),
    Panel(
        "all_wrong",
        "Groups all wrong",
        ("care/groups_all_wrong", "rollouts/all_wrong"),
        is_share=True,
        note="As trained, after repairs: only rescue can teach here",
    ),
    Panel(
        "length",
        "Rationale length",
        ("care/positive_len", "rollouts/positive_len", "response_length/mean"),
        note="Tokens of right rollouts; of whole responses where a run has nothing else",
        given="care/positive_len",
        second="care/anchor_len",
        second_note="of anchors",
    ),
    Panel(
        "repairs",
        "Repairs that pass",
        ("care/rgr/pass_rate", "rollouts/repair_pass_rate"),
        is_share=True,
        note="Of the repairs with a verdict. The paper reports 77%",
        given="care/rgr/triggered",
    ),
    Panel(
        "mismatch",
        "Mismatch of repairs",
        ("care/rgr/mismatch",),
        note="Mean |old - sampled log-probability| of a repaired text's tokens, in nats",
        given="care/rgr/replaced",
    ),
    Panel(
        "k_prime",
        "Negatives (K')",
        ("care/k_prime/mean", "rollouts/k_prime"),
        note="Failures that an anchor is contrasted with, on average",
        given="care/k_prime/mean",
    ),
    Panel(
        "anchor",
        "Anchor's advantage",
        ("care/advantage/anchor_mean", "rollouts/anchor_advantage"),
        note="Mean over verified anchors; sqrt(K) with the paper's normalisation",
        given="care/advantage/anchor_mean",
    ),
    Panel("grad_norm", "Gradient norm", ("actor/grad_norm",), note="Before clipping"),
    Panel("seconds", "Seconds a step", ("timing_s/step",), note="Wall time"),
)


@dataclass(frozen=True)
class Series:
    """One metric of one run."""

    source: str
    points: tuple[tuple[int, float], ...]
    """Step and value."""


@dataclass(frozen=True)
class Curve:
    """What one run adds to one panel."""

    main: Series
    second: Series | None


def merge(steps: Sequence[Step], from_rollouts: Mapping[int, Mapping[str, float]]) -> list[Step]:
    """Logged metrics and what the rollouts say, by step."""
    logged = {step.number: step.data for step in steps}
    numbers = sorted({*logged, *from_rollouts})
    return [Step(number, {**from_rollouts.get(number, {}), **logged.get(number, {})}) for number in numbers]


def curves(runs: Sequence[Sequence[Step]]) -> list[dict[str, Curve]]:
    """What each run adds to each panel, by the panel's name; a panel of which a run has nothing is missing.

    Where several runs have the same metric of a panel it is drawn of all, even if one of them has a better one: only
    like is laid beside like.
    """
    found: list[dict[str, Curve]] = [{} for _ in runs]
    for panel in PANELS:
        live = [[step for step in steps if step.data.get(panel.given) != 0] for steps in runs]
        by_run = [[_series(name, steps) for name in panel.sources] for steps in live]
        alike = [all(series[number].points for series in by_run) for number in range(len(panel.sources))]
        for steps, series, own in zip(live, by_run, found, strict=True):
            common = next((one for one, of_all in zip(series, alike, strict=True) if of_all), None)
            main = common or next((one for one in series if one.points), None)
            if main is not None:
                second = _series(panel.second, steps) if panel.second and main.source == panel.sources[0] else None
                own[panel.name] = Curve(main, second if second is not None and second.points else None)
    return found


def _series(name: str, steps: Sequence[Step]) -> Series:
    points = [(step.number, step.val_accuracy if name == VALIDATION else step.data.get(name)) for step in steps]
    known = ((number, value) for number, value in points if value is not None and math.isfinite(value))
    return Series(name, tuple((number, float(f"{value:.6g}")) for number, value in known))
