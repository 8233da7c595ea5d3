# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What verl's metrics of a run, and CARE's records, say."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from recipe.replay.records import read_record
from verl_ext.check_gpu.report import NAMES, PARTS, Check, Method
from verl_ext.check_gpu.settings import METHOD, METHODS, RECORDS, WARM_UP, method_of

Choice = tuple[tuple[int, float, str, int, int], ...]
"""Of each row of a group: length, verdict, role, its anchor's length and the size of the subgroup."""


def choices(left: Path) -> Counter[Choice]:
    """What CARE chose in the first step, by group.

    verl replays rollouts under other names and in another order within their group, so rows are told apart by their
    length and verdict.
    """
    lines = (left / RECORDS / "1.jsonl").read_text().splitlines()
    rows = {one.row: one for one in (read_record(json.loads(line)) for line in lines)}
    groups: dict[str, list[tuple[int, float, str, int, int]]] = {}
    for one in rows.values():
        anchor = 0 if one.anchor is None else rows[one.anchor].tokens or 0
        # Without a verdict a row has acc null.
        chosen = (one.tokens or 0, -1.0 if one.acc is None else one.acc, one.role, anchor, one.k_prime)
        groups.setdefault(one.group, []).append(chosen)
    return Counter(tuple(sorted(group)) for group in groups.values())


def summarise(steps: Mapping[int, Mapping[str, float]]) -> list[Method]:
    """Medians by method, without the steps that warm up."""
    methods = []
    for method in NAMES:
        mine = [data for step, data in steps.items() if method_of(step) == method and step > WARM_UP]
        if not mine:
            continue

        def median(name: str, mine: Sequence[Mapping[str, float]] = mine) -> float:
            return statistics.median(data.get(name, float("nan")) for data in mine)

        seconds = {part: median(f"timing_s/{part}") for part in ("step", *PARTS)}
        throughput, mfu = median("perf/throughput"), median("perf/mfu/actor")
        methods.append(
            Method(method, len(mine), seconds, throughput, mfu, median("actor/perf/max_memory_allocated_gb"))
        )
    return methods


def learned_something(steps: Mapping[int, Mapping[str, float]]) -> list[Check]:
    """That each kind of group and of repair occurred, and that both engines have the same weights."""
    care = [data for step, data in steps.items() if method_of(step) == "care"]
    checks = []
    for name in ("groups_mixed", "groups_all_correct", "groups_all_wrong"):
        share = max((data[f"care/{name}"] for data in care), default=0.0)
        checks.append(Check(f"care/{name} occurred", share > 0, f"largest share {share:.2f}"))
    passed = [data["care/rgr/pass_rate"] for data in care]
    both = bool(passed) and max(passed) > 0 and min(passed) < 1
    checks.append(Check("repairs passed, and failed", both, f"pass rates {', '.join(f'{one:.2f}' for one in passed)}"))
    failed = sum(data["care/rgr/failed_requests"] for data in care)
    checks.append(Check("no request for a repair failed", failed == 0, f"{failed:.0f}"))
    corr = [data["training/rollout_actor_probs_pearson_corr"] for data in steps.values()]
    checks.append(
        Check("vLLM's and the actor's probabilities", min(corr) > 0.9, f"correlation {min(corr):.4f} at least")
    )
    moved = [data["actor/grad_norm"] for data in steps.values()]
    checks.append(Check("every step has a gradient", min(moved) > 0, f"smallest norm {min(moved):.2g}"))
    order = all(int(data[METHOD]) == METHODS.index(method_of(step)) for step, data in steps.items())
    checks.append(Check("methods took turns", order, f"{len(steps)} steps"))
    return checks


def repairs(steps: Mapping[int, Mapping[str, float]]) -> list[tuple[str, str]]:
    """What repairs cost, over the measured steps of CARE."""
    care = [data for step, data in steps.items() if method_of(step) == "care" and step > WARM_UP]
    if not care:
        return []
    names = {"triggered": "repairs asked for a step", "tokens": "tokens decoded for repairs a step"}
    figures = [
        (text, f"{statistics.mean(data[f'care/rgr/{name}'] for data in care):.0f}") for name, text in names.items()
    ]
    waited = statistics.mean(data["care/rgr/wait_only_s"] for data in care)
    share = sum(data["care/rgr/wait_only_s"] for data in care) / sum(data["timing_s/gen"] for data in care)
    figures.append(("seconds a step waited for repairs only", f"{waited:.2f} ({100 * share:.0f}% of generation)"))
    return figures
