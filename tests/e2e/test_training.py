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
"""CARE through stock ``verl.trainer.main_ppo`` on the CPU: real Ray, TransferQueue, FSDP2, vLLM."""

import json
import os
import signal
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]

STEPS = 4


@pytest.fixture(scope="module")
def reference(run_demo, tmp_path_factory):
    """An uninterrupted CARE run, whose rollouts verl also caches for another run to replay."""
    folder = tmp_path_factory.mktemp("care")
    cache = folder / "rollout_cache"
    return run_demo(folder, f"skip.rollout_tq.dump_dir={cache}", *_cached_rollouts(), STEPS=str(STEPS))


def _cached_rollouts() -> list[str]:
    # verl files the cache under the experiment's name, so both runs need the same one.
    names = ["trainer.experiment_name=replayed"]
    return [*names, "skip.rollout_tq.enable=True", "skip.rollout_tq.steps=[1]", "skip.rollout_tq.action=cache"]


def test_run_leaves_what_the_readme_promises(reference):
    assert (reference.folder / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert (reference.folder / "checkpoints" / f"global_step_{STEPS}" / "actor").is_dir()
    report = json.loads((reference.folder / "report.json").read_text())
    assert report["steps"] == STEPS
    assert 0.0 <= report["val_accuracy_before"] <= 1.0


def test_rollout_and_actor_see_the_same_model_and_picture(reference):
    # A random image normalisation in vLLM showed as a correlation of 0.9; exact agreement is the healthy state.
    for step, data in reference.steps().items():
        if step > 0:
            assert data["training/rollout_actor_probs_pearson_corr"] > 0.999


def test_care_was_at_work(reference):
    for step, data in reference.steps().items():
        if step == 0:
            continue
        shares = data["care/groups_mixed"] + data["care/groups_all_correct"] + data["care/groups_all_wrong"]
        assert shares == pytest.approx(1.0)
        assert data["care/groups_mixed"] > 0
        assert data["actor/grad_norm"] > 0
        assert data["care/left_out/unverified"] == 0


def test_group_log_agrees_with_verls_dump(reference):
    texts = {row["uid"]: row for row in reference.rollouts(1)}
    rows = reference.group_log(1)
    assert {row["key"] for row in rows} == set(texts)
    for row in rows:
        assert row["acc"] == texts[row["key"]].get("acc", row["acc"])
        if row["role"] == "anchor":
            assert row["acc"] == 1.0 and row["advantage"] > 0
        if row["role"] == "hard_negative":
            assert row["acc"] == 0.0 and row["advantage"] <= 0


@pytest.mark.extra
def test_two_ranks_select_the_same(reference, run_demo, tmp_path):
    """The same rollouts, replayed on two data-parallel ranks, give the same roles and advantages."""
    cache = reference.folder / "rollout_cache"
    two = run_demo(tmp_path, f"skip.rollout_tq.dump_dir={cache}", *_cached_rollouts(), STEPS="1", RANKS="2")
    one_rows, two_rows = (_by_text(run) for run in (reference, two))
    assert one_rows == two_rows


def _by_text(run) -> Counter:
    """Multiset of (prompt, response, role, advantage, K') of step 1; replayed rows get new ids, texts stay."""
    texts = {row["uid"]: row for row in run.rollouts(1)}
    return Counter(
        (
            texts[row["key"]]["input"],
            texts[row["key"]]["output"],
            row["role"],
            round(row["advantage"], 4),
            row["k_prime"],
        )
        for row in run.group_log(1)
    )


@pytest.mark.extra
def test_killed_run_resumes_with_the_data_order_intact(reference, start_demo, run_demo, tmp_path):
    process, run = start_demo(tmp_path, "trainer.save_freq=1", STEPS=str(STEPS))
    _wait_for_step(process, run, step=2)
    mine = psutil.Process(process.pid).children(recursive=True)
    for victim in [psutil.Process(process.pid), *mine]:
        if "main_ppo" in " ".join(victim.cmdline()) or "recipe.tiny.run" in " ".join(victim.cmdline()):
            os.kill(victim.pid, signal.SIGKILL)
    # kill -9 gives nobody a chance to clean up: Ray ends its workers itself, but its two agents stay.
    _, alive = psutil.wait_procs(mine, timeout=60)
    assert all("Agent" in " ".join(process.cmdline()) for process in alive), [process.cmdline() for process in alive]
    for process in alive:
        process.kill()

    run = run_demo(tmp_path, "trainer.save_freq=1", STEPS=str(STEPS))
    attempts = run.steps(1), run.steps(2)
    first_resumed = min(step for step in attempts[1] if step > max(0, min(attempts[1])))
    assert first_resumed >= 2, "the second attempt started from scratch"
    assert max(attempts[1]) == STEPS
    for step in range(first_resumed, STEPS + 1):
        assert _prompts(run, step) == _prompts(reference, step)


def _wait_for_step(process, run, step: int) -> None:
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        assert process.poll() is None, run.log[-4000:]
        if (run.folder / "metrics-1.jsonl").exists() and step in run.steps():
            return
        time.sleep(0.5)
    raise AssertionError(f"step {step} was not reached:\n{run.log[-4000:]}")


def _prompts(run, step: int) -> Counter:
    return Counter((row["input"], row["gts"]) for row in run.rollouts(step))


def test_paths_are_inside_the_run_folder(reference):
    """Nothing is written into the working directory of the repository."""
    assert {path.name for path in Path(reference.folder).iterdir()} <= {
        "train.log",
        "metrics-1.jsonl",
        "curves.png",
        "report.json",
        "checkpoints",
        "rollouts",
        "rollout_cache",
    }
