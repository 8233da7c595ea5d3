# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The warm start trains on responses only, reproducibly; the command line adds the rest."""

import functools
import json
import random
import subprocess
import sys

import pytest
import torch

from recipe.care.config import RgrConfig
from recipe.care.repair.plan import LengthLimits, RepairText, Sampled, plan_repair
from recipe.tiny import prepare
from recipe.tiny.dataset import read_questions
from recipe.tiny.generate import GroupReport, Sampling, evaluate, report_groups
from recipe.tiny.models import FAMILIES, load
from recipe.tiny.prompts import chat, plain_lesson, repair_lesson, target_text
from recipe.tiny.settings import ARCHITECTURES, WarmStartSettings
from recipe.tiny.tasks import TASKS
from recipe.tiny.warm_start import IGNORED, add_gradient, collate, teach, warm_start

SHORT = WarmStartSettings("count_add", seed=0, steps=2, batch_size=8, eval_every=2, probe=4, samples=2)


def test_only_the_response_is_trained_on(checkpoint, questions):
    _, processor = load(checkpoint)
    inputs, labels = collate(processor, [plain_lesson(question) for question in questions])
    assert labels.shape == inputs["input_ids"].shape
    for question, row in zip(questions, labels, strict=True):
        assert processor.tokenizer.decode(row[row != IGNORED]) == target_text(question) + "<|im_end|>"


def test_a_repair_is_taught_after_the_very_tokens_rgr_asks_with(checkpoint, questions):
    """Prompt, failed rationale and cue are given as the rollout worker gives them; only the repair is trained on."""
    _, processor = load(checkpoint)
    tokenizer, question = processor.tokenizer, questions[0]
    failed = TASKS["count_add"].err(question, random.Random(0))
    inputs, labels = collate(processor, [repair_lesson(failed, question)])
    assert (
        tokenizer.decode(labels[labels != IGNORED])
        == f"{question.rationale}</think>\n<answer>{question.answer}</answer><|im_end|>"
    )

    whole = processor.apply_chat_template(chat(question), tokenize=False, add_generation_prompt=True)
    prompt_ids = processor(text=[whole], images=[question.image])["input_ids"][0]
    sampled = Sampled(prompt_ids, tokenizer.encode(target_text(failed), add_special_tokens=False), None)
    text = RepairText.encode("plain", tokenizer)
    plan = plan_repair(sampled, text, tokenizer, RgrConfig(), LengthLimits(300, 500))
    given = inputs["input_ids"][labels == IGNORED]
    assert given.tolist() == plan.request_ids


@pytest.mark.parametrize(("share", "repairs"), [(0.0, 0), (1.0, 50), (0.5, 25)])
def test_teacher_repairs_the_share_asked_for_and_is_careless_otherwise(questions, share, repairs):
    rng = random.Random(0)
    lessons = [teach(TASKS["count_add"], questions[0], rng, share) for _ in range(50)]
    assert abs(sum(bool(lesson.given) for lesson in lessons) - repairs) <= (10 if 0 < share < 1 else 0)
    assert all(target_text(questions[0]).endswith(lesson.target[-20:]) for lesson in lessons if lesson.given)
    plain = {lesson.target for lesson in lessons if not lesson.given}
    assert share == 1 or len(plain) == 2, "the right answer and the habitual mistake"


def test_a_careful_teacher_makes_no_mistakes(questions):
    rng = random.Random(0)
    lessons = [teach(TASKS["count_add"], questions[0], rng, 0.0, careful=True) for _ in range(50)]
    assert {lesson.target for lesson in lessons} == {target_text(questions[0])}


def test_repairs_in_a_batch_of_their_own_change_no_gradient(checkpoint, questions):
    """The mean over all taught tokens: as if all lessons were one batch, padded to the longest."""
    model, processor = load(checkpoint)
    failed = TASKS["count_add"].err(questions[0], random.Random(0))
    lessons = [plain_lesson(questions[0]), repair_lesson(failed, questions[0]), plain_lesson(questions[1])]
    inputs, labels = collate(processor, lessons)
    logits = model(**inputs).logits[:, :-1].flatten(0, 1)
    expected = torch.nn.functional.cross_entropy(logits, labels[:, 1:].flatten(), ignore_index=IGNORED)
    expected.backward()
    gradients = {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}
    model.zero_grad()
    assert add_gradient(model, processor, lessons) == pytest.approx(expected.item(), rel=1e-5)
    assert gradients
    for name, weight in model.named_parameters():
        if name in gradients:
            torch.testing.assert_close(weight.grad, gradients[name], rtol=1e-3, atol=1e-5)


def test_short_run_is_reproducible(base, data, tmp_path):
    results = [warm_start(base, data, tmp_path / name, SHORT) for name in ("one", "two")]
    one, two = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "two"))
    assert one == two != (base / "model.safetensors").read_bytes()
    assert results[0].steps == 2
    assert json.loads((tmp_path / "one" / "warm_start.json").read_text())["accuracy"] == results[0].accuracy


def test_rate_rises_stays_and_falls():
    settings = WarmStartSettings("count_add", seed=0, steps=100, ramp_steps=20, decay_share=0.3)
    # 1/20 at first, 1 from the 20th step on, then linearly down over the last 30: 15 left of 30 is a half.
    assert [settings.rate(step) for step in (0, 9, 19, 60, 85, 99)] == [0.05, 0.5, 1.0, 1.0, 0.5, pytest.approx(1 / 30)]


def test_no_steps_are_refused():
    with pytest.raises(ValueError, match="steps=0"):
        WarmStartSettings("count_add", seed=0, steps=0)


def test_group_report_counts_groups(monkeypatch, questions):
    right, wrong = (f"<think>x</think>\n<answer>{answer}</answer>" for answer in (questions[0].answer, "none"))
    answers = [right, right, right, wrong, wrong, wrong, wrong, wrong]
    monkeypatch.setattr("recipe.tiny.generate.respond", lambda *_: answers)
    assert report_groups(None, None, [questions[0]] * 4, 2, Sampling(1.0)) == GroupReport(0.25, 0.5, 0.25, 0.375)


def test_sampling_follows_its_seed(base, data):
    model, processor = load(base)
    questions = read_questions(data / "val.parquet")[:2]
    draws = [evaluate(model, processor, questions, Sampling(1.0, max_tokens=4, seed=1)) for _ in range(2)]
    assert draws[0] == draws[1]


def test_prepare_makes_everything_once(tmp_path, capsys, monkeypatch):
    small = functools.partial(WarmStartSettings, batch_size=4, probe=4, samples=2)
    monkeypatch.setattr(prepare, "WarmStartSettings", small)
    arguments = ["--out", str(tmp_path / "tiny"), "--train", "16", "--val", "4", "--test", "4"]
    arguments += ["--steps", "2"]
    prepare.main(arguments)
    made = {path: path.read_bytes() for path in (tmp_path / "tiny").rglob("*") if path.is_file()}
    assert {path.name for path in made} >= {"train.parquet", "val.parquet", "test.parquet", "model.safetensors"}
    assert "kept" not in capsys.readouterr().out
    prepare.main(arguments)
    assert capsys.readouterr().out.count("kept, made with the same settings") == 3
    assert made == {path: path.read_bytes() for path in (tmp_path / "tiny").rglob("*") if path.is_file()}


def test_looking_up_what_is_there_loads_neither_torch_nor_transformers():
    """Every run of the demo does it first, and the supervisor of a run stays in memory."""
    code = "import sys, recipe.tiny.prepare, recipe.tiny.run; print({'torch', 'transformers'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"


def test_the_command_line_offers_every_architecture():
    assert tuple(sorted(FAMILIES)) == ARCHITECTURES
