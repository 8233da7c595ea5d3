# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Settings: defaults, types, ranges, and errors that name the full key and the remedy."""

import dataclasses
import typing

import pytest
from omegaconf import OmegaConf

from recipe.care.config import CareConfig, RegionsConfig, RescueConfig, RgrConfig
from recipe.care.errors import CareConfigError
from recipe.care.presets import PRESETS

REFUSED = {
    "k=0": "algorithm.care.k=0: a subgroup needs at least one hard negative",
    "k=7": "algorithm.care.m=6: the pool cannot be smaller than algorithm.care.k=7; raise m or lower k.",
    "k=4.0": "algorithm.care.k=4.0: must be of type int, not float.",
    "k=true": "algorithm.care.k=True: must be of type int, not bool.",
    "neg_scale=1.5": "algorithm.care.neg_scale=1.5: must be a number between 0 and 1.",
    "neg_scale=.nan": "algorithm.care.neg_scale=nan: must be a number between 0 and 1.",
    "eps=0": "algorithm.care.eps=0.0: must be a small number above 0.",
    "equalize=1": "algorithm.care.equalize=1: must be of type bool, not int.",
    "anchor=longest": "algorithm.care.anchor='longest': must be one of shortest, random, highest_logp, multi.",
    "near_share=0": "algorithm.care.near_share=0.0: must be above 0 and at most 1, or null",
    "near_share=0.5 selector=random": "needs distances, which algorithm.care.selector=random does without.",
    "selector=nearst": "Did you mean 'nearest'?",
    "positive_threshold=.inf": "algorithm.care.positive_threshold=inf: must be a finite number, or null.",
    "rescue.delta=0": "to switch rescue off set rescue.enable=false.",
    "records.share=0": "for no records set records.folder=null.",
    "records.share=1.5": "must be above 0 and at most 1",
    "records.folder=''": "must be a path, or null for no records.",
    "rescue.logp=max": "algorithm.care.rescue.logp='max': must be one of mean, sum.",
    "regions.gamma_pos=2": "algorithm.care.regions.gamma_pos=2.0: must be a number between 0 and 1.",
    "regions.gamma_pos=null": "set gamma_pos or rationale_share; exactly one of them is in force.",
    "regions.rationale_share=0.5 regions.gamma_pos=0.1": "algorithm.care.regions.rationale_share=0.5: excludes",
    "rgr.candidates=0": "must be at least 1, or 'all'; rgr.enable=false switches RGR off.",
    "rgr.candidates=some": "algorithm.care.rgr.candidates='some': must be one of all.",
    "regions.blame=rationale": "algorithm.care.regions.blame='rationale': must be one of answer, response.",
    "rgr.importance=full": "algorithm.care.rgr.importance='full': must be one of truncated, none.",
    "rgr.groups=every": "algorithm.care.rgr.groups='every': must be one of mixed, failed, all.",
    "rgr.target=rewrit": "Did you mean 'rewrite'?",
    "rgr.fill_to=1": "algorithm.care.rgr.fill_to=1.0: must be above 0 and below 1, so that a failure is left; or null.",
    "rgr.fill_to=0": "algorithm.care.rgr.fill_to=0.0: must be above 0",
    "rgr.max_tokens=0": "algorithm.care.rgr.max_tokens=0: must be at least 1.",
    "rgr.temperature=-1": "algorithm.care.rgr.temperature=-1.0: must be a number between 0 and 2.",
    "rgr.temperature=.nan": "algorithm.care.rgr.temperature=nan: must be a number between 0 and 2.",
    "rgr.top_p=0": "algorithm.care.rgr.top_p=0.0: must be above 0 and at most 1, or null for the rollout's.",
    "nonsense=1": "skip_dead_rows, kl_taught_rows_only, rescue, regions, rgr, records, alarms, preset.",
    "rgr.enabel=true": "there is no such setting. Did you mean algorithm.care.rgr.enable?",
    "rgr=3": "algorithm.care.rgr=3: must be a mapping of settings, or left out.",
    "alarms.stop=policy_broken": "algorithm.care.alarms.stop='policy_broken': must be a list of names, as in [a,b].",
    "alarms.stop=[1]": "algorithm.care.alarms.stop=[1]: must be a list of names",
    "alarms.enable=1": "algorithm.care.alarms.enable=1: must be of type bool, not int.",
    "presets=best": "algorithm.care.presets='best': there is no such setting.",
    "preset=bets": "algorithm.care.preset='bets': must be one of steady, paper, best. Did you mean 'best'?",
}


def care(*settings: str) -> CareConfig:
    return CareConfig.from_omegaconf(OmegaConf.from_dotlist(list(settings)))


@pytest.mark.parametrize("settings", REFUSED)
def test_refused_with_key_and_remedy(settings):
    with pytest.raises(CareConfigError) as error:
        care(*settings.split())
    assert REFUSED[settings] in str(error.value)
    assert "algorithm.care." in str(error.value)


def test_nothing_set_is_the_paper():
    papers = CareConfig(
        k=4,
        m=6,
        neg_scale=0.5,
        equalize=True,
        anchor="shortest",
        selector="nearest",
        rescue=RescueConfig(enable=True, delta=0.1, normalize=False),
        regions=RegionsConfig(enable=True, gamma_pos=0.005),
        rgr=RgrConfig(enable=True, neg_scale=0.25),
    )
    assert CareConfig.from_omegaconf(None) == care() == care("rgr={}") == papers


def test_the_preset_paper_follows_the_letter_where_the_defaults_read_it_otherwise():
    letter = care("preset=paper")
    assert (letter.rescue.normalize, letter.rescue.logp) == (True, "sum")
    assert (letter.rgr.template, letter.rgr.temperature, letter.rgr.top_p) == ("paper", None, None)
    assert (letter.regions.blame, letter.rgr.importance) == ("answer", "none")


def run(*settings: str) -> CareConfig:
    return CareConfig.of_run(OmegaConf.from_dotlist(list(settings)))


def test_a_run_that_names_no_preset_has_the_steady_one():
    steady = care("preset=steady")
    assert CareConfig.of_run(None) == run() == run("preset=null") == run("preset=steady") == steady != care()
    assert (steady.regions.blame, steady.rgr.importance, steady.rgr.fill_to) == ("response", "truncated", 0.5)
    assert run("regions.blame=answer", "k=2").regions.blame == "answer"
    assert run("preset=paper") == care("preset=paper") and run("preset=best", "k=2") == care("preset=best", "k=2")
    with pytest.raises(CareConfigError, match=r"^algorithm\.care=\[1\]: must be a mapping"):
        CareConfig.of_run([1])


def test_the_whole_of_it_must_be_a_mapping():
    with pytest.raises(CareConfigError, match=r"^algorithm\.care=\[1\]: must be a mapping"):
        CareConfig.from_omegaconf([1])


def test_nothing_is_not_a_choice():
    """In YAML a key with nothing behind it is null."""
    assert care("preset=null") == care()
    assert care("preset=best", "rgr=null", "regions=null") == care("preset=best")


def test_settings_reach_their_sections():
    changed = care(
        "k=2", "eps=1", "rescue.delta=0.2", "regions.gamma_pos=null", "regions.rationale_share=0", "rgr.top_p=1"
    )
    assert (changed.k, changed.eps, changed.rescue.delta) == (2, 1.0, 0.2)
    assert (changed.regions.gamma_pos, changed.regions.rationale_share, changed.rgr.top_p) == (None, 0.0, 1.0)
    # An integer is welcome where a float is asked for, and becomes one.
    assert isinstance(changed.eps, float) and isinstance(changed.regions.rationale_share, float)


def test_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        care().k = 5


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_its_settings_over_the_defaults(name):
    preset = care(f"preset={name}")
    assert preset == CareConfig.from_omegaconf(PRESETS[name])
    for section, hint in typing.get_type_hints(CareConfig).items():
        given, default = PRESETS[name].get(section, {}), getattr(CareConfig(), section)
        if not dataclasses.is_dataclass(hint):
            assert getattr(preset, section) == PRESETS[name].get(section, default)
            continue
        for field in dataclasses.fields(hint):
            expected = given.get(field.name, getattr(default, field.name))
            assert getattr(getattr(preset, section), field.name) == expected


def test_what_the_user_sets_wins_over_the_preset():
    mixed = care("preset=best", "anchor=shortest", "rescue.delta=0.3", "regions.enable=true")
    assert mixed.anchor == "shortest" and mixed.regions.enable
    assert mixed.rescue == RescueConfig(enable=PRESETS["best"]["rescue"]["enable"], delta=0.3)


def test_what_distances_are_made_of():
    assert CareConfig().measured_by == "hidden"
    assert CareConfig(selector="farthest", distance="lexical").measured_by == "lexical"
    assert CareConfig(selector="lexical").measured_by == "lexical"
    assert CareConfig(selector="random", distance="lexical").measured_by is None
    with pytest.raises(CareConfigError, match=r"algorithm.care.distance='words': must be one of hidden, lexical"):
        CareConfig(distance="words")
