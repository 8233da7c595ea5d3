# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Curves, and the failure signs in them."""

from omegaconf import OmegaConf

from recipe.report.curves import Curve, Series, curves, merge
from recipe.report.signs import find_signs
from recipe.tiny.metrics import Step

CARE = OmegaConf.create({"algorithm": {"adv_estimator": "care", "care": {"preset": "paper"}}})


def state(name: str, config=CARE, **panels: list[float]):
    """Of one sign, and its spans; steps count from 1."""
    drawn = {panel: Curve(Series(panel, tuple(enumerate(values, start=1))), None) for panel, values in panels.items()}
    (sign,) = (sign for sign in find_signs(drawn, config) if sign.name == name)
    return sign.state, sign.spans


def test_all_wrong_groups_dominate():
    name = "All-wrong groups dominate"
    assert state(name, all_wrong=[0.1] * 8, mixed=[0.5] * 8) == ("clear", ())
    # Means over up to 5 steps: 0.1, .., then (0.1 * (5 - n) + 0.9 * n) / 5 after n steps: above 0.5 from n = 3 on.
    assert state(name, all_wrong=[0.1] * 5 + [0.9] * 5, mixed=[0.5] * 10) == ("seen", ((8, 10),))
    assert state(name) == ("unknown", ())


def test_rationales_grow():
    name = "Rationales grow longer"
    assert state(name, length=[10.0] * 12) == ("clear", ())
    # From 10 to 20: the mean over 5 steps is 10 + 2 n after n steps: above 1.3 * 10 from n = 2 on.
    assert state(name, length=[10.0] * 5 + [20.0] * 5) == ("seen", ((7, 10),))
    assert state(name, length=[10.0, 20.0]) == ("unknown", ())


def test_normalisation_is_off():
    name = "Subgroup normalisation is off"
    # K = 4, so the anchor's advantage is 2; a quarter away from it is seen.
    assert state(name, anchor=[2.0, 1.9, 2.1]) == ("clear", ())
    assert state(name, anchor=[1.4, 1.4, 1.4]) == ("seen", ((1, 3),))
    assert state(name, OmegaConf.create(), anchor=[1.4]) == ("unknown", ())
    several = OmegaConf.merge(CARE, {"algorithm": {"care": {"anchor": "multi"}}})
    assert state(name, several, anchor=[1.4]) == ("unknown", ())


def test_few_negatives():
    name = "Too few hard negatives"
    assert state(name, k_prime=[3.0, 2.5]) == ("clear", ())
    assert state(name, k_prime=[3.0, 0.5, 1.5, 3.0, 4.0]) == ("seen", ((2, 3),))
    assert state(name, OmegaConf.create(), k_prime=[1.0]) == ("unknown", ())


def test_an_unknown_configuration_is_no_reason_to_fail():
    later = OmegaConf.create({"algorithm": {"adv_estimator": "care", "care": {"of_a_later_version": 1}}})
    assert state("Too few hard negatives", later, k_prime=[1.0]) == ("unknown", ())


def test_a_metric_that_was_not_logged_is_taken_from_the_rollouts():
    steps = merge(
        [Step(0, {}), Step(1, {"actor/grad_norm": 1.0})], {1: {"rollouts/acc": 0.5}, 2: {"rollouts/acc": 1.0}}
    )
    (drawn,) = curves([steps])
    assert drawn["acc"].main == Series("rollouts/acc", ((1, 0.5), (2, 1.0)))
    assert drawn["grad_norm"].main.points == ((1, 1.0),)
    assert "seconds" not in drawn


def test_what_is_not_finite_is_not_drawn():
    steps = [Step(1, {"actor/grad_norm": float("nan")}), Step(2, {"actor/grad_norm": 2.0})]
    (drawn,) = curves([steps])
    assert drawn["grad_norm"].main.points == ((2, 2.0),)


def test_only_like_is_laid_beside_like():
    care = [Step(1, {"care/acc_sampled": 0.5, "rollouts/acc": 0.4, "care/positive_len": 9.0, "care/anchor_len": 8.0})]
    grpo = [Step(1, {"rollouts/acc": 0.6, "response_length/mean": 20.0})]
    (alone,) = curves([care])
    assert alone["acc"].main.source == "care/acc_sampled" and alone["length"].second.points == ((1, 8.0),)
    first, second = curves([care, grpo])
    assert first["acc"].main.source == second["acc"].main.source == "rollouts/acc"
    assert first["length"].main.source == "care/positive_len"  # nothing in common


def test_a_mean_over_nothing_is_no_value():
    steps = [
        Step(1, {"care/rgr/triggered": 2.0, "care/rgr/pass_rate": 0.0, "care/k_prime/mean": 3.0}),
        Step(2, {"care/rgr/triggered": 0.0, "care/rgr/pass_rate": 0.0, "care/k_prime/mean": 0.0}),
    ]
    (drawn,) = curves([steps])
    assert drawn["repairs"].main.points == ((1, 0.0),)
    assert drawn["k_prime"].main.points == ((1, 3.0),)
