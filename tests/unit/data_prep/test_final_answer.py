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
"""What is left of an answer once 'Final Answer:' is gone."""

import pytest

from data_prep.cold import without_final_answer

ANSWERS = {
    "Final Answer:5": "5",
    "Final Answer: 5": "5",
    "The final answer: 5": "The final answer: 5",
    "final answer：5": "5",
    "### Final Answer: 5": "5",
    "# **Final Answer:** 5": "5",
    "Final Answer: Final Answer: 5": "5",
    "**Final Answer:** Final Answer: 5": "5",
    "**Final Answer: Final Answer: 5**": "5",
    "Final Answer: **Final Answer: 5**": "5",
    "**Final Answer: 5**": "5",
    "**Final Answer: 5**.": "5.",
    "** Final Answer: 5": "5",
    "**Final Answer: 5 **": "5",
    "*Final Answer: 5*": "5",
    "**Final Answer: 5": "5",
    "**Final Answer:** 5": "5",
    "**Final Answer:**5": "5",
    "**Final Answer: **5": "5",
    "**Final Answer**: 5": "5",
    "**Final Answer** : **5**": "**5**",
    "**Final Answer:** **A** and **B**": "**A** and **B**",
    "Final Answer: **5**": "**5**",
    "Final Answer:**5**": "**5**",
    "Final Answer:** 5": "5",
    "**Final Answer: 2**3 = 8**": "2**3 = 8",
    "* Final Answer: 2*3": "2*3",
    "**Final Answer:**": "",
    "Final Answer:": "",
    "5**": "5**",
    "B": "B",
}


@pytest.mark.parametrize("said", ANSWERS)
def test_the_prefix_goes_and_the_answer_stays(said):
    assert without_final_answer(said) == ANSWERS[said]


def test_stars_without_end_take_no_time():
    stars = "*" * 200_000
    assert without_final_answer(stars) == stars
    assert without_final_answer("* " * 100_000) == "* " * 100_000
