# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The three ways to answer a failure again: what each is asked with, and how successes are counted."""

import pytest
import torch

from recipe.tiny import repair_controls
from recipe.tiny.generate import Request, Sampling, complete, prompt_ids
from recipe.tiny.models import load
from recipe.tiny.prompts import target_text
from recipe.tiny.repair_controls import Arm, Failure, compare, find_failures, is_right
from recipe.tiny.tasks import TASKS

RIGHT, WRONG = (lambda q: target_text(q)), (lambda q: target_text(TASKS["count_add"].err(q, None)))


@pytest.fixture(scope="module")
def loaded(checkpoint):
    return load(checkpoint)


def encode(processor, text):
    return [*processor.tokenizer.encode(text, add_special_tokens=False), processor.tokenizer.eos_token_id]


def test_interval_is_wilsons():
    # 8 of 10: rate 0.8, z = 1.96. Middle (0.8 + 3.8416/20) / (1 + 3.8416/10) = 0.99208 / 1.38416 = 0.71674;
    # reach 1.96 / 1.38416 * sqrt(0.8 * 0.2 / 10 + 3.8416 / 400) = 1.41602 * sqrt(0.025604) = 0.22658.
    low, high = Arm("cue", 10, 8).interval
    assert (low, high) == (pytest.approx(0.71674 - 0.22658, abs=1e-4), pytest.approx(0.71674 + 0.22658, abs=1e-4))


def test_continuations_do_not_depend_on_who_shares_the_batch(loaded, questions):
    model, processor = loaded
    longer = [*prompt_ids(processor, questions[1]), *encode(processor, "<think>")[:-1]]
    requests = [Request(prompt_ids(processor, questions[0]), questions[0].image), Request(longer, questions[1].image)]
    greedy = Sampling(max_tokens=6)
    together = complete(model, processor, requests, greedy)
    assert together == [complete(model, processor, [request], greedy)[0] for request in requests]


def test_only_failures_of_mixed_groups_are_taken(loaded, questions, monkeypatch):
    _, processor = loaded
    texts = [RIGHT, WRONG, WRONG, WRONG, RIGHT, RIGHT]  # a mixed, an all-wrong and an all-right group of two
    rows = [encode(processor, text(questions[row // 2])) for row, text in enumerate(texts)]
    monkeypatch.setattr(repair_controls, "complete", lambda *_: rows)
    (failure,) = find_failures(None, processor, questions[:3], 2, Sampling(1.0))
    assert failure.question is questions[0] and failure.sampled.response_ids == rows[1]
    assert failure.sampled.prompt_ids == prompt_ids(processor, questions[0])


def test_each_arm_is_asked_as_its_name_says(loaded, questions, monkeypatch):
    _, processor = loaded
    decode = processor.tokenizer.decode
    failures = find_failures_by_hand(processor, questions[:2])
    asked, seeds = [], []

    def record(model, processor, requests, sampling):
        asked.append([decode(request.ids) for request in requests])
        seeds.append(sampling.seed)
        rest = [RIGHT(failure.question).removeprefix("<think>") for failure in failures]
        return [encode(processor, rest[0]), encode(processor, "no answer")]

    monkeypatch.setattr(repair_controls, "complete", record)
    arms = compare(None, processor, failures, "plain", Sampling(1.0, seed=3))
    with_cue, without, fresh = (texts[0] for texts in asked)
    prompt = decode(failures[0].sampled.prompt_ids)
    wrong = TASKS["count_add"].err(questions[0], None).rationale
    assert with_cue.startswith(f"{prompt}<think>{wrong}\nWait, there is an error") and with_cue.endswith("briefly.\n")
    assert without == f"{prompt}<think>{wrong}"
    assert fresh == prompt
    # A fresh rollout has to open the tag itself; here it does not, and a missing tag does not make the answer wrong.
    assert [(arm.name, arm.right, arm.tried) for arm in arms] == [("cue", 1, 2), ("no cue", 1, 2), ("fresh", 1, 2)]
    assert len(set(seeds)) == 3


def find_failures_by_hand(processor, questions):
    return [
        Failure(one, repair_controls.Sampled(prompt_ids(processor, one), encode(processor, WRONG(one)), None))
        for one in questions
    ]


def test_verdicts_are_the_verifiers(loaded, questions):
    _, processor = loaded
    assert is_right(processor, questions[0], encode(processor, RIGHT(questions[0])))
    assert not is_right(processor, questions[0], encode(processor, WRONG(questions[0])))


def test_no_mixed_group_is_said(data, base, tmp_path, monkeypatch):
    (tmp_path / "model").symlink_to(base)
    (tmp_path / "data").symlink_to(data)
    threads = torch.get_num_threads()
    with pytest.raises(SystemExit, match="raise --prompts"):
        repair_controls.main(["--model", str(tmp_path), "--prompts", "1", "--samples", "1"])
    assert torch.get_num_threads() == threads == 1


def test_a_missing_model_is_named(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        repair_controls.main(["--model", str(tmp_path)])
    assert stop.value.code == 2 and "care tiny-prepare makes such folders" in capsys.readouterr().err
