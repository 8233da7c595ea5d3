# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The parts of the GPU check; ``tests/e2e/test_check_gpu.py`` runs the whole of it with a tiny model."""

import json
import math
import os
import subprocess
import sys
import time

import pytest
import torch

from recipe.care.text.token_bytes import token_bytes
from recipe.replay.records import RolloutRecord
from recipe.tiny.prompts import texts
from recipe.tiny.tokenizer import train_tokenizer
from verl_ext.check_gpu.__main__ import main, make_plan, run_stage
from verl_ext.check_gpu.model import make_model, widened
from verl_ext.check_gpu.report import NAMES, Check, Method, Report, Stage, State, draw
from verl_ext.check_gpu.reward import compute_score
from verl_ext.check_gpu.run_metrics import choices, summarise
from verl_ext.check_gpu.runs import OutOfTimeError, Run, RunError
from verl_ext.check_gpu.settings import METHODS, SIZES, Plan, Shape, Size, care_settings, method_of, run_settings
from verl_ext.check_gpu.stages import NotPossibleError
from verl_ext.checks.dry_run import compose, validate


def test_verdicts_make_groups_and_repairs_of_every_kind():
    groups = [[compute_score("s", f"response {n}", str(g))["acc"] for n in range(8)] for g in range(64)]
    kinds = [sum(group) for group in groups]
    assert kinds.count(8) > 5 and kinds.count(0) > 5 and sum(0 < kind < 8 for kind in kinds) > 20
    mixed = next(group for group, kind in enumerate(kinds) if 0 < kind < 8)
    again = [compute_score("s", f"response {n}", str(mixed))["acc"] for n in range(8)]
    assert again == groups[mixed]


def test_methods_take_turns_and_the_first_two_steps_keep_their_weights():
    assert [method_of(step) for step in range(1, 15)] == ["grpo", "care", *METHODS, *METHODS]
    assert plan("tiny").saved_step == 14
    assert any(one.endswith("lr_warmup_steps=1") for one in run_settings(plan("tiny"), plan("tiny").out, 3, 1))


def plan(size: str, on_gpu: bool = False, packed: bool = False) -> Plan:
    from pathlib import Path

    return Plan(size, Path("/out"), 2, on_gpu, packed)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("packed", [True, False])
def test_settings_are_valid_for_a_gpu(size, packed, monkeypatch):
    mine = plan(size, on_gpu=True, packed=packed)
    config = compose([*run_settings(mine, mine.out, 10, 1), *care_settings(mine)])
    validate(config)
    assert config.actor_rollout_ref.model.use_remove_padding is packed
    # A prompt, a response, the cue and a repair of half its length.
    assert config.actor_rollout_ref.rollout.max_model_len >= 1024 + 1.5 * SIZES[size].response + 128


@pytest.mark.parametrize("first", ["verl_ext.check_gpu.worker", "verl.trainer.ppo.v1"])
def test_the_alternating_trainer_is_there_whoever_imports_verls_first(first):
    """Verl's main process imports the trainer, its rollout workers the class of the workers."""
    code = (
        f"import verl, importlib; importlib.import_module({first!r})\n"
        "from verl.trainer.ppo.v1.trainer_base import TRAINER_REGISTRY as found\n"
        "print([one.__name__ for one in found['sync'].__mro__][:3])"
    )
    variables = {**os.environ, "VERL_USE_EXTERNAL_MODULES": "verl_ext.check_gpu.arm"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=variables, timeout=200)
    assert done.stdout.splitlines()[-1] == "['CheckTrainer', 'AlternatingMixin', 'CarePPOTrainerSync']", done.stderr


def test_a_wide_tokenizer_reads_whatever_is_sampled():
    tokenizer = widened(train_tokenizer(texts([])), 2000)
    assert len(tokenizer) == 2000
    for word in ("<think>", " abcd", "Bilder"):
        assert tokenizer.decode(tokenizer.encode(word)) == word
    assert len({tokenizer.decode([token]) for token in range(600, 1993)}) == 1393
    assert token_bytes(tokenizer).spell([700])[0] == tokenizer.decode([700]).encode()


def test_a_model_has_the_widths_of_its_size_and_stops_at_random(tmp_path, monkeypatch):
    from transformers import AutoConfig, GenerationConfig

    monkeypatch.setattr("verl_ext.check_gpu.model.VOCABULARY", 2000)
    small = Size(Shape(64, 4, 96, 4, 2), Shape(32, 4, 48, 2, 2), True, 56, 4, 48, 24, 2048, 0.2)
    make_model(tmp_path, small)
    config = AutoConfig.from_pretrained(tmp_path)
    text, vision = config.text_config, config.vision_config
    assert (text.hidden_size, text.num_hidden_layers, text.num_key_value_heads, text.vocab_size) == (64, 4, 2, 2000)
    assert (vision.depth, vision.out_hidden_size, list(vision.fullatt_block_indexes)) == (4, 64, [0, 1, 2, 3])
    stops = GenerationConfig.from_pretrained(tmp_path).eos_token_id
    assert len(stops) == 1 + 2000 // 24 and max(stops) < 2000


def test_medians_leave_the_warm_up_out():
    steps = {
        step: {"timing_s/step": 100.0 if step <= 2 else float(step), "perf/throughput": 5.0} for step in range(1, 15)
    }
    found = {one.method: one for one in summarise(steps)}
    assert list(found) == list(NAMES)
    # Steps 3 and 9 are GRPO's, 4 and 10 CARE's.
    assert (found["grpo"].seconds["step"], found["care"].seconds["step"]) == (6.0, 7.0)
    assert found["grpo"].steps == 2 and math.isnan(found["grpo"].mfu)


def records_of(folder, name: str, lengths: list[int], anchor: int) -> None:
    """A group as CARE records it; ``anchor`` is the length of its anchor."""
    rows = [
        RolloutRecord(
            step=1,
            uid=f"{name}_{row}_0",
            group=name,
            row=row,
            input="",
            output="",
            gts=None,
            score=1.0,
            acc=1.0,
            role="anchor" if length == anchor else "hard_negative",
            advantage=0.0,
            anchor=lengths.index(anchor),
            k_prime=2,
            tokens=length,
        )
        for row, length in enumerate(lengths)
    ]
    (folder / "records").mkdir(parents=True)
    (folder / "records" / "1.jsonl").write_text("".join(f"{row.line()}\n" for row in rows))


def test_choices_are_compared_whatever_a_replayed_group_is_called(tmp_path):
    for name, order, anchor in (("a", [10, 11, 12], 11), ("b", [12, 10, 11], 11), ("c", [10, 11, 12], 12)):
        records_of(tmp_path / name, name, order, anchor)
    first, renamed, other = (choices(tmp_path / name) for name in "abc")
    assert first == renamed and first.total() == 1 and (first - other).total() == 1


METHOD = Method("care", 2, {"step": 5.0, "gen": 2.0, "update_actor": 1.0}, 100.0, 0.1, 40.0)


def report_of(*stages: Stage) -> Report:
    return Report("3b", "1 x H100", {"verl": "0.9.1"}, "abc", 9.5, list(stages), [METHOD])


def test_a_report_has_everything_in_three_forms(tmp_path):
    good = Stage("doctor", State.PASSED, 3.0, (Check("fits", True, "1 | 2"),), (("waited", "0.1 s"),))
    bad = Stage("resume", State.FAILED, 9.0, (), (), "Traceback\n<boom>")
    report_of(good, bad, Stage("ranks", State.SKIPPED, 0.0, note="there is one GPU")).write(tmp_path)
    read = json.loads((tmp_path / "report.json").read_text())
    assert read["stages"][0]["checks"][0]["figure"] == "1 | 2" and read["methods"][0]["seconds"]["gen"] == 2.0
    text = (tmp_path / "report.md").read_text()
    assert "1 of 1 checks passed; not done: ranks; failed: resume." in text
    assert "| fits | passed | 1 \\| 2 |" in text and "```\nTraceback\n<boom>\n```" in text and "| waited |" in text
    page = (tmp_path / "report.html").read_text()
    assert "&lt;boom&gt;" in page and "data:image/png;base64," in page
    assert (tmp_path / "report.png").read_bytes().startswith(b"\x89PNG")


def test_a_report_needs_no_picture(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert draw([METHOD], tmp_path / "report.png") is None
    report_of().write(tmp_path)
    assert "<img" not in (tmp_path / "report.html").read_text()


def fails(error: Exception):
    def do(found, seconds):
        found.checks.append(Check("before", True, ""))
        raise error

    return do


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (RunError("it ended"), State.FAILED),
        (OutOfTimeError("step 3"), State.OUT_OF_TIME),
        (subprocess.TimeoutExpired("reference", 3), State.OUT_OF_TIME),
        (NotPossibleError("no dump"), State.SKIPPED),
    ],
)
def test_a_stage_that_ends_early_keeps_what_it_found(error, state):
    stage = run_stage("one", fails(error), time.monotonic() + 100)
    assert stage.state is state and str(error) in stage.note
    assert state is State.SKIPPED or stage.checks[0].name == "before"


def test_no_stage_is_begun_without_time():
    stage = run_stage("one", fails(RunError("not reached")), time.monotonic() + 1)
    assert (stage.state, stage.note) == (State.OUT_OF_TIME, "not begun")


def test_a_failed_check_fails_its_stage():
    stage = run_stage("one", lambda found, seconds: found.check("apart", 2.0, 1.0), time.monotonic() + 100)
    assert stage.state is State.FAILED and stage.checks[0].figure == "2 (at most 1)"


def test_a_run_is_followed_by_its_metrics(tmp_path):
    """It writes a step, half of another, and ends."""
    metrics = tmp_path / "metrics.jsonl"
    code = f"""open({str(metrics)!r}, "w").write('{{"step": 1, "data": {{"a": 2}}}}\\n{{"step": 2')"""
    process = subprocess.Popen([sys.executable, "-c", code])
    (tmp_path / "log").write_text("the reason\n")
    run = Run(process, tmp_path / "log", metrics, time.monotonic() + 60)
    run.wait_for(1)
    assert run.steps() == {1: {"a": 2}}
    with pytest.raises(RunError, match="before step 2:\nthe reason"):
        run.wait_for(2)
    late = Run(subprocess.Popen(["sleep", "30"]), tmp_path / "log", metrics, time.monotonic())
    with pytest.raises(OutOfTimeError, match="step 1"):
        late.wait_for(2)
    late.process.kill()


def test_a_folder_with_something_in_it_is_left_alone(tmp_path, capsys):
    (tmp_path / "mine").touch()
    assert main(["--size", "tiny", "--out", str(tmp_path)]) == 2
    assert "is not empty" in capsys.readouterr().err


def test_the_cpu_stack_is_used_where_it_is_asked_for(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("VERL_PLATFORM", "cpu")
    assert not make_plan("tiny", tmp_path, 1).on_gpu
