# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Invented runs: a healthy one, and what is changed in it."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

from recipe.alarms.groups import GroupFacts
from recipe.alarms.step import Step
from recipe.alarms.watch import Alarm, Watch

FACTS = GroupFacts(
    accuracy=None,
    format=0.9,
    all_right=0.1,
    all_wrong=0.1,
    equal_reward=0.2,
    unverified=0.0,
    compared=10,
    contradicted=0,
    placeholders=0.0,
)
Changes = Mapping[str, float | Callable[[int], float] | None]


def healthy(number: int) -> dict[str, float]:
    """A step of a CARE run that learns: accuracy from 0.4 up, entropy slowly down, lengths level."""
    wobble = 0.03 * math.sin(2.3 * number)
    accuracy = min(0.95, 0.4 + 0.015 * number) + wobble
    return {
        "critic/score/mean": 0.9 * accuracy + 0.1,
        "critic/score/min": 0.0,
        "critic/score/max": 1.0,
        "critic/advantages/min": -2.0,
        "critic/advantages/max": 2.0,
        "response_length/mean": 300 * (1 + wobble),
        "response_length/max": 900.0,
        "response_length/clip_ratio": 0.01,
        "actor/entropy": 0.3 * 0.98**number,
        "actor/grad_norm": 0.2 * (1 + 5 * wobble),
        "training/rollout_actor_probs_pearson_corr": 0.9995,
        "training/rollout_probs_diff_mean": 0.004,
        "rollout_corr/kl": 0.001,
        "timing_s/step": 100.0,
        "care/acc_sampled": accuracy,
        "care/groups_all_correct": max(0.0, accuracy - 0.4),
        "care/groups_all_wrong": max(0.0, 0.4 - accuracy),
        "care/groups_equal_reward": 0.3,
        "care/rows_invalid": 0.05,
        "care/left_out/padding": 6.0,
        "care/left_out/unverified": 0.0,
        "care/rgr/triggered": 20.0,
        "care/rgr/passed": 10.0,
        "care/rgr/discarded": 0.0,
        "care/rgr/wait_only_s": 2.0,
        "care/region_mass/rationale_of_positives": 0.25,
        "care/positive_len": 250.0,
    }


def run(
    changes: Changes,
    steps: int = 15,
    groups: GroupFacts | None = FACTS,
    longest_response: int | None = 1000,
    from_step: int = 1,
) -> list[Step]:
    """A healthy run with some metrics changed from a step on; None takes one out. The reward goes with accuracy."""
    made = []
    for number in range(1, steps + 1):
        metrics = healthy(number)
        if number >= from_step:
            for name, change in changes.items():
                if change is None:
                    metrics.pop(name)
                else:
                    metrics[name] = change(number) if callable(change) else change
            if "care/acc_sampled" in changes and "critic/score/mean" not in changes:
                metrics["critic/score/mean"] = 0.9 * metrics.get("care/acc_sampled", 0.0) + 0.1
        made.append(Step(number, metrics, groups, longest_response))
    return made


def alarms(steps: list[Step]) -> list[Alarm]:
    """What a run raises."""
    watch = Watch()
    for step in steps:
        watch.add(step)
    return watch.alarms


def facts(**changes: object) -> GroupFacts:
    """The groups of a healthy step with something changed."""
    return replace(FACTS, **changes)
