# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What is left of an answer once 'Final Answer:' is gone."""

import pytest

from data_prep.row.cold import without_final_answer

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
