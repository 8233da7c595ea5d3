# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Episodes: told once, ended by calm, told again when they return."""

from recipe.alarms.step import Step
from recipe.alarms.table import Finding, Watcher
from recipe.alarms.watch import CALM, Watch


def _watch() -> Watch:
    def look(window):
        step = window.steps[-1]
        return Finding(step.number - 1, "it is bad") if step.get("bad") else None

    return Watch([Watcher("bad", "it goes wrong", "at once", "because", "stop it", look, lambda step: 1.0)])


def _raised(bad: str) -> list[int]:
    watch = _watch()
    for number, one in enumerate(bad, start=1):
        watch.add(Step(number, {"bad": float(one)}))
    return [alarm.raised for alarm in watch.alarms]


def test_an_episode_is_told_once():
    assert _raised("001111") == [3]


def test_a_pause_is_part_of_the_episode():
    assert _raised("1" + "0" * (CALM - 1) + "1") == [1]


def test_after_calm_it_is_a_new_one():
    assert _raised("1" + "0" * CALM + "1") == [1, CALM + 2]


def test_the_metric_is_on_while_the_episode_lasts():
    watch, values = _watch(), []
    for number, one in enumerate("0110000000", start=1):
        watch.add(Step(number, {"bad": float(one)}))
        values.append(watch.metrics()["care/alarm/bad"])
    assert values == [0, 1, 1, 1, 1, 1, 1, 0, 0, 0]


def test_what_another_explains_is_told_when_that_is_over():
    def look(name):
        return lambda window: Finding(1, name) if window.steps[-1].get(name) else None

    def watcher(name, because_of=()):
        return Watcher(name, "", "", "", "", look(name), lambda step: 1.0, because_of)

    watch = Watch([watcher("effect", ("cause",)), watcher("cause")])
    raised = []
    for number in range(1, 12):
        metrics = {"effect": 1.0, "cause": float(number < 3)}
        raised += [(alarm.raised, alarm.name) for alarm in watch.add(Step(number, metrics))]
    # The cause was last seen in step 2, and its episode ends with CALM steps without it.
    assert raised == [(1, "cause"), (2 + CALM + 1, "effect")]


def test_what_is_said():
    watch = _watch()
    (alarm,) = watch.add(Step(4, {"bad": 1.0}))
    assert alarm.describe() == "bad, since step 3: it goes wrong. Seen: it is bad. To do: stop it."
    assert watch.summary() == f"step 4: {alarm.describe()}"
