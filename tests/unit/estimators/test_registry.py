# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""A name, settings with full keys in every error, and only what is declared."""

from dataclasses import dataclass

import numpy as np
import pytest

from recipe.care.errors import CareConfigError, CareDataError
from recipe.estimators import Need, RolloutGroup, group_estimator, registry
from recipe.estimators.registry import OURS, estimators, find, load


@dataclass(frozen=True)
class Scale:
    scale: float = 1.0
    strict: bool = False

    def __post_init__(self):
        if self.scale <= 0:
            raise ValueError(f"scale={self.scale}: must be above 0.")


@pytest.fixture
def empty(monkeypatch):
    """Estimators of a test leave no trace."""
    monkeypatch.setattr(registry, "_ESTIMATORS", dict(estimators()))


@pytest.fixture
def scaled(empty):
    @group_estimator("scaled", settings=Scale)
    def scaled(group, settings):
        return settings.scale * (group.right_G - 0.5)

    return find("scaled")


def test_the_package_registers_its_own():
    names = set(estimators())
    assert {"ace", "care", "lens", "ngrpo", "noise_backward", "noise_forward", "weighted_reinforce"} <= names
    assert {one.function.__module__.rpartition(".")[2] for one in estimators().values()} >= set(OURS)


def test_one_advantage_a_row_lies_on_all_its_tokens(scaled):
    group = RolloutGroup.of([1, 0], tokens=[1, 2])
    assert scaled.configured({"scale": 4}).advantages(group).tolist() == [[2, 0], [-2, -2]]
    assert scaled.configured().advantages(group).tolist() == [[0.5, 0], [-0.5, -0.5]]


def test_advantages_of_tokens_are_kept_where_the_policy_wrote(empty):
    @group_estimator("last", needs=[Need.REGIONS])
    def last(group, _settings):
        return np.where(group.answer_GT, 1.0, 7.0)

    group = RolloutGroup.of([1, 0], tokens=[3, 2], rationale=[1, 1], answer=[2, 1])
    assert find("last").configured().advantages(group).tolist() == [[7, 1, 1], [7, 1, 0]]


REFUSED = {
    "algorithm.scaled.scael=2: there is no such setting. Did you mean algorithm.scaled.scale?": {"scael": 2},
    "algorithm.scaled.x=2: there is no such setting. Known: scale, strict, positive_threshold.": {"x": 2},
    "algorithm.scaled.scale='a': must be of type float, not str.": {"scale": "a"},
    "algorithm.scaled.strict=1: must be of type bool, not int.": {"strict": 1},
    "algorithm.scaled.scale=-1.0: must be above 0.": {"scale": -1},
    "algorithm.scaled.positive_threshold='a': must be a number, or null.": {"positive_threshold": "a"},
    "algorithm.scaled='on': must be a mapping of settings, or left out.": "on",
}


@pytest.mark.parametrize("said", REFUSED)
def test_a_wrong_setting_is_refused_with_its_full_key(scaled, said):
    with pytest.raises(CareConfigError) as error:
        scaled.configured(REFUSED[said])
    assert str(error.value) == said


def test_every_section_may_say_from_which_score_an_answer_is_right(scaled):
    assert scaled.configured({"positive_threshold": 1, "scale": 2}).positive_threshold == 1.0
    assert scaled.configured().positive_threshold is None
    # CARE has a field of this name.
    care = find("care").configured({"positive_threshold": 0.5})
    assert care.positive_threshold == 0.5 == care.settings.positive_threshold


def test_a_setting_without_default_must_be_given():
    with pytest.raises(CareConfigError, match=r"^algorithm\.noise_forward\.false_negative: must be set"):
        find("noise_forward").configured({})


@pytest.mark.parametrize(
    ("read", "need"),
    [
        (lambda group: group.mean_logp_G, "Need.LOGP"),
        (lambda group: group.mean_ref_logp_G, "Need.REF_LOGP"),
        (lambda group: group.distance_GG, "Need.EMBEDDINGS"),
        (lambda group: group.think_len_G, "Need.REGIONS"),
        (lambda group: group.rationale_GT, "Need.REGIONS"),
    ],
)
def test_what_was_not_declared_cannot_be_read(read, need):
    with pytest.raises(CareConfigError, match=f"declare it with .*needs=.{need}"):
        read(RolloutGroup.of([1, 0]))


def test_distances_are_cosines():
    """Vectors (1, 0), (0, 2) and (3, 4): cosines 0, 3/5 and 4/5."""
    group = RolloutGroup.of([1, 0, 0], embeddings=[[1, 0], [0, 2], [3, 4]])
    expected = [[0, 1, 0.4], [1, 0, 0.2], [0.4, 0.2, 0]]
    np.testing.assert_allclose(group.distance_GG, expected, rtol=0, atol=1e-6)


def test_means_are_per_token():
    group = RolloutGroup.of([1, 0], tokens=[2, 4], logp=[-3, -2], ref_logp=[-1, -8])
    assert group.mean_logp_G.tolist() == [-1.5, -0.5] and group.mean_ref_logp_G.tolist() == [-0.5, -2]


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        (np.zeros(3), r"returned shape \(3,\) for a group of 2 rows and 4 columns; return \(2,\) or \(2, 4\)"),
        (np.zeros((2, 3)), r"returned shape \(2, 3\)"),
        (np.array([0.0, np.nan]), r"returned a number that is not finite, in rows \[1\]"),
    ],
)
def test_what_verl_could_not_use_is_refused(empty, returned, said):
    group_estimator("broken")(lambda group, settings: returned)
    with pytest.raises(CareDataError, match=f"estimator broken {said}"):
        find("broken").configured().advantages(RolloutGroup.of([1, 0], tokens=[4, 2]))


def test_numbers_outside_the_policys_own_tokens_are_of_no_account(empty):
    group_estimator("broken")(lambda group, settings: np.where(group.own_GT, 1.0, np.nan))
    own = find("broken").configured().advantages(RolloutGroup.of([1, 0], tokens=[2, 1]))
    assert own.tolist() == [[1, 1], [1, 0]]


def test_a_name_is_taken_once(scaled):
    with pytest.raises(CareConfigError, match="estimator scaled: there is one of this name"):
        group_estimator("scaled")(lambda group, settings: group.reward_G)


def test_settings_must_be_frozen():
    @dataclass
    class Loose:
        scale: float = 1.0

    with pytest.raises(CareConfigError, match="must be a dataclass with frozen=True"):
        group_estimator("loose", settings=Loose)


def test_two_kinds_of_distances_are_refused(empty):
    group_estimator("both", needs=[Need.EMBEDDINGS, Need.LEXICAL])(lambda group, settings: group.reward_G)
    with pytest.raises(CareConfigError, match="by hidden states or by tokens"):
        find("both").configured()


def test_a_file_may_be_loaded_again(empty, tmp_path):
    """Checks before the run load it, and the trainer does; the latest counts."""
    file = tmp_path / "mine.py"
    text = (
        "from recipe.estimators import group_estimator\n\n@group_estimator('mine')\ndef f(group, _):\n    return {}\n"
    )
    for number in (1, 2):
        file.write_text(text.format(f"group.reward_G * {number}"))
        load(str(file))
        assert find("mine").configured().advantages(RolloutGroup.of([1], tokens=[1])).tolist() == [[number]]


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(CareConfigError, match=r"^algorithm\.estimator_file=.*no\.py: there is no file"):
        load(str(tmp_path / "no.py"))


def test_an_unknown_name_is_answered_with_a_near_one():
    with pytest.raises(CareConfigError, match=r"no estimator 'ngpro'; known: ace, .* Did you mean 'ngrpo'\?"):
        find("ngpro")
