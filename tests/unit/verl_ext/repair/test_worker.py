# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The repairing worker's control flow on verl's own worker class: no Ray; fake server, scores and TransferQueue."""

import asyncio
import logging
from collections import defaultdict
from types import SimpleNamespace

import pytest
from verl.trainer.ppo.v1 import agent_loop_tq, replay_buffer
from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer

from recipe.care.config import CareConfig, RgrConfig
from recipe.care.repair.choose import Outcome
from recipe.care.repair.plan import LengthLimits
from tests.unit.verl_ext.repair.fakes import (
    FAR,
    MENDED,
    RIGHT,
    STILL_WRONG,
    WRONG,
    Loop,
    Queue,
    Server,
    Worker,
    config,
    repairs_in,
    response,
    run,
)
from verl_ext.repair import requests as rgr_requests
from verl_ext.repair import worker as rgr_worker
from verl_ext.repair.group import Picker
from verl_ext.repair.record import DECODED_AT, SCORED, without_repair
from verl_ext.repair.worker import CareAgentLoopWorker


@pytest.fixture
def queue(monkeypatch):
    queue = Queue()
    monkeypatch.setattr(agent_loop_tq, "tq", queue)
    monkeypatch.setattr(rgr_worker, "tq", queue)
    return queue


@pytest.fixture(autouse=True)
def single_turn_loop(monkeypatch):
    """Verl's ``_run_agent_loop`` instantiates the loop by Hydra; the rest of it is kept."""

    async def run_agent_loop(self, sampling_params, trajectory, *, agent_name, trace=True, **kwargs):
        output = await Loop(self).run(sampling_params, **kwargs)
        return await self._agent_loop_postprocess(output, trajectory["validate"], **kwargs)

    base = CareAgentLoopWorker.__mro__[3]
    assert base.__name__ == "AgentLoopWorker"
    monkeypatch.setattr(base, "_run_agent_loop", run_agent_loop)


def test_failures_are_repaired_before_the_group_is_published(queue):
    server = Server([RIGHT, FAR, WRONG, RIGHT], MENDED)
    run(server)
    repairs = repairs_in(queue)
    assert {key: (one.report.outcome, one.report.rank) for key, one in repairs.items()} == {
        "u_1_0": (Outcome.PASSED, 1),
        "u_2_0": (Outcome.PASSED, 0),
    }
    assert queue.log[0] == ("u", "running") and queue.log[-1] == ("u", "finished")
    assert queue.log[-2] == (("u_2_0", "u_1_0"), "rows")
    assert set(queue.rows) == {"u_0_0", "u_1_0", "u_2_0", "u_3_0"}
    row = repairs["u_2_0"].row
    assert bytes(row.text.response_ids[:-1]).startswith(b"<think>mended</think>")
    assert row.text.log_probs == [-0.5] * len(row.text.response_ids)
    assert row.input_ids.tolist() == [81, *row.text.response_ids]
    assert row.position_ids.shape == (4, len(row.input_ids))
    assert (row.reward, row.min_global_steps, row.max_global_steps) == (1.0, 7, 8)
    # The stored row itself is untouched.
    assert queue.rows["u_2_0"]["responses"].tolist() == WRONG
    assert queue.extra("u_2_0")["reward_extra_info"]["acc"] == 0.0
    assert all(DECODED_AT in queue.extra(key) for key in queue.rows)


def test_a_repair_is_routed_as_its_failure_and_asked_in_ids(queue):
    server = Server([RIGHT, WRONG, RIGHT, RIGHT], MENDED)
    care = CareConfig(rgr=RgrConfig(template="Again.", temperature=0.6, top_p=0.95, max_tokens=50))
    run(server, care)
    (request,) = server.repairs
    assert request.id == "r-1"
    assert request.prompt == [81, *b"<think>so", *b"\nAgain.\n"]
    assert request.params == {"temperature": 0.6, "top_p": 0.95, "logprobs": True, "max_tokens": 50}
    assert request.media["image_data"] == ["picture"] and request.priority < server.requests[0].priority


def test_without_overrides_the_rollouts_sampling_settings_hold(queue):
    server = Server([RIGHT, WRONG, RIGHT, RIGHT], MENDED)
    run(server, logprobs=False)
    assert server.repairs[0].params["temperature"] == 1.0
    assert repairs_in(queue)["u_1_0"].row.text.log_probs is None


def test_validation_is_verls_own(queue):
    server = Server([RIGHT, WRONG, RIGHT, RIGHT], MENDED)
    run(server, validate=True)
    assert len(server.requests) == 4 and not repairs_in(queue)
    assert not any(DECODED_AT in queue.extra(key) for key in queue.rows)


@pytest.mark.parametrize("rollouts", [[RIGHT] * 4, [WRONG] * 4])
def test_only_mixed_groups_are_repaired(queue, rollouts):
    server = Server(rollouts, MENDED)
    run(server)
    assert not server.repairs and not repairs_in(queue)
    assert queue.log[-1] == ("u", "finished")


@pytest.mark.parametrize(("groups", "mixed", "failed"), [("mixed", 2, 0), ("failed", 0, 2), ("all", 2, 2)])
def test_the_setting_says_which_groups_are_repaired(queue, groups, mixed, failed):
    care = CareConfig(rgr=RgrConfig(groups=groups))
    for rollouts, expected in (([RIGHT, WRONG, FAR, RIGHT], mixed), ([WRONG, FAR, WRONG, FAR], failed)):
        server = Server(rollouts, MENDED)
        queue.rows.clear()
        run(server, care)
        assert len(server.repairs) == len(repairs_in(queue)) == expected
    run(server := Server([RIGHT] * 4, MENDED), care)
    assert not server.repairs


@pytest.mark.parametrize(("candidates", "expected"), [(1, 1), (2, 2), ("all", 3)])
def test_candidates_are_limited(queue, candidates, expected):
    server = Server([RIGHT, WRONG, FAR, WRONG], MENDED)
    run(server, CareConfig(rgr=RgrConfig(candidates=candidates)))
    assert len(server.repairs) == len(repairs_in(queue)) == expected


@pytest.mark.parametrize(
    ("rollouts", "candidates", "expected"),
    [
        ([WRONG, FAR, WRONG, FAR], "all", 2),
        ([WRONG, FAR, WRONG, FAR], 1, 1),
        ([RIGHT, WRONG, FAR, WRONG], "all", 1),
        ([RIGHT, WRONG, FAR, RIGHT], "all", 0),
        ([RIGHT, WRONG, RIGHT, RIGHT], "all", 0),
    ],
)
def test_no_more_repairs_are_asked_for_than_fill_half_the_group(queue, rollouts, candidates, expected):
    server = Server(rollouts, MENDED)
    run(server, CareConfig(rgr=RgrConfig(groups="all", candidates=candidates, fill_to=0.5)))
    assert len(server.repairs) == len(repairs_in(queue)) == expected


def test_a_failure_without_room_is_passed_over_and_counted(queue):
    """The likest failure has a longer rationale than fits together with the cue and a repair."""
    long = response("6", "so " * 60)
    server = Server([RIGHT, long, FAR, RIGHT], MENDED)
    care = CareConfig(rgr=RgrConfig(candidates=1, target="continue"))
    run(server, care, limits=LengthLimits(response=200, model=900))
    outcomes = {key: one.report.outcome for key, one in repairs_in(queue).items()}
    assert outcomes == {"u_1_0": Outcome.OVER_BUDGET, "u_2_0": Outcome.PASSED}
    assert len(server.repairs) == 1


def test_a_repair_that_is_wrong_again_is_kept(queue):
    run(Server([RIGHT, WRONG, RIGHT, RIGHT], STILL_WRONG))
    (repair,) = repairs_in(queue).values()
    assert (repair.report.outcome, repair.row.reward) == (Outcome.FAILED, 0.0)


def test_a_repair_whose_verification_errs_is_discarded(queue):
    run(Server([RIGHT, WRONG, RIGHT, RIGHT], MENDED), broken_verifier=True)
    (repair,) = repairs_in(queue).values()
    assert (repair.report.outcome, repair.row, repair.report.tokens) == (Outcome.DISCARDED, None, len(MENDED))


def test_an_empty_repair_is_discarded(queue):
    run(Server([RIGHT, WRONG, RIGHT, RIGHT], []))
    (repair,) = repairs_in(queue).values()
    assert (repair.report.outcome, repair.report.tokens) == (Outcome.DISCARDED, 0)


# --- dynamic sampling -----------------------------------------------------------------------------------------------


def dropped(queue, monkeypatch, metric="acc"):
    """Verl's own judgement: the groups whose rollouts are all alike in ``metric``."""
    monkeypatch.setattr(replay_buffer, "tq", queue)
    buffer = SimpleNamespace(
        filter_groups_metric=metric,
        finished_keys={"train": {"u"}},
        partitions={"train": list(queue.rows)},
        _dapo_classification_cache=defaultdict(dict),
    )
    groups, _ = ReplayBuffer._dapo_filtered_keys(buffer, "train")
    return groups == {"u"}


@pytest.mark.parametrize(
    ("rollouts", "repair", "is_dropped"),
    [
        ([WRONG, FAR, WRONG, FAR], MENDED, False),
        ([WRONG, FAR, WRONG, FAR], STILL_WRONG, True),
        # Its only failure is mended; with two of them one stays, for the trainer uses one repair of a group.
        ([RIGHT, WRONG, RIGHT, RIGHT], MENDED, True),
        ([RIGHT, WRONG, FAR, RIGHT], MENDED, False),
        ([RIGHT, WRONG, FAR, RIGHT], STILL_WRONG, False),
    ],
)
def test_dynamic_sampling_judges_a_group_as_its_repair_leaves_it(queue, monkeypatch, rollouts, repair, is_dropped):
    care = CareConfig(rgr=RgrConfig(groups="all", candidates="all"))
    run(Server(rollouts, repair), care, config=config(dynamic_sampling=True))
    assert dropped(queue, monkeypatch) is is_dropped
    shown = [key for key in queue.rows if SCORED in queue.extra(key)]
    assert len(shown) == (repair is MENDED)
    for key in shown:
        assert queue.extra(key)["reward_extra_info"]["acc"] == 1.0 and queue.extra(key)[SCORED]["acc"] == 0.0
        assert without_repair(queue.extra(key))["reward_extra_info"] == queue.extra(key)[SCORED]


def test_dynamic_sampling_is_shown_all_repairs_that_fill_a_group(queue):
    care = CareConfig(rgr=RgrConfig(groups="all", candidates="all", fill_to=0.5))
    run(Server([WRONG, FAR, WRONG, FAR], MENDED), care, config=config(dynamic_sampling=True))
    assert [queue.extra(key)["reward_extra_info"]["acc"] for key in sorted(queue.rows)].count(1.0) == 2


def test_without_dynamic_sampling_nothing_is_shown(queue, monkeypatch):
    care = CareConfig(rgr=RgrConfig(groups="failed"))
    run(Server([WRONG, FAR, WRONG, FAR], MENDED), care, config=config(dynamic_sampling=False))
    assert repairs_in(queue) and not any(SCORED in queue.extra(key) for key in queue.rows)
    assert dropped(queue, monkeypatch)


# --- faults ---------------------------------------------------------------------------------------------------------


def test_a_failing_request_costs_only_the_repair(queue, caplog):
    with caplog.at_level(logging.WARNING):
        run(Server([RIGHT, WRONG, RIGHT, RIGHT], RuntimeError("the server is gone")))
    (repair,) = repairs_in(queue).values()
    assert repair.report.outcome is Outcome.FAILED_REQUEST
    assert queue.log[-1] == ("u", "finished") and len(queue.rows) == 4
    assert "the server is gone" in caplog.text


def test_a_repair_that_hangs_is_given_up(queue, monkeypatch):
    monkeypatch.setattr(rgr_requests, "SHORTEST_LIMIT_S", 0.05)
    run(Server([RIGHT, WRONG, RIGHT, RIGHT], MENDED, delay=30.0))
    (repair,) = repairs_in(queue).values()
    assert repair.report.outcome is Outcome.FAILED_REQUEST
    assert 0.05 <= repair.report.seconds < 5.0
    assert queue.log[-1] == ("u", "finished")


def test_a_fault_of_the_stage_itself_is_logged_and_the_group_goes_on(queue, caplog, monkeypatch):
    monkeypatch.setattr(Picker, "candidates", lambda self, siblings: 1 / 0)
    run(Server([RIGHT, WRONG, RIGHT, RIGHT], MENDED))
    assert queue.log[-1] == ("u", "finished")
    assert "CARE could not repair a group" in caplog.text and "ZeroDivisionError" in caplog.text


def test_a_sibling_that_fails_last_does_not_cost_the_others_their_repairs(queue):
    """Session 0 answers last; verl then publishes the group as failed, which is its own rule."""
    server = Server([RuntimeError("one rollout died"), WRONG, RIGHT, RIGHT], MENDED)
    run(server)
    assert list(repairs_in(queue)) == ["u_1_0"]
    assert queue.log[-1] == ("u", "failure")


def test_tool_turns_are_not_repaired(queue, monkeypatch):
    async def with_tool(self, sampling_params, session_id, **kwargs):
        output = await run_loop(self, sampling_params, session_id, **kwargs)
        return output.model_copy(update={"response_mask": [0, *output.response_mask[1:]]})

    run_loop = Loop.run
    monkeypatch.setattr(Loop, "run", with_tool)
    server = Server([RIGHT, WRONG, RIGHT, RIGHT], MENDED)
    run(server)
    assert not server.repairs


def test_two_prompts_at_once_do_not_mix(queue):
    async def both():
        worker = Worker(Server([RIGHT, WRONG, RIGHT, RIGHT], MENDED), CareConfig())
        prompts = [{"uid": uid, "agent_name": "single", "global_steps": 7, "raw_prompt": []} for uid in ("u", "v")]
        params = {"temperature": 1.0, "logprobs": True}
        trajectories = [{"validate": False}, {"validate": True}]
        tasks = (worker._run_prompt(p, params, t) for p, t in zip(prompts, trajectories, strict=True))
        await asyncio.gather(*tasks)

    asyncio.run(both())
    assert list(repairs_in(queue)) == ["u_1_0"]
