# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Distances, anchors, pools and traversal, on examples small enough to check by hand."""

import math

import pytest
import torch

from recipe.care.config import CareConfig
from recipe.care.errors import CareDataError
from recipe.care.method.distance import content_priority, cosine_distances
from recipe.care.method.groups import Group
from recipe.care.method.selection import ANCHOR_RULES, Subgroup, select_anchored


def at_degrees(*angles: float) -> torch.Tensor:
    """Unit vectors in the plane; the distance of two is 1 - cos of the angle between them, which grows up to 180."""
    return torch.tensor([[math.cos(math.radians(a)), math.sin(math.radians(a))] for a in angles], dtype=torch.float64)


def one_group(correct, embeddings=None, repaired=None, think=None, answer=None, logp=None) -> Group:
    count = len(correct)
    think, answer = think or [1] * count, answer or [1] * count
    logp_B = None if logp is None else torch.tensor(logp, dtype=torch.float64)
    priority_B = content_priority(torch.tensor(think), torch.tensor(answer), logp_B, embeddings)
    return Group(
        rows=list(range(count)),
        correct=[bool(one) for one in correct],
        repaired=[bool(one) for one in repaired or [0] * count],
        think_len=think,
        answer_len=answer,
        logp=logp,
        distance=None if embeddings is None else cosine_distances(embeddings, range(count)).tolist(),
        priority=priority_B.tolist(),
    )


def select(group: Group, config: CareConfig) -> Subgroup:
    subgroup = select_anchored(group, config)
    assert subgroup is not None
    return subgroup


def picked(group: Group, config: CareConfig) -> list[int]:
    return select(group, config).negatives


# --- anchors --------------------------------------------------------------------------------------------------------


def test_the_shortest_positive_is_the_anchor_and_wrong_rows_are_not_asked():
    rows = one_group(correct=[0, 1, 1, 1], think=[1, 30, 20, 25])
    assert ANCHOR_RULES["shortest"](rows) == [2]


def test_anchor_ties_go_to_the_shorter_answer_then_to_the_earlier_row():
    by_answer = one_group(correct=[1, 1, 1], think=[20, 20, 20], answer=[4, 3, 5])
    assert ANCHOR_RULES["shortest"](by_answer) == [1]
    by_row = one_group(correct=[0, 1, 1], think=[20, 20, 20], answer=[3, 3, 3])
    assert ANCHOR_RULES["shortest"](by_row) == [1]


def test_a_group_without_a_positive_has_no_anchor():
    for rule in ("shortest", "random", "highest_logp", "multi"):
        assert select_anchored(one_group([0, 0], at_degrees(0, 90), logp=[-1.0, -2.0]), CareConfig(anchor=rule)) is None


def test_highest_logp_takes_the_likeliest_positive():
    rows = one_group(correct=[0, 1, 1], logp=[-0.1, -0.5, -0.4])
    assert ANCHOR_RULES["highest_logp"](rows) == [2]
    with pytest.raises(CareDataError, match=r"algorithm.care.anchor=highest_logp needs seq_logp"):
        ANCHOR_RULES["highest_logp"](one_group(correct=[0, 1]))


def test_a_random_anchor_depends_on_content_and_reaches_every_positive():
    chosen = set()
    for length in range(40):
        rows = one_group(correct=[0, 1, 1, 1], think=[1, 10 + length, 60 + length, 110 + length])
        (anchor,) = ANCHOR_RULES["random"](rows)
        chosen.add(anchor)
    assert chosen == {1, 2, 3}


def test_multi_makes_every_positive_an_anchor():
    assert ANCHOR_RULES["multi"](one_group(correct=[1, 0, 1])) == [0, 2]


# --- hard negatives -------------------------------------------------------------------------------------------------

# Slot 0 is the anchor, at 0 degrees; the failures in slots 1..7 sit at these angles from it.
FAN = at_degrees(0, 10, 12, 40, 80, 100, 150, 170)
FAN_CORRECT = [1, 0, 0, 0, 0, 0, 0, 0]


def test_nearest_spreads_over_the_pool_of_near_misses():
    """M = 6 leaves out 170. Start at 10 (slot 1).

    Degrees to the nearest already picked:
      after 10:      12 -> 2, 40 -> 30, 80 -> 70, 100 -> 90, 150 -> 140         pick 150 (slot 6)
      after 150:     12 -> 2, 40 -> 30, 80 -> min(70, 70) = 70, 100 -> 50       pick 80 (slot 4)
      after 80:      12 -> 2, 40 -> min(30, 40) = 30, 100 -> 20                 pick 40 (slot 3)
    """
    subgroup = select(one_group(FAN_CORRECT, FAN), CareConfig(k=4, m=6))
    assert subgroup.negatives == [1, 6, 4, 3]
    assert subgroup.k_prime == 4
    assert subgroup.nearest_anchor == [0, 0, 0, 0]


def test_lexical_is_nearest_on_other_embeddings():
    assert picked(one_group(FAN_CORRECT, FAN), CareConfig(selector="lexical")) == [1, 6, 4, 3]


def test_with_m_equal_to_k_the_pool_is_the_nearest():
    """M = K = 3: pool 10, 12, 40. Start 10; 40 is 30 away and 12 only 2."""
    assert picked(one_group(FAN_CORRECT, FAN), CareConfig(k=3, m=3)) == [1, 3, 2]


def test_farthest_starts_at_the_farthest_of_the_far_pool():
    """M = 3: pool 100, 150, 170. Start 170 (slot 7); 100 is 70 away, 150 is 20 away."""
    assert picked(one_group(FAN_CORRECT, FAN), CareConfig(k=2, m=3, selector="farthest")) == [7, 5]


def test_mixed_pools_the_two_nearest_and_the_farthest_of_three():
    """M = 3: ceil(3/2) = 2 nearest (10, 12) and floor(3/2) = 1 farthest (170). Start 10; 170 is 160 away."""
    assert picked(one_group(FAN_CORRECT, FAN), CareConfig(k=3, m=3, selector="mixed")) == [1, 7, 2]


def test_the_near_share_lets_the_subgroup_follow_the_group():
    """Half of seven failures, rounded up, is four: 10, 12, 40 and 80 degrees, 80 being the median.

    Start at 10; then 80 (70 away), then 40 (30 away from 10), then 12. Of one failure, half is that one.
    """
    half = CareConfig(k=5, m=6, near_share=0.5)
    assert picked(one_group(FAN_CORRECT, FAN), half) == [1, 4, 3, 2]
    assert picked(one_group([1, 0], at_degrees(0, 120)), half) == [1]
    assert picked(one_group([1, 0], at_degrees(0, 120)), CareConfig(near_share=0.01)) == [1]


def test_the_near_share_does_not_round_noise_up():
    """0.28 * 25 is 7.000000000000001 in floating point; the failures are 1, 2, ... 25 degrees away."""
    rows = one_group([1] + [0] * 25, at_degrees(*range(26)))
    assert sorted(picked(rows, CareConfig(k=25, m=25, near_share=0.28))) == list(range(1, 8))


def test_mixed_halves_never_overlap_when_all_distances_tie():
    rows = one_group([1, 0, 0, 0, 0], at_degrees(0, 50, 50, 50, 50))
    # Nearest half: slots 1 and 2; farthest half of the rest: 3 and 4. All ties, so in row order.
    assert picked(rows, CareConfig(k=4, m=4, selector="mixed")) == [1, 2, 3, 4]


def test_ties_go_to_the_earlier_row():
    """10 and -10 are equally near: start at slot 1. From there 90 and -110 are 80 and 120 away."""
    rows = one_group([1, 0, 0, 0, 0], at_degrees(0, 10, -10, 90, -110))
    assert picked(rows, CareConfig(k=2, m=4)) == [1, 4]
    twins = one_group([1, 0, 0, 0], at_degrees(0, 30, 90, 90))
    assert picked(twins, CareConfig(k=2, m=3)) == [1, 2]


def test_ties_at_the_edge_of_the_pool_go_to_the_earlier_rows():
    """Forty failures in the same place, enough for an unstable sort to mix them up; M = 4 keeps the first four."""
    rows = one_group([1] + [0] * 40, at_degrees(0, *[50] * 40))
    for selector in ("nearest", "farthest", "mixed"):
        assert picked(rows, CareConfig(k=4, m=4, selector=selector)) == [1, 2, 3, 4]


def test_fewer_failures_than_k_are_all_taken():
    subgroup = select(one_group([0, 1, 0], at_degrees(30, 0, 20)), CareConfig())
    assert subgroup.negatives == [2, 0]
    assert subgroup.nearest_anchor == [1, 1]


def test_random_takes_the_highest_priorities_and_needs_no_embeddings():
    rows = one_group([1, 0, 0, 0, 0, 0], think=[3, 4, 5, 6, 7, 8])
    priority = rows.priority
    assert priority is not None
    expected = sorted(range(1, 6), key=lambda member: -priority[member])[:2]
    assert picked(rows, CareConfig(k=2, selector="random")) == expected


def test_a_zero_embedding_is_neither_near_nor_opposite():
    """Zero vectors sit at distance 1, as 90 degrees does: farther than 40, nearer than 100."""
    rows = one_group([1, 0, 0, 0], torch.cat([at_degrees(0, 100, 40), torch.zeros(1, 2)]))
    assert picked(rows, CareConfig(k=1, m=1)) == [2]
    assert set(picked(rows, CareConfig(k=2, m=2))) == {2, 3}


def test_multi_measures_against_the_nearest_anchor():
    """Anchors at 0 and 180. Degrees to the nearer one: 20 -> 20, 89 -> 89, 175 -> 5.

    Start at 175 (slot 4, anchor 1); then 20 is 155 away and 89 is 86 away: slot 2, anchor 0.
    """
    rows = one_group([1, 1, 0, 0, 0], at_degrees(0, 180, 20, 89, 175))
    subgroup = select(rows, CareConfig(k=2, m=3, anchor="multi"))
    assert subgroup.anchors == [0, 1]
    assert subgroup.negatives == [4, 2]
    assert subgroup.nearest_anchor == [1, 0]


def test_multi_without_embeddings_measures_against_the_shortest_anchor():
    rows = one_group([1, 1, 0, 0], think=[9, 4, 1, 2])
    assert select(rows, CareConfig(k=2, selector="random", anchor="multi")).nearest_anchor == [1, 1]


def test_a_repair_takes_part_like_the_failure_whose_slot_it_fills():
    """With the failure's embedding the selection is the one made before the repair, in the same order."""
    for slot in (1, 3, 4, 6):
        repaired = [int(one == slot) for one in range(8)]
        for verdict in (0, 1):
            correct = [1] + [verdict * one for one in repaired[1:]]
            assert picked(one_group(correct, FAN, repaired=repaired), CareConfig()) == [1, 6, 4, 3]


def test_a_repair_that_is_not_picked_replaces_the_last_pick():
    """Without it: 10, 40, 12 (slots 1, 3, 2). The repair is at 170 degrees (slot 7), outside the pool."""
    rows = one_group(FAN_CORRECT, FAN, repaired=[0, 0, 0, 0, 0, 0, 0, 1])
    assert picked(rows, CareConfig(k=3, m=3)) == [1, 3, 7]


@pytest.mark.parametrize("selector", ["nearest", "mixed", "farthest", "random", "lexical"])
def test_a_repair_is_in_the_subgroup_under_every_selector(selector):
    for verdict in (0, 1):
        rows = one_group([1, 0, 0, 0, 0, 0, verdict, 0], FAN, repaired=[0, 0, 0, 0, 0, 0, 1, 0])
        assert picked(rows, CareConfig(k=1, m=1, selector=selector)) == [6]


def test_several_repairs_replace_the_last_picks_that_are_none():
    """M = K = 3 picks slots 1, 3, 2; slot 3 is a repair itself, so slot 7 takes the place of slot 2."""
    rows = one_group([1, 0, 0, 1, 0, 0, 0, 1], FAN, repaired=[0, 0, 0, 1, 0, 0, 0, 1])
    assert picked(rows, CareConfig(k=3, m=3)) == [1, 3, 7]
    three = one_group(FAN_CORRECT, FAN, repaired=[0, 0, 0, 0, 0, 1, 1, 1])
    # Picks 1, 2; the nearest of the repairs goes to the last place, the next one to the place before it.
    assert picked(three, CareConfig(k=2, m=2)) == [6, 5]


def test_a_repair_in_the_first_place_is_left_out_only_if_it_is():
    rows = one_group([0, 1, 0], at_degrees(30, 0, 20), repaired=[1, 0, 0])
    assert picked(rows, CareConfig()) == [2, 0]
    assert picked(rows, CareConfig(k=1, m=1)) == [0]


def test_groups_that_are_all_correct_or_all_wrong_have_no_subgroup():
    for correct in ([1, 1], [0, 0]):
        assert select_anchored(one_group(correct, at_degrees(0, 90)), CareConfig()) is None
