# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""CARE through stock ``verl.trainer.main_ppo`` on the CPU: Ray, TransferQueue, FSDP2, vLLM. And what a run survives."""

import json
from collections import Counter
from pathlib import Path

import psutil
import pytest

from recipe.replay.command import main as replay
from tests.e2e.conftest import KEEPS_EVERYTHING, REPAIRS, command_line

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]


def test_warm_started_model_has_something_to_learn(tiny_data):
    result = json.loads((tiny_data / "model" / "warm_start.json").read_text())
    assert result["groups"]["mixed"] > 0.4
    assert 0.3 < result["groups"]["accuracy"] < 0.7
    assert 0.2 < result["accuracy"] < 0.8


def test_run_leaves_what_the_readme_promises(reference):
    last = max(reference.steps())
    assert (reference.folder / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert (reference.folder / "checkpoints" / f"global_step_{last}" / "actor").is_dir()
    report = json.loads((reference.folder / "report.json").read_text())
    assert report["steps"] == last
    assert 0.0 <= report["val_accuracy_before"] <= 1.0
    assert max(json.loads(line)["step"] for line in (reference.folder / "cpu-1.jsonl").read_text().splitlines()) >= 2


def test_care_learns(reference):
    """Greedy, on held-out questions; it rose by 30 points and more in the runs of docs/results."""
    report = json.loads((reference.folder / "report.json").read_text())
    assert report["val_accuracy_after"] >= report["val_accuracy_before"] + 0.1


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


def test_failures_were_repaired(reference):
    steps = [data for step, data in reference.steps().items() if step > 0]
    for data in steps:
        assert 0 < data["care/rgr/replaced"] <= data["care/rgr/triggered"]
        assert data["care/rgr/failed_requests"] == 0
        assert data["care/rgr/coverage"] > 0.3
    # The warm-started model has seen repairs; most succeed, whatever the rollouts of these few steps look like.
    assert sum(data["care/rgr/pass_rate"] for data in steps) / len(steps) > 0.3
    roles = Counter(row.role for step in reference.steps() if step > 0 for row in reference.records(step))
    assert roles["repaired_positive"] > 0


def test_validation_is_single_pass(reference):
    """No repair is asked for outside training: verl's validation runs before step 1 and nothing of it is counted."""
    assert not any(name.startswith("care/") for name in reference.steps()[0])


def test_records_agree_with_verls_dump(reference):
    dumped = {row["uid"]: row for row in reference.rollouts(1)}
    records = reference.records(1)
    assert {one.uid for one in records} == set(dumped)
    for one in records:
        same = ("input", "output", "gts", "step")
        assert {name: dumped[one.uid][name] for name in same} == {name: getattr(one, name) for name in same}
        assert one.score == pytest.approx(dumped[one.uid]["score"])
        assert one.acc == float(one.score > 0.5) and one.format in (0.0, 1.0) and one.rule
        assert one.data.images == 1 and one.data.split == "train" and one.data.source.startswith("tiny")


def test_records_say_who_is_contrasted_with_whom(reference):
    records = reference.records(1)
    contrasted = {one.group for one in records if one.role in ("hard_negative", "repaired_negative")}
    for one in records:
        if one.role in ("anchor", "repaired_positive"):
            # A group whose only hard negative was repaired has nothing left to contrast.
            assert one.acc == 1.0 and (one.advantage > 0) == (one.group in contrasted)
        if one.role in ("hard_negative", "repaired_negative"):
            assert one.acc == 0.0 and one.advantage <= 0
        if one.role == "hard_negative":
            assert 0 <= one.distance <= 2
            (anchor,) = (other for other in records if other.row == one.anchor)
            assert anchor.group == one.group and anchor.acc == 1.0
    assert contrasted


def test_records_hold_repairs_with_what_was_repaired(reference):
    records = [one for step in reference.steps() if step > 0 for one in reference.records(step)]
    used = [one for one in records if one.repair is not None and one.repair.used]
    assert len(used) == sum(data["care/rgr/replaced"] for data in reference.steps().values() if "care/acc" in data)
    for one in used:
        assert (one.repair.text, one.repair.acc, one.repair.rule) == (one.output, one.acc, one.rule)
        assert one.repair.failed_score < 0.5 and one.repair.cue.startswith("Wait")
        # One that fails may have written the same again.
        assert one.repair.failed != one.output or one.acc == 0


def test_records_of_a_run_are_replayed(reference, tmp_path, capsys):
    assert replay([str(reference.folder / "records"), "--json", str(tmp_path / "replay.json")]) == 0
    found = json.loads((tmp_path / "replay.json").read_text())
    steps = [step for step in reference.steps() if step > 0]
    assert found["groups"]["steps"] == len(steps) and found["groups"]["rows"] == 128 * len(steps)
    assert found["read"]["damaged"] == 0
    # The run's own embeddings, not words.
    assert f"Distances in {len(steps)} of {len(steps)} steps: those of the run" in capsys.readouterr().out


def test_records_cost_next_to_nothing(reference):
    """On this machine with its two cores; the step is that of a model of a million parameters."""
    data = [data for step, data in reference.steps().items() if step > 2]
    assert sum(one["care/timing_s/records"] for one in data) < 0.01 * sum(one["timing_s/step"] for one in data)


def test_paths_are_inside_the_run_folder(reference):
    """Nothing is written into the working directory of the repository."""
    assert {path.name for path in Path(reference.folder).iterdir()} <= {
        "train.log",
        "metrics-1.jsonl",
        "cpu-1.jsonl",
        "curves.png",
        "report.json",
        "report.html",
        "checkpoints",
        "records",
        "rollouts",
        "validation",
        "hydra",
        "attempts.jsonl",
    }


def test_a_run_survives_what_happens_to_it(reference, killed, cached_rollouts, start_demo):
    """Everything was killed, and the data order stays as if nothing had; then a worker dies in the resumed run."""
    process, run = start_demo(killed.folder, *cached_rollouts, REPAIRS, *KEEPS_EVERYTHING, STEPS="50")
    run.wait_for(process, step=4, attempt=2)
    # Step 1 was saved; step 2 may have been, while the test looked for its victims.
    assert min(run.steps(2)) >= 2, "did not resume"
    for step in range(1, 5):
        assert run.prompts(step) == reference.prompts(step)
    _kill_a_rollout_worker(process, run)
    saved = int((run.folder / "checkpoints" / "latest_checkpointed_iteration.txt").read_text())
    assert saved >= 3
    assert (run.folder / "checkpoints" / f"global_step_{saved}" / "data.pt").is_file()


def _kill_a_rollout_worker(process, run) -> None:
    """Without CARE's watch verl waits forever for the rollouts and repairs the worker had begun."""
    mine = {one: command_line(one) for one in psutil.Process(process.pid).children(recursive=True)}
    (worker,) = [one for one, name in mine.items() if "CareAgentLoopWorker" in name]
    worker.kill()
    output, _ = process.communicate(timeout=180)
    assert process.returncode != 0
    assert "an agent-loop worker died" in run.log and "resumes from the last checkpoint" in output
    _, alive = psutil.wait_procs(list(mine), timeout=30)
    assert not alive, [mine[one] for one in alive]
