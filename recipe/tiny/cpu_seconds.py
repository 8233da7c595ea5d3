# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Which kind of process spends how much of a run's CPU time: a cost that a busy machine changes far less than seconds.

A run samples its processes whenever a step has been logged and keeps the sums in ``cpu-<attempt>.jsonl``.
"""

from __future__ import annotations

import contextlib
import json
import re
import statistics
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

OTHER = "other"
_TITLE = re.compile(r"(?:ray::|VLLM::)(\w+)")
"""What Ray and vLLM call their processes: ``ray::TaskRunner.run``, ``VLLM::EngineCore``."""


@dataclass(frozen=True)
class Sample:
    """CPU seconds so far, by kind of process, when ``step`` had been logged."""

    step: int
    seconds: Mapping[str, float]

    @classmethod
    def take(cls, root: psutil.Process, step: int) -> Sample:
        """Add up ``root`` and everything below it."""
        total: Counter[str] = Counter()
        for one in [root, *root.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):  # it may end meanwhile
                spent = one.cpu_times()
                total[kind_of(" ".join(one.cmdline()))] += spent.user + spent.system
        return cls(step, {kind: round(seconds, 2) for kind, seconds in sorted(total.items())})

    def line(self) -> str:
        """As a line of the file."""
        return json.dumps({"step": self.step, "seconds": dict(self.seconds)}) + "\n"


def kind_of(command: str) -> str:
    """The actor class a process works for, as Ray and vLLM write it into its title; ``other`` without one."""
    found = _TITLE.search(command)
    return found.group(1) if found else OTHER


def seconds_per_step(path: Path, first: int, last: int) -> dict[str, float]:
    """Mean CPU seconds of a step, by kind of process.

    Args:
        path: A run's ``cpu-<attempt>.jsonl``.
        first: The step after which counting begins; kinds that were not there yet are left out.
        last: The last step that counts.
    """
    samples = {record["step"]: record["seconds"] for record in map(json.loads, path.read_text().splitlines())}
    before, after = samples[first], samples[last]
    return {kind: (after[kind] - before[kind]) / (last - first) for kind in before.keys() & after.keys()}


def slower_stages(ratios: Mapping[str, float], expected: Mapping[str, float], slack: float) -> list[str]:
    """The stages that got slower by more than ``slack``, by themselves and beside the others.

    Two runs of the same code differ in CPU seconds by up to a half where other tenants share the machine's caches, but
    in most stages alike. Where all seem slower, a stage's growth counts beside the median stage's; where all seem
    faster, one that is as fast as ever has not got slower.

    Args:
        ratios: Stage -> CPU seconds of one run over those of another.
        expected: Stage -> the same, as once measured.
        slack: Factor beyond which a stage counts as slower.
    """
    grown = {stage: ratio / expected[stage] for stage, ratio in ratios.items()}
    pace = max(1.0, statistics.median(grown.values()))
    return [stage for stage, growth in grown.items() if growth > slack * pace]
