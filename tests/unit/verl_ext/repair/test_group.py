# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""A group of rollouts while it settles: whose images a repair sees, and who is picked first."""

from verl.experimental.agent_loop import AgentLoopOutput
from verl.experimental.agent_loop.agent_loop import AgentLoopMetrics

from recipe.care.config import CareConfig, RgrConfig
from recipe.care.repair.plan import LengthLimits
from tests.unit.verl_ext.repair.fakes import RIGHT, WRONG, Bytes
from verl_ext.repair.group import Group, Picker, Sibling


def sibling(session, *, right, images=("picture",), wrote_all=True):
    ids = RIGHT if right else WRONG
    acc = float(right)
    output = AgentLoopOutput(
        prompt_ids=[81],
        response_ids=ids,
        response_mask=[int(wrote_all), *[1] * (len(ids) - 1)],
        multi_modal_data={"images": list(images)},
        reward_score=acc,
        metrics=AgentLoopMetrics(),
        extra_fields={"reward_extra_info": {"score": acc, "acc": acc}},
    )
    return Sibling(f"u_{session}_0", output, {}, "r")


def test_rollouts_of_one_turn_share_the_prompts_images():
    group = Group(3, {})
    for session in range(3):
        group.add(sibling(session, right=False))
    assert len({id(one.output.multi_modal_data) for one in group.siblings}) == 1


def test_a_failure_keeps_its_images_whatever_a_siblings_tool_added():
    group = Group(3, {})
    group.add(sibling(0, right=True, images=("picture", "cropped"), wrote_all=False))
    group.add(sibling(1, right=False))
    group.add(sibling(2, right=False, images=("picture", "turned"), wrote_all=False))
    seen = [one.output.multi_modal_data["images"] for one in group.siblings]
    assert seen == [["picture", "cropped"], ["picture"], ["picture", "turned"]]


def test_equally_near_failures_are_picked_by_their_number():
    """Session 2 before 10, whose key comes first in the alphabet."""
    picker = Picker.build(CareConfig(rgr=RgrConfig(candidates="all")), Bytes(), LengthLimits(400, 500))
    siblings = [sibling(session, right=session not in (2, 10)) for session in range(12)]
    assert [failure.key for failure, _ in picker.candidates(siblings)] == ["u_2_0", "u_10_0"]


def test_no_more_repairs_are_asked_for_than_the_subgroup_has_places():
    """Of 16 rollouts 1 is right; half would be 7 repairs, but K = 4. In a failed group each may become an anchor."""
    care = CareConfig(rgr=RgrConfig(candidates="all", groups="all", fill_to=0.5))
    picker = Picker.build(care, Bytes(), LengthLimits(400, 500))
    mixed = [sibling(session, right=session == 0) for session in range(16)]
    assert len(picker.candidates(mixed)) == 4
    assert len(picker.candidates([sibling(session, right=False) for session in range(16)])) == 8
