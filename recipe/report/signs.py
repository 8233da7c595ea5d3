# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The failure signs that the paper names, looked for in a run's curves (``docs/metrics.md`` has them as a table).

A step counts by the mean over the steps up to it, so that one odd batch raises no alarm.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from omegaconf import DictConfig, OmegaConf

from recipe.care.config import CareConfig
from recipe.care.errors import CareConfigError
from recipe.report.curves import Curve, Series

WINDOW = 5
"""Steps of the running mean, and of the beginning that growth is measured from."""
GROWTH = 1.3
"""Rationales this many times as long as at the beginning have grown."""
TOLERANCE = 0.25
"""The anchor's advantage may differ from sqrt(K) by this share: repairs that pass lower it."""
FEW = 0.5
"""Share of K below which negatives are few."""


@dataclass(frozen=True)
class Sign:
    """One sign in one run."""

    name: str
    panel: str
    """Where it is marked."""
    state: str
    """``seen``, ``clear`` or ``unknown``."""
    spans: tuple[tuple[int, int], ...]
    """First and last steps of each stretch in which it is seen."""
    measured: str
    """What was looked at, in a line."""
    remedy: str


def find_signs(curves: Mapping[str, Curve], config: DictConfig) -> list[Sign]:
    """Look for each sign.

    Args:
        curves: Of the run.
        config: Of the run as Hydra resolved it; empty where it is not known.
    """
    care = _care(config)
    return [_stall(curves), _inflation(curves), _normalisation(curves, care), _few_negatives(curves, care)]


def _care(config: DictConfig) -> CareConfig | None:
    """CARE's settings; None for other methods, or where this version of the package does not know them."""
    if OmegaConf.select(config, "algorithm.adv_estimator") != "care":
        return None
    try:
        return CareConfig.of_run(OmegaConf.select(config, "algorithm.care"))
    except CareConfigError:
        return None


def _stall(curves: Mapping[str, Curve]) -> Sign:
    wrong, mixed = _smooth(curves, "all_wrong"), _smooth(curves, "mixed")
    seen = [step for step in wrong if step in mixed and wrong[step] > mixed[step]]
    return _sign(
        "All-wrong groups dominate",
        "all_wrong",
        list(wrong),
        seen,
        "more groups all wrong than mixed",
        "warm-start the policy or take easier questions: rescue alone moves a policy little",
    )


def _inflation(curves: Mapping[str, Curve]) -> Sign:
    length = _smooth(curves, "length")
    start = next((value for step, value in list(length.items())[WINDOW - 1 :] if value > 0), math.inf)
    seen = [step for step, value in length.items() if value > GROWTH * start]
    return _sign(
        "Rationales grow longer",
        "length",
        list(length) if len(length) >= WINDOW else [],
        seen,
        f"more than {GROWTH:g} times as long as in the first {WINDOW} steps",
        "see whether anchors are the shortest right rollouts (anchor=shortest), and whether accuracy rises with length",
    )


def _normalisation(curves: Mapping[str, Curve], care: CareConfig | None) -> Sign:
    plain = care is not None and care.anchor != "multi"
    root = math.sqrt(care.k) if care is not None else 0.0
    advantage = {step: value for step, value in _smooth(curves, "anchor").items() if value > 0} if plain else {}
    seen = [step for step, value in advantage.items() if abs(value - root) > TOLERANCE * root]
    return _sign(
        "Subgroup normalisation is off",
        "anchor",
        list(advantage),
        seen,
        f"anchor's advantage more than {TOLERANCE:.0%} from sqrt(K)",
        "set equalize=true; graded rewards and repairs that pass move it too",
        "needs CARE with one anchor a group, and its configuration" if not plain else "",
    )


def _few_negatives(curves: Mapping[str, Curve], care: CareConfig | None) -> Sign:
    most = care.k if care is not None else 0
    subgroups = {step: value for step, value in _smooth(curves, "k_prime").items() if value > 0} if most else {}
    seen = [step for step, value in subgroups.items() if value < FEW * most]
    return _sign(
        "Too few hard negatives",
        "k_prime",
        list(subgroups),
        seen,
        f"fewer than {FEW * most:g} negatives a subgroup" if most else "negatives a subgroup against K",
        "groups have few failures left: raise rollout.n or take harder questions; raise k and m if many stay unused",
        "" if most else "needs CARE and its configuration",
    )


def _sign(
    name: str, panel: str, steps: list[int], seen: list[int], measured: str, remedy: str, unknown: str = ""
) -> Sign:
    if not steps:
        return Sign(name, panel, "unknown", (), unknown or "the run has not logged what it is seen by", remedy)
    spans: list[tuple[int, int]] = []
    place = {step: number for number, step in enumerate(steps)}
    for step in seen:
        if spans and place[step] == place[spans[-1][1]] + 1:
            spans[-1] = (spans[-1][0], step)
        else:
            spans.append((step, step))
    return Sign(name, panel, "seen" if spans else "clear", tuple(spans), measured, remedy)


def _smooth(curves: Mapping[str, Curve], panel: str) -> dict[int, float]:
    """The running mean of a panel's curve by step; empty where the run does not have it."""
    series = curves[panel].main if panel in curves else Series("", ())
    values = [value for _, value in series.points]
    means = {}
    for number, (step, _) in enumerate(series.points):
        window = values[max(0, number - WINDOW + 1) : number + 1]
        means[step] = sum(window) / len(window)
    return means
