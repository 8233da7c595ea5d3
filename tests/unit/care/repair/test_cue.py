# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Repair cues: the built-in ones and what a user's own may say."""

import pytest

from recipe.care.config import CareConfig, RgrConfig
from recipe.care.errors import CareConfigError
from recipe.care.repair.cue import CUES, cue_text
from recipe.care.text.tags import TAGS


@pytest.mark.parametrize("name", CUES)
def test_built_in_cues_stand_on_lines_of_their_own_and_open_no_region(name):
    text = cue_text(name)
    assert text.startswith("\n") and text.endswith("\n") and text.strip() == CUES[name]
    assert not any(tag in text for tag in TAGS)


def test_a_cue_of_ones_own_is_taken_literally():
    assert cue_text("Check f(x) = 2{3} again.") == "\nCheck f(x) = 2{3} again.\n"
    assert RgrConfig(template="Check again.").template == "Check again."


@pytest.mark.parametrize("text", ["It is {answer}.", "{ground_truth}", "Not { question }", "{{ gold }}", "{x:>3}"])
def test_a_cue_may_not_fill_anything_in(text):
    with pytest.raises(CareConfigError, match=r"algorithm\.care\.rgr\.template: \{.* is not filled in"):
        CareConfig.from_omegaconf({"rgr": {"template": text}})


@pytest.mark.parametrize("tag", TAGS)
def test_a_cue_may_not_open_or_close_a_region(tag):
    with pytest.raises(CareConfigError, match=r"algorithm\.care\.rgr\.template: .* region"):
        RgrConfig(template=f"again {tag}")


def test_an_empty_cue_is_refused():
    with pytest.raises(CareConfigError, match=r"algorithm\.care\.rgr\.template='  '"):
        RgrConfig(template="  ")
