# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The two steps a CARE-aware trainer extends, around verl's own, over a real TransferQueue."""

import json

import pytest
import torch
from tensordict import TensorDict
from verl.trainer.ppo.v1.trainer_base import PPOTrainer

from recipe.care.errors import CareConfigError, CareDataError
from recipe.estimators import registry
from recipe.replay.records import read_record
from tests.unit.verl_ext.repair.byte_tokenizer import Bytes
from verl_ext.checks.dry_run import compose
from verl_ext.step.rollouts import read_rows, write_rows
from verl_ext.trainer import CareTrainerMixin

PROMPT = 3
TEXTS = {
    "p_0_0": ("<think>ab</think><answer>1</answer>", 1.0),
    "p_1_0": ("<think>abc</think><answer>2</answer>", 0.0),
    "p_2_0": ("<think>z</think><answer>3</answer>", 0.0),
    "pad0_0_0": ("x", 0.0),
}
NEAR = {"p_0_0": [1.0, 0.0], "p_1_0": [0.0, 1.0], "p_2_0": [0.9, 0.1], "pad0_0_0": [0.0, 0.0]}
CARE = [
    "algorithm.adv_estimator=care",
    "+algorithm.care.k=1",
    "+algorithm.care.m=1",
    "+algorithm.care.regions.enable=false",
    "+algorithm.care.rgr.enable=false",
]


class Stock(PPOTrainer):
    """verl's trainer without its start-up, which needs a cluster; the methods under test are verl's own."""

    def __init__(self, config):
        self.config = config

    def __getattr__(self, name):
        raise AttributeError(name)


Stock.__abstractmethods__ = frozenset()


class CareAware(CareTrainerMixin, Stock):
    """As the plugin derives it."""


class Workers:
    """Stands in for the remote workers: writes what the log-prob pass writes, and notes what it was asked."""

    def __init__(self, tq):
        self.tq, self.requests, self.seen_fields = tq, [], []
        self._dispatch_info = {"actor": [0]}

    def compute_log_prob(self, batch):
        self.requests.append(dict(batch.extra_info))
        fields = ["response_mask", "care_pool_mask"]
        data = self.tq.kv_batch_get(keys=batch.keys, partition_id=batch.partition_id, select_fields=fields)
        self.seen_fields.append(sorted(data.keys()))
        lengths = [PROMPT + len(mask) for mask in data["response_mask"].unbind()]
        whole = [-0.5 - 0.01 * torch.arange(length) for length in lengths]
        output = {name: torch.nested.as_nested_tensor(whole, layout=torch.jagged) for name in ("log_probs", "entropy")}
        if batch.extra_info.get("care_think_embeddings"):
            states = [torch.tensor(NEAR[key]) for key in batch.keys]
            output["think_embeddings"] = torch.nested.as_nested_tensor(states, layout=torch.jagged)
        fields = TensorDict(output, batch_size=len(batch))
        return self.tq.kv_batch_put(keys=batch.keys, partition_id=batch.partition_id, fields=fields)


@pytest.fixture
def batch(put):
    rows = {}
    for key, (text, acc) in TEXTS.items():
        scores = torch.zeros(len(text))
        scores[-1] = acc
        rows[key] = {
            "uid": key.rsplit("_", 2)[0],
            "prompts": torch.zeros(PROMPT, dtype=torch.int64),
            "responses": torch.tensor(list(text.encode())),
            "response_mask": torch.ones(len(text), dtype=torch.int64),
            "rm_scores": scores,
            "rollout_log_probs": -0.6 - 0.02 * (torch.arange(len(text)) % 7),
            "extra_fields": {"reward_extra_info": {"score": acc, "acc": acc}},
        }
    lengths = [PROMPT + len(text) for text, _ in TEXTS.values()]
    tags = [{"seq_len": length} for length in lengths]
    tags[-1]["is_padding"] = True
    return put(rows, tags=tags)


@pytest.fixture
def make_trainer(transfer_queue):
    def make(cls, *overrides):
        trainer = cls(compose([*overrides, "actor_rollout_ref.rollout.n=3"]))
        trainer.tokenizer, trainer.processor = Bytes(), None
        trainer.actor_rollout_wg = Workers(transfer_queue)
        trainer.global_steps = 7
        return trainer

    return make


def run_step(trainer, batch):
    """The two steps as verl's fit calls them."""
    metrics = {}
    batch = trainer._compute_old_log_prob(batch, metrics=metrics)
    batch = trainer._compute_advantage(batch, metrics=metrics)
    return read_rows(batch, "advantages"), metrics


def test_care_advantages_reach_the_queue(make_trainer, batch):
    advantages, metrics = run_step(make_trainer(CareAware, *CARE), batch)
    # +1 for the anchor; its nearest failure by the embeddings, p_2_0, gets -1 at half scale; the rest nothing.
    expected = {"p_0_0": 1.0, "p_1_0": 0.0, "p_2_0": -0.5, "pad0_0_0": 0.0}
    for key, row in zip(TEXTS, advantages, strict=True):
        torch.testing.assert_close(row, torch.full((len(TEXTS[key][0]),), expected[key]), rtol=0, atol=1e-5)
    assert metrics["care/groups_mixed"] == 1 and metrics["care/left_out/padding"] == 1
    assert "actor/entropy" in metrics


def test_embeddings_are_asked_of_that_one_pass(make_trainer, batch):
    trainer = make_trainer(CareAware, *CARE)
    after = trainer._compute_old_log_prob(batch, metrics={})
    assert [request.get("care_think_embeddings") for request in trainer.actor_rollout_wg.requests] == [True]
    assert "care_think_embeddings" not in after.extra_info
    # "<think>" is 7 bytes; p_0_0's rationale is "ab", p_1_0's "abc"; a row without one is pooled over all of it.
    masks = [mask.nonzero().flatten().tolist() for mask in read_rows(batch, "care_pool_mask")]
    assert masks == [[7, 8], [7, 8, 9], [7], [0]]


def test_rows_that_nobody_reads_are_left_out_of_the_pass(make_trainer, batch):
    """The padding row is not looked at: its log-probabilities are those that were sampled, and its embedding is 0."""
    trainer = make_trainer(CareAware, *CARE, "actor_rollout_ref.rollout.calculate_log_probs=True")
    advantages, metrics = run_step(trainer, batch)
    assert metrics["care/rows_skipped/log_probs"] == 0.25
    sampled, old, states = (
        read_rows(batch, name) for name in ("rollout_log_probs", "old_log_probs", "think_embeddings")
    )
    assert torch.equal(old[3], sampled[3]) and not states[3].any()
    assert not torch.equal(old[0], sampled[0]) and states[0].tolist() == NEAR["p_0_0"]
    assert [row[0].item() for row in advantages] == pytest.approx([1.0, 0.0, -0.5, 0.0], abs=1e-5)


@pytest.mark.parametrize("selector", ["random", "lexical"])
def test_selectors_without_embeddings_ask_for_none(make_trainer, batch, selector):
    trainer = make_trainer(CareAware, *CARE, f"+algorithm.care.selector={selector}")
    advantages, _ = run_step(trainer, batch)
    assert "care_think_embeddings" not in trainer.actor_rollout_wg.requests[0]
    assert trainer.actor_rollout_wg.seen_fields == [["response_mask"]]
    assert advantages[0][0] == pytest.approx(1.0, abs=1e-5)


def test_a_step_without_repairs_is_the_same_with_rgr_on(make_trainer, batch):
    on = [*CARE[:-1], "+algorithm.care.rgr.enable=true"]
    plain, _ = run_step(make_trainer(CareAware, *CARE), batch)
    advantages, metrics = run_step(make_trainer(CareAware, *on), batch)
    for one, two in zip(plain, advantages, strict=True):
        torch.testing.assert_close(one, two)
    assert any(name.startswith("care/rgr/") for name in metrics)


def test_a_step_is_recorded(make_trainer, batch, tmp_path):
    trainer = make_trainer(CareAware, *CARE, f"+algorithm.care.records.folder={tmp_path / 'records'}")
    run_step(trainer, batch)
    trainer._recorder.close()
    lines = (tmp_path / "records" / "7.jsonl").read_text().splitlines()
    records = [read_record(json.loads(line)) for line in lines]
    assert [(one.uid, one.role, one.anchor) for one in records] == [
        ("p_0_0", "anchor", 0),
        ("p_1_0", "unused", None),
        ("p_2_0", "hard_negative", 0),
    ]
    assert [one.output for one in records] == [text for text, _ in TEXTS.values()][:3]
    assert {one.step for one in records} == {7}


def test_a_step_of_another_estimator_is_recorded_and_stays_as_it_was(make_trainer, batch, tmp_path):
    trainer = make_trainer(CareAware, "algorithm.adv_estimator=grpo", f"+algorithm.care.records.folder={tmp_path}")
    ours, our_metrics = run_step(trainer, batch)
    theirs, their_metrics = run_step(make_trainer(Stock, "algorithm.adv_estimator=grpo"), batch)
    assert our_metrics == their_metrics
    assert all(torch.equal(one, two) for one, two in zip(ours, theirs, strict=True))
    trainer._recorder.close()
    records = [read_record(json.loads(line)) for line in (tmp_path / "7.jsonl").read_text().splitlines()]
    assert [one.acc for one in records] == [1.0, 0.0, 0.0]
    assert [one.advantage for one in records] == pytest.approx([row[0].item() for row in theirs[:3]], abs=1e-5)


def test_a_run_ends_when_its_records_are_written(make_trainer, batch, tmp_path, monkeypatch):
    """Also one that fails in its last step."""

    def fit(trainer, agent_loop_manager):
        run_step(trainer, agent_loop_manager)
        raise KeyboardInterrupt

    monkeypatch.setattr(Stock, "fit", fit)
    trainer = make_trainer(CareAware, *CARE, f"+algorithm.care.records.folder={tmp_path}")
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(batch)
    assert len((tmp_path / "7.jsonl").read_text().splitlines()) == 3


def test_another_estimator_gives_verls_own_numbers(make_trainer, batch):
    grpo = "algorithm.adv_estimator=grpo"
    aware, stock = make_trainer(CareAware, grpo), make_trainer(Stock, grpo)
    assert aware.care is None
    ours, our_metrics = run_step(aware, batch)
    theirs, their_metrics = run_step(stock, batch)
    assert any(row.any() for row in theirs)
    assert all(torch.equal(one, two) for one, two in zip(ours, theirs, strict=True))
    assert our_metrics == their_metrics
    assert aware.actor_rollout_wg.requests == stock.actor_rollout_wg.requests
    assert aware.actor_rollout_wg.seen_fields == stock.actor_rollout_wg.seen_fields == [["response_mask"]]


def test_another_estimator_passes_the_same_objects_through():
    """Whatever verl hands to its methods reaches them, and what they return is returned."""
    calls = []

    class Base:
        def __init__(self, config):
            self.config = config

        def _compute_old_log_prob(self, batch, metrics):
            calls.append((batch, metrics))
            return "log-probs"

        def _compute_advantage(self, batch, metrics):
            calls.append((batch, metrics))
            return "advantages"

    config = compose(["algorithm.adv_estimator=grpo"])
    before = json.dumps(str(config))
    trainer = type("Aware", (CareTrainerMixin, Base), {})(config)
    batch, metrics = object(), {}
    assert trainer._compute_old_log_prob(batch, metrics=metrics) == "log-probs"
    assert trainer._compute_advantage(batch, metrics=metrics) == "advantages"
    assert all(seen is batch and noted is metrics for seen, noted in calls) and len(calls) == 2
    assert trainer.config is config and json.dumps(str(config)) == before and metrics == {}


@pytest.mark.parametrize("repairs", ["true", "false"])
def test_a_batch_that_was_reordered_in_between_is_refused(make_trainer, batch, repairs):
    """Token advantages go back by place, and regions were found in these places."""
    trainer = make_trainer(CareAware, *CARE[:-1], f"+algorithm.care.rgr.enable={repairs}")
    batch = trainer._compute_old_log_prob(batch, metrics={})
    batch.reorder([1, 0, 2, 3])
    with pytest.raises(CareDataError, match="reordered"):
        trainer._compute_advantage(batch, metrics={})


def test_a_bad_setting_stops_the_trainer_before_it_starts():
    with pytest.raises(CareConfigError, match=r"algorithm\.care\.k=0"):
        CareAware(compose([*CARE[:1], "+algorithm.care.k=0"]))


MINE = """
from dataclasses import dataclass
import numpy as np
from recipe.estimators import Need, group_estimator

@dataclass(frozen=True)
class Mine:
    scale: float = 1.0

@group_estimator("of_the_test", settings=Mine, needs=[{needs}])
def mine(group, settings):
    {body}
"""


@pytest.fixture
def with_file(monkeypatch, tmp_path):
    """Command-line settings that train with an estimator of one's own."""
    monkeypatch.setattr(registry, "_ESTIMATORS", dict(registry.estimators()))

    def write(body, needs=""):
        path = tmp_path / "mine.py"
        path.write_text(MINE.format(body=body, needs=needs))
        return ["algorithm.adv_estimator=of_the_test", f"+algorithm.estimator_file={path}"]

    return write


def test_an_estimator_of_ones_own_reaches_the_queue(make_trainer, batch, with_file):
    """2 * (right - 1/3) on every token of a row, and nothing on padding; nothing is pooled."""
    mine = with_file("return settings.scale * (group.right_G - group.right_G.mean())")
    trainer = make_trainer(CareAware, *mine, "+algorithm.of_the_test.scale=2")
    advantages, metrics = run_step(trainer, batch)
    expected = {"p_0_0": 4 / 3, "p_1_0": -2 / 3, "p_2_0": -2 / 3, "pad0_0_0": 0.0}
    for key, row in zip(TEXTS, advantages, strict=True):
        torch.testing.assert_close(row, torch.full((len(TEXTS[key][0]),), expected[key]))
    assert metrics["estimator/acc"] == pytest.approx(1 / 3) and metrics["care/left_out/padding"] == 1
    assert trainer.care is None and trainer.actor_rollout_wg.seen_fields == [["response_mask"]]


def test_embeddings_are_asked_for_where_they_are_declared(make_trainer, batch, with_file):
    mine = with_file("return group.distance_GG[0] - 1", "Need.EMBEDDINGS")
    trainer = make_trainer(CareAware, *mine)
    after = trainer._compute_old_log_prob(batch, metrics={})
    assert [request.get("care_think_embeddings") for request in trainer.actor_rollout_wg.requests] == [True]
    assert "care_think_embeddings" not in after.extra_info
    masks = [mask.nonzero().flatten().tolist() for mask in read_rows(batch, "care_pool_mask")]
    assert masks == [[7, 8], [7, 8, 9], [7], [0]]
    advantages = read_rows(trainer._compute_advantage(after, metrics={}), "advantages")
    # (1, 0) against itself, against (0, 1), and against (0.9, 0.1), whose cosine is 0.9939.
    assert [row[0].item() for row in advantages] == pytest.approx([-1, 0, -0.99388, 0], abs=1e-4)


def test_the_reference_is_read_where_it_is_declared(make_trainer, batch, with_file):
    """Old log-probabilities of the stand-in begin at -0.5 - 0.01 * 2, behind three tokens of the prompt."""
    mine = with_file("return group.logp_G - group.ref_logp_G", "Need.LOGP, Need.REF_LOGP")
    trainer = make_trainer(CareAware, *mine, "actor_rollout_ref.actor.use_kl_loss=True")
    trainer._compute_old_log_prob(batch, metrics={})
    old = read_rows(batch, "old_log_probs")
    write_rows(batch, batch.keys, [{"ref_log_prob": row - 0.25} for row in old])
    batch = trainer._compute_advantage(batch, metrics={})
    advantages = read_rows(batch, "advantages")
    lengths = [len(text) for text, _ in TEXTS.values()]
    assert [row[0].item() for row in advantages] == pytest.approx([*(0.25 * one for one in lengths[:3]), 0], rel=1e-4)


def test_token_advantages_reach_the_queue_as_they_are(make_trainer, batch, with_file):
    mine = with_file("return np.where(group.answer_GT, group.right_G[:, None] - 0.5, 0.0)", "Need.REGIONS")
    advantages, _ = run_step(make_trainer(CareAware, *mine), batch)
    text = TEXTS["p_0_0"][0]
    expected = [0.5 * (place >= text.index("<answer>")) for place in range(len(text))]
    assert advantages[0].tolist() == expected


def test_grpo_as_an_estimator_gives_verls_own_numbers(make_trainer, batch, with_file):
    """Verl's own gives the padding row, a group of one, its reward, which is 0 here."""
    mine = with_file("from recipe.estimators.baseline import standardized; return standardized(group.reward_G)")
    ours, _ = run_step(make_trainer(CareAware, *mine), batch)
    theirs, _ = run_step(make_trainer(Stock, "algorithm.adv_estimator=grpo"), batch)
    assert any(row.any() for row in theirs)
    for one, two in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=1e-6)


def test_a_step_of_ones_own_estimator_is_recorded(make_trainer, batch, with_file, tmp_path):
    mine = with_file("return group.right_G - 0.5")
    trainer = make_trainer(CareAware, *mine, f"+algorithm.care.records.folder={tmp_path / 'records'}")
    run_step(trainer, batch)
    trainer._recorder.close()
    lines = (tmp_path / "records" / "7.jsonl").read_text().splitlines()
    records = [read_record(json.loads(line)) for line in lines]
    assert [(one.uid, one.advantage) for one in records] == [
        ("p_0_0", pytest.approx(0.5)),
        ("p_1_0", pytest.approx(-0.5)),
        ("p_2_0", pytest.approx(-0.5)),
    ]
