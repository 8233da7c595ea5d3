# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0

import dataclasses
import math

import pytest
from matplotlib.figure import Figure

from recipe.tiny.suite import page
from recipe.tiny.suite.tables import TABLES
from tests.unit.tiny.suite_results import TABLE, result


def test_the_page_has_what_was_run_and_its_picture(tmp_path):
    grpo, care = (next(one for one in TABLES["main"].methods if one.name == name) for name in ("grpo", "best"))
    runs_of = {"grpo": (grpo, 0.5), "best": (care, 0.6)}
    found = [
        dataclasses.replace(
            result("base", seed, accuracy + seed / 100),
            method=name,
            algorithm=method.algorithm,
            overrides=method.overrides,
            series={"response_length/mean": [20.0] * 10, "care/rgr/pass_rate": [None, 0.5]},
        )
        for name, (method, accuracy) in runs_of.items()
        for seed in (0, 1)
    ]
    page.write_page(found, tmp_path)
    text = (tmp_path / "README.md").read_text()
    assert "| best | 2 |" in text and "| +10.0 ± 0.0 |" in text and "dapo" not in text
    # Means of 50 and 51, 60 and 61.
    assert "| grpo | 50.5 |" in text and "| best | 60.5 |" in text
    # The last method of the table against each of the others; the runs decoded the same number of tokens.
    assert "| best minus |" in text and "| grpo | +10.0 ± 0.0 | +10.0 ± 0.0 |" in text
    # Four runs of three subgroups each; sqrt(2) = 1.414.
    assert "| 2 | 12 | 1.400 | 1.414 | -0.700 | -0.707 |" in text
    (figure,) = tmp_path.glob("*.svg")
    assert figure.name in text and figure.stat().st_size > 10_000


def test_a_curve_with_gaps_stays_at_its_steps():
    axes = Figure().subplots()
    page.draw_band(axes, [[(1, math.nan), (2, 0.5), (3, math.nan)], [(1, 0.3), (2, 0.7), (3, math.nan)]], "C0", "x")
    assert axes.lines[0].get_xydata().tolist() == [[1.0, 0.3], [2.0, pytest.approx(0.6)]]


def test_what_repairs_do_is_read_off_the_same_steps_with_and_without():
    """Six steps, so parts of two: seed 0 is 0, 10 and 30 points apart, seed 1 is 0, 20 and 30."""
    sampled = {
        (0, 0): [0.5, 0.7, 0.6, 0.8, 0.9, 0.9],
        (0, 1): [0.5, 0.7, 0.5, 0.7, 0.6, 0.6],
        (1, 0): [0.4, 0.4, 0.7, 0.7, 0.8, 1.0],
        (1, 1): [0.4, 0.4, 0.6, 0.4, 0.5, 0.7],
        (2, 0): [0.0] * 6,
    }
    methods = page.WITH_AND_WITHOUT_REPAIRS[0]
    found = [
        dataclasses.replace(
            result("base", seed, 0.5),
            algorithm=methods[place].algorithm,
            overrides=methods[place].overrides,
            steps=6,
            repaired=0.75,
            series={page.SAMPLED: values},
        )
        for (seed, place), values in sampled.items()
    ]
    header, _, line = page.effect_of_repairs(found).splitlines()
    assert "| steps 1-2 | steps 3-4 | steps 5-6 |" in header
    # 10 and 20: mean 15, half width 12.706 * 7.0711 / sqrt(2) = 63.5.
    assert line == "| best, failed repairs in full | 2 | 75% | +0.0 ± 0.0 | +15.0 ± 63.5 | +30.0 ± 0.0 |"
    assert page.effect_of_repairs(found[-1:]) == ""


def test_where_the_signal_comes_from_is_told_for_both_ends_of_a_run():
    """Three steps, so parts of one; two seeds: 40% and 50% of the advantages on wrong rollouts, then 30% and 20%."""
    shared = {"steps": 3, "zero_signal": (0.0, 0.9, 0.5), "series": {page.LENGTH: [20.0, 0.0, 10.5]}}
    found = [
        dataclasses.replace(result("base", seed, 0.5), failure_mass=mass, **shared)
        for seed, mass in enumerate([(0.4, 0.9, 0.3), (0.5, 0.9, 0.2)])
    ]
    header, _, line = page.signal_over_time(TABLE, found).splitlines()
    assert header.startswith("| | on wrong rollouts, steps 1-1 | on wrong rollouts, steps 3-3 | groups without")
    assert line == "| base | 45% | 25% | 0% | 50% | 20.0 | 10.5 |"


def test_the_page_of_nothing_says_what_to_run(tmp_path):
    with pytest.raises(SystemExit, match=r"run recipe\.tiny\.suite\.runs first"):
        page.main(["--results", str(tmp_path / "none.jsonl")])
