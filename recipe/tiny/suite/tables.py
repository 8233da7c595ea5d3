# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The tables: which methods are compared, and what sets each apart from the demo."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from recipe.care.presets import PRESETS, flat


@dataclass(frozen=True)
class Method:
    """One line of a table.

    Attributes:
        name: What it is called.
        algorithm: ``METHOD`` of the demo script; ``recipe/care/conf/method`` says what each sets.
        overrides: Further verl overrides.
    """

    name: str
    algorithm: str
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """Methods with one budget; the first is the baseline the others are paired with."""

    name: str
    title: str
    methods: tuple[Method, ...]

    def __post_init__(self) -> None:
        names = [method.name for method in self.methods]
        if len(set(names)) != len(names):
            raise ValueError(f"table {self.name}: two methods of the same name in {names}")

    def only(self, names: Sequence[str]) -> Table:
        """Some of its lines, in the table's order."""
        known = [method.name for method in self.methods]
        if unknown := [name for name in names if name not in known]:
            raise SystemExit(f"--methods {unknown[0]!r}: --table {self.name} has no such line; it has: {known}")
        return dataclasses.replace(self, methods=tuple(method for method in self.methods if method.name in names))


def _yaml(value: object) -> str:
    return "null" if value is None else str(value).lower()


LETTER: dict[str, object] = {"regions__blame": "answer", "rgr__importance": "none", "rgr__fill_to": None}
"""What lets a run of more than some sixty steps decay; the tables of 30 steps were run with it."""


def _run(name: str, algorithm: str = "care", **settings: object) -> Method:
    """CARE as a run has it by default, with some of ``algorithm.care`` changed; ``__`` stands for the dot."""
    # Two signs: the demo has set some of them itself.
    changed = (f"++algorithm.care.{key.replace('__', '.')}={_yaml(value)}" for key, value in settings.items())
    return Method(name, algorithm, tuple(changed))


def _care(name: str, algorithm: str = "care", **settings: object) -> Method:
    """The same with the paper's blame, and failed repairs not weighed."""
    return _run(name, algorithm, **LETTER | settings)


def _preset(name: str, preset: str, algorithm: str = "care", **settings: object) -> Method:
    """A preset with some of ``algorithm.care`` changed.

    Spelled out, so that a result of an earlier state of the preset is not taken for one of today's.
    """
    spelled = {key.replace(".", "__"): value for key, value in flat(PRESETS[preset]).items()}
    return _run(name, algorithm, preset=preset, **spelled | settings)


def _best(name: str, algorithm: str = "care", **settings: object) -> Method:
    """The preset ``best`` with some of ``algorithm.care`` changed, and failed repairs not weighed."""
    return _preset(name, "best", algorithm, **settings | {"rgr__importance": "none"})


GRPO = Method("grpo", "grpo")
DAPO = Method("dapo", "dapo")
GSPO = Method("gspo", "gspo")

# The demo gives the rationale a quarter of a correct row's credit, because its responses are short; the paper a weight.
PAPER: dict[str, Any] = {"regions__rationale_share": None, "regions__gamma_pos": 0.005}
PAPER_NO_REPAIRS = _care("paper without repairs", "care_no_rgr", **PAPER)
PAPER_CARE = _care("paper", **PAPER)
STEADY = _preset("steady", "steady")
BEST = _preset("best", "best")
BEST_IN_FULL = _best("best, failed repairs in full")
BEST_NO_REPAIRS = _best("best without repairs", "care_no_rgr")
WITH_AND_WITHOUT_REPAIRS = ((BEST_IN_FULL, BEST_NO_REPAIRS), (PAPER_CARE, PAPER_NO_REPAIRS))
"""What the effect of repairs is read off."""
ONE_EACH: dict[str, Any] = {"rgr__fill_to": None, "rgr__candidates": 2}
BEST_ONE_EACH = _best("best, one repair a group", **ONE_EACH)
BEST_ONE_IN_FAILED = _best("best, one repair in failed groups", **ONE_EACH, rgr__groups="failed")


def _dynamic(method: Method) -> Method:
    """With DAPO's dynamic sampling; a group is judged as its repairs leave it."""
    overrides = ("algorithm.filter_groups.enable=True", "algorithm.filter_groups.metric=acc")
    return Method(f"{method.name}, dynamic sampling", method.algorithm, (*method.overrides, *overrides))


# Ablations change one setting of these.
NO_REPAIRS = _care("care without repairs", "care_no_rgr")
CARE = _care("care")


def _one_by_one(name: str, title: str, *others: Method, **settings: tuple[object, ...]) -> Table:
    """CARE without repairs, and again with one setting changed at a time."""
    changed = (
        _care(f"{key.replace('__', '.')}={_yaml(value)}", "care_no_rgr", **{key: value})
        for key, values in settings.items()
        for value in values
    )
    return Table(name, title, (NO_REPAIRS, *changed, *others))


TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        Table("main", "Methods", (GRPO, DAPO, GSPO, PAPER_NO_REPAIRS, PAPER_CARE, BEST_IN_FULL, STEADY, BEST)),
        Table(
            "long",
            "Four times as many updates: what lasts, and what lets a run decay",
            (
                GRPO,
                BEST,
                STEADY,
                _preset("steady without repairs", "steady", "care_no_rgr"),
                _preset("steady, blame on the answer", "steady", regions__blame="answer"),
                _preset("steady, failed repairs in full", "steady", rgr__importance="none"),
                _preset("paper", "paper", regions__rationale_share=None, regions__gamma_pos=0.005),
            ),
        ),
        Table(
            "sampling",
            "With dynamic sampling and without",
            (
                DAPO,
                *(_dynamic(one) for one in (BEST_IN_FULL, BEST_ONE_EACH, BEST_ONE_IN_FAILED)),
                GRPO,
                BEST_IN_FULL,
                BEST_ONE_EACH,
            ),
        ),
        Table(
            "parts",
            "From the paper's settings to `best`, one change at a time",
            (
                PAPER_NO_REPAIRS,
                NO_REPAIRS,
                _care("no regions", "care_no_rgr", regions__enable=False),
                _care("no regions, all anchors", "care_no_rgr", regions__enable=False, anchor="multi"),
                BEST_NO_REPAIRS,
                _best("best, one repair in mixed groups", **ONE_EACH, rgr__groups="mixed"),
                BEST_ONE_IN_FAILED,
                BEST_ONE_EACH,
                BEST_IN_FULL,
                GRPO,
            ),
        ),
        Table(
            "fill",
            "`best` with one thing changed",
            (
                BEST_IN_FULL,
                BEST_ONE_EACH,
                _best("best, one repair below half", rgr__candidates=1),
                _best("best, filled to three quarters", rgr__fill_to=0.75),
                _best("best, not equalized", equalize=False),
                _best("best, nearer half of the failures", near_share=0.5),
            ),
        ),
        Table(
            "rgr",
            "What a repaired row trains, and which text a failed repair leaves",
            (
                NO_REPAIRS,
                CARE,
                _care("rewrite, original", rgr__on_fail="original"),
                _care("continue, reflected", rgr__target="continue"),
                _care("continue, original", rgr__target="continue", rgr__on_fail="original"),
                # Not told that there is an error, nor asked for anything.
                _care("a cue that says nothing", rgr__template="hm."),
            ),
        ),
        _one_by_one("selector", "Which failures are contrasted", selector=("mixed", "farthest", "random")),
        _one_by_one("anchor", "Around which correct rollout", anchor=("random", "multi")),
        _one_by_one(
            "subgroup",
            "How many failures, how much they count",
            k=(1, 2),
            near_share=(0.5,),
            neg_scale=(0.25, 1.0),
            equalize=(False,),
        ),
        _one_by_one(
            "rescue",
            "Groups in which all failed",
            rescue__enable=(False,),
            rescue__delta=(0.3,),
            rescue__normalize=(True,),
        ),
        _one_by_one(
            "regions",
            "Which tokens are trained",
            PAPER_NO_REPAIRS,
            _care("regions.gamma_pos=1", "care_no_rgr", regions__rationale_share=None, regions__gamma_pos=1.0),
            regions__enable=(False,),
            regions__rationale_share=(0.0, 0.5),
        ),
    )
}
