# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The alarms from within a run, over a real TransferQueue, for any estimator."""

import logging

import pytest
import torch

from recipe.alarms.groups import Row
from recipe.alarms.table import NAMES
from recipe.care.config import AlarmsConfig
from recipe.care.errors import CareConfigError
from tests.unit.verl_ext.repair.byte_tokenizer import Bytes
from verl_ext.checks.dry_run import compose
from verl_ext.checks.validation import validate_alarms
from verl_ext.step.alarms import RunAlarms, as_row
from verl_ext.step.rollouts import ScoredRow, read_scored_rows
from verl_ext.trainer import CareTrainerMixin

PROMPT = "How many?"


@pytest.fixture
def make_batch(put):
    """Rows by key with reward, what the reward function returned, and the prompt."""

    def make(rows, prompt=PROMPT):
        fields = {
            key: {
                "prompts": torch.tensor(list(prompt.encode())),
                "rm_scores": torch.tensor([0.0, reward]),
                "extra_fields": {"reward_extra_info": extras},
            }
            for key, (reward, extras) in rows.items()
        }
        tags = [{"is_padding": key.startswith("pad")} for key in rows]
        return put(fields, tags=tags)

    return make


def _verdict(acc, **more):
    return (acc, {"score": acc, "acc": acc, **more})


ROWS = {
    "p_0_0": _verdict(1.0, pred="5"),
    "p_1_0": _verdict(0.0, pred="6"),
    "q_0_0": _verdict(0.0),
    "q_1_0": _verdict(0.0),
}


def _told(caplog):
    """Our messages; TransferQueue has its own."""
    return [message for message in caplog.messages if message.startswith("CARE")]


def test_rows_are_read_without_padding_and_earlier_outputs(make_batch):
    rows = read_scored_rows(make_batch(ROWS | {"p_1_1": _verdict(1.0), "pad0_0_0": _verdict(1.0)}))
    assert [(row.key, row.group, row.reward) for row in rows] == [
        ("p_0_0", "p", 1.0),
        ("q_0_0", "q", 0.0),
        ("q_1_0", "q", 0.0),
        ("p_1_1", "p", 1.0),
    ]


def test_what_a_reward_function_returned():
    full = {"score": 0.1, "acc": 0.0, "verified": 0.0, "format": 1.0, "pred": "5", "rule": "number"}
    assert as_row(ScoredRow("k", "g", 0.1, full)) == Row("g", 0.1, 0.0, verified=False, format=1.0, answer="5")
    bare = {"acc": 0.1}  # what verl makes of a bare 0.1
    assert as_row(ScoredRow("k", "g", 0.1, bare)) == Row("g", 0.1)


def test_a_stock_step_is_watched_by_its_groups(make_batch, caplog):
    alarms, rows = RunAlarms(AlarmsConfig(), 96), {key: _verdict(0.0) for key in ROWS}
    with caplog.at_level(logging.WARNING):
        for step in range(1, 7):
            metrics = {"critic/score/max": 1.0, "critic/score/min": 0.0}
            assert alarms.look(make_batch(rows), metrics, step, Bytes()) is False
            assert metrics["care/alarm/groups_all_wrong"] == float(step >= 5)
            assert {f"care/alarm/{name}" for name in NAMES} < set(metrics)
            assert metrics["care/timing_s/alarms"] > 0
    (warning,) = _told(caplog)
    assert warning.startswith("CARE alarm at step 5: groups_all_wrong, since step 1: ") and "To do: " in warning


def test_the_summary_comes_at_the_end(make_batch, caplog):
    alarms = RunAlarms(AlarmsConfig(), 96)
    with caplog.at_level(logging.WARNING):
        alarms.summarise()
        assert not _told(caplog)
        alarms.look(make_batch(ROWS, prompt=f"<image>{PROMPT}"), {}, 1, Bytes())
        alarms.summarise()
    assert "CARE alarms of this run:\nstep 1: images_missing, since step 1" in _told(caplog)[-1]


@pytest.mark.parametrize(("stop", "ends"), [(("images_missing",), True), (("policy_broken",), False)])
def test_named_alarms_end_the_run(make_batch, stop, ends):
    alarms = RunAlarms(AlarmsConfig(stop=stop), 96)
    batch = make_batch(ROWS, prompt=f"<image>{PROMPT}")
    assert alarms.look(batch, {}, 1, Bytes()) is ends
    assert alarms.look(batch, {}, 2, Bytes()) is False  # told once


class _Base:
    """A trainer with verl's loop around what is watched; it computes nothing."""

    def __init__(self, config):
        self.config = config
        self.total_training_steps, self.tokenizer, self.logged = 10, Bytes(), []

    def _compute_metrics(self, batch, metrics, timing_raw, global_steps, epoch):
        metrics["critic/score/mean"] = 0.5

    def fit(self, agent_loop_manager):
        step = 1
        while step <= self.total_training_steps:
            metrics = {}
            self._compute_metrics(agent_loop_manager, metrics, {}, global_steps=step, epoch=0)
            self.logged.append(metrics)
            step += 1


@pytest.fixture
def make_trainer():
    def make(*overrides):
        return type("Aware", (CareTrainerMixin, _Base), {})(compose(["algorithm.adv_estimator=grpo", *overrides]))

    return make


def test_a_run_that_is_stopped_makes_one_more_step(make_trainer, make_batch, caplog):
    trainer = make_trainer("+algorithm.care.alarms.stop=[images_missing]", "trainer.save_freq=5")
    with caplog.at_level(logging.WARNING):
        trainer.fit(make_batch(ROWS, prompt=f"<image>{PROMPT}"))
    assert len(trainer.logged) == 2
    assert _told(caplog)[-1].startswith("CARE alarms of this run:")
    assert "CARE ends the run with the next step: algorithm.care.alarms.stop names images_missing" in _told(caplog)


def test_without_a_stop_it_goes_on(make_trainer, make_batch):
    trainer = make_trainer()
    trainer.fit(make_batch(ROWS, prompt=f"<image>{PROMPT}"))
    assert [step["care/alarm/images_missing"] for step in trainer.logged] == [1.0] * 10


def test_switched_off_nothing_is_added(make_trainer, make_batch):
    trainer = make_trainer("+algorithm.care.alarms.enable=false")
    trainer.fit(make_batch(ROWS, prompt=f"<image>{PROMPT}"))
    assert trainer.logged == [{"critic/score/mean": 0.5}] * 10


REFUSED = {
    "+algorithm.care.alarms.stop=[polcy_broken]": "there is no alarm 'polcy_broken'. Known: groups_all_right, ",
    "+algorithm.care.alarms.stop=[policy_broken] trainer.save_freq=-1": "set trainer.save_freq above 0",
    "+algorithm.care.alarms.stop=[policy_broken] +algorithm.care.alarms.enable=false": "alarms.enable=true",
    "+algorithm.care.alarms.of=true": "there is no such setting",
}


@pytest.mark.parametrize("settings", REFUSED)
def test_refused_whatever_the_estimator(settings):
    config = compose(["algorithm.adv_estimator=grpo", "trainer.save_freq=5", *settings.split()])
    with pytest.raises(CareConfigError) as error:
        validate_alarms(config)
    assert REFUSED[settings] in str(error.value) and "algorithm.care.alarms" in str(error.value)
