# Copyright 2026 The CARE-verl authors
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""Repair cues: the built-in ones and what a user's own may say."""

import pytest

from recipe.care.config import CareConfig, RgrConfig
from recipe.care.cues import CUES, cue_text
from recipe.care.errors import CareConfigError
from recipe.care.tags import TAGS


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
