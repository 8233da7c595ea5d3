# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Every watcher fires on its sign, within fifteen steps and alone, and not on the healthy neighbour of it."""

import graphlib
import math
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recipe.alarms.step import Step
from recipe.alarms.table import NAMES, WATCHERS
from recipe.alarms.watch import Watch
from tests.unit.alarms.runs import FACTS, alarms, facts, healthy, run

LEVEL_ACCURACY = {"care/acc_sampled": 0.5}
STOCK = {name: None for name in healthy(1) if name.startswith("care/")}
"""What takes CARE's metrics away."""

SICK = {
    "groups_all_right": lambda: run({"care/groups_all_correct": 0.9}),
    "groups_all_wrong": lambda: run({"care/groups_all_wrong": 0.75}),
    "groups_no_signal": lambda: run({"care/groups_equal_reward": 0.9}),
    "one_reward": lambda: run({"critic/score/max": 0.0, "critic/score/mean": 0.0} | STOCK),
    "length_inflation": lambda: run(LEVEL_ACCURACY | {"response_length/mean": lambda n: 300 * (1 + 0.04 * n)}),
    "format_learned": lambda: run(
        {"care/acc_sampled": 0.5, "critic/score/mean": lambda n: 0.45 + min(0.1, 0.01 * n)},
    ),
    "verifier_fails": lambda: run({"care/left_out/unverified": 6.0, "care/rows_invalid": 0.1}),
    "verifier_contradicts": lambda: run({}, groups=facts(contradicted=2)),
    "images_missing": lambda: run({}, groups=facts(placeholders=1.0)),
    "repairs_fail": lambda: run({"care/rgr/passed": 0.0, "care/acc_sampled": 0.5}),
    "repairs_slow": lambda: run({"care/rgr/wait_only_s": 25.0}),
    "rollout_apart": lambda: run(
        {"training/rollout_actor_probs_pearson_corr": 0.9, "training/rollout_probs_diff_mean": 0.05}
    ),
    "gradient_spikes": lambda: run({"actor/grad_norm": 4.0}, from_step=10),
    "policy_broken": lambda: run({"care/acc_sampled": 0.1}, from_step=8),
    "entropy_collapse": lambda: run(LEVEL_ACCURACY | {"actor/entropy": lambda n: 0.3 * 0.8**n}),
    "responses_cut_off": lambda: run({"response_length/max": 1000.0, "response_length/clip_ratio": 0.3}),
    "rationale_uncredited": lambda: run({"care/region_mass/rationale_of_positives": 0.005}),
}
HEALTHY = {
    "a run that learns": lambda: run({}, steps=40),
    "the same without CARE": lambda: run(STOCK, steps=40),
    "groups_all_right: half of them": lambda: run({"care/groups_all_correct": 0.6}),
    "groups_all_wrong: half of them": lambda: run({"care/groups_all_wrong": 0.55}),
    "groups_no_signal: two thirds": lambda: run({"care/groups_equal_reward": 0.66}),
    "one_reward: all right": lambda: run({"critic/score/min": 1.0, "care/acc_sampled": 1.0}),
    "one_reward: two steps": lambda: run({"critic/score/max": 0.0}, from_step=14),
    "length_inflation: growth that pays": lambda: run({"response_length/mean": lambda n: 300 * (1 + 0.04 * n)}),
    "length_inflation: a fifth": lambda: run(LEVEL_ACCURACY | {"response_length/mean": lambda n: 300 * (1 + n / 80)}),
    "format_learned: with the answers": lambda: run({"critic/score/mean": lambda n: 0.45 + 0.02 * n}),
    "verifier_fails: one row": lambda: run({"care/left_out/unverified": 1.0}),
    "verifier_fails: padding alone": lambda: run({"care/rows_invalid": 0.3}),
    "verifier_contradicts: one in thirty": lambda: run({}, groups=facts(compared=100, contradicted=3)),
    "repairs_fail: few are left": lambda: run({"care/rgr/triggered": 2.0, "care/rgr/passed": 0.0}),
    "repairs_fail: most answers are right": lambda: run({"care/rgr/passed": 0.0, "care/acc_sampled": 0.9}),
    "repairs_slow: a tenth": lambda: run({"care/rgr/wait_only_s": 10.0}),
    "rollout_apart: one step": lambda: run(
        {"training/rollout_actor_probs_pearson_corr": 0.9, "training/rollout_probs_diff_mean": 0.05}, from_step=15
    ),
    "rollout_apart: nearly certain": lambda: run({"training/rollout_actor_probs_pearson_corr": 0.9}),
    "gradient_spikes: one": lambda: run({"actor/grad_norm": lambda n: 4.0 if n == 10 else 0.2}),
    "policy_broken: a third": lambda: run({"care/acc_sampled": 0.35}, from_step=8),
    "entropy_collapse: it learns": lambda: run({"actor/entropy": lambda n: 0.3 * 0.8**n}),
    "entropy_collapse: a half": lambda: run(LEVEL_ACCURACY | {"actor/entropy": lambda n: 0.3 * 0.95**n}),
    "responses_cut_off: below the limit": lambda: run({"response_length/clip_ratio": 0.6}),
    "responses_cut_off: limit unknown": lambda: run(
        {"response_length/max": 1000.0, "response_length/clip_ratio": 0.6}, longest_response=None
    ),
    "rationale_uncredited: a tenth": lambda: run({"care/region_mass/rationale_of_positives": 0.1}),
    "rationale_uncredited: nothing right": lambda: run(
        {"care/region_mass/rationale_of_positives": 0.0, "care/positive_len": 0.0}
    ),
}


def test_every_watcher_is_tried():
    assert set(SICK) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_fires_on_its_sign_alone_and_once(name):
    raised = alarms(SICK[name]())
    assert [one.name for one in raised] == [name]
    assert raised[0].raised <= 15 and raised[0].since <= raised[0].raised
    assert raised[0].seen and raised[0].remedy in raised[0].describe()


@pytest.mark.parametrize("name", HEALTHY)
def test_is_quiet(name):
    assert alarms(HEALTHY[name]()) == []


def test_a_broken_policy_explains_what_comes_of_it():
    """As a learning rate of 0.01 does it in the demo: from the second step on nothing is right, and all too long."""
    changes = {
        "care/acc_sampled": 0.0,
        "critic/score/mean": 0.0,
        "critic/score/max": 0.0,
        "critic/advantages/min": 0.0,
        "critic/advantages/max": 0.0,
        "care/groups_all_wrong": 1.0,
        "care/groups_equal_reward": 1.0,
        "response_length/mean": 900.0,
        "response_length/max": 1000.0,
        "response_length/clip_ratio": 0.8,
    }
    (alarm,) = alarms(run(changes, from_step=2))
    assert (alarm.name, alarm.since, alarm.raised) == ("policy_broken", 2, 3)


def test_explanations_name_watchers_and_run_in_no_circle():
    graph = {watcher.name: watcher.because_of for watcher in WATCHERS}
    assert {name for causes in graph.values() for name in causes} <= set(NAMES)
    assert len(list(graphlib.TopologicalSorter(graph).static_order())) == len(WATCHERS)


def test_stock_runs_are_judged_by_their_groups():
    """Without any metric of CARE's, what the groups show takes their place."""
    cases = {
        "groups_all_right": facts(all_right=0.9),
        "groups_all_wrong": facts(all_wrong=0.9),
        "groups_no_signal": facts(equal_reward=0.9),
        "verifier_fails": facts(unverified=0.1),
    }
    for name, groups in cases.items():
        assert [one.name for one in alarms(run(STOCK, groups=groups))] == [name]


def test_advantages_tell_of_no_signal_where_groups_are_not_known():
    changes = STOCK | {"critic/advantages/min": 0.0, "critic/advantages/max": 0.0}
    assert [one.name for one in alarms(run(changes, groups=None))] == ["groups_no_signal"]


def test_the_kl_speaks_where_probabilities_are_not_logged():
    changes = dict.fromkeys(["training/rollout_actor_probs_pearson_corr", "training/rollout_probs_diff_mean"])
    assert [one.name for one in alarms(run(changes | {"rollout_corr/kl": 0.2}))] == ["rollout_apart"]


def test_a_gradient_that_is_not_finite():
    (alarm,) = alarms(run({"actor/grad_norm": math.nan}, from_step=12))
    assert (alarm.name, alarm.since, alarm.raised) == ("gradient_spikes", 12, 12)


def test_the_numbers_are_told():
    (alarm,) = alarms(SICK["policy_broken"]())
    assert alarm.since == 8 and "0.10" in alarm.seen
    (alarm,) = alarms(SICK["verifier_contradicts"]())
    assert alarm.seen.startswith("in 6 of 30 groups of 3 steps")


_METRICS = st.dictionaries(
    st.sampled_from(sorted(healthy(1))), st.floats(allow_nan=True, allow_infinity=True), max_size=len(healthy(1))
)


@settings(max_examples=60, deadline=None)
@given(st.lists(_METRICS, max_size=12), st.booleans())
def test_any_numbers_are_taken(metrics, with_groups):
    """A run that is broken enough logs anything; the watchers must not be what ends it."""
    watch = Watch()
    for number, one in enumerate(metrics, start=1):
        watch.add(Step(number, one, FACTS if with_groups else None, 1000))
        assert set(watch.metrics()) == {f"care/alarm/{name}" for name in NAMES}


def test_a_step_costs_milliseconds_at_most():
    watch, steps = Watch(), run({}, steps=200)
    began = time.process_time()
    for step in steps:
        watch.add(step)
    assert (time.process_time() - began) / len(steps) < 5e-3


def test_a_watcher_says_what_it_is():
    for watcher in WATCHERS:
        assert all((watcher.means, watcher.threshold, watcher.why, watcher.remedy)), watcher.name
        assert "|" not in watcher.means + watcher.threshold + watcher.why + watcher.remedy, watcher.name
