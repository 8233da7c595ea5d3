# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The whole recipe, tiny, by the documented commands: cold start, CARE, merge, evaluation, table, model card."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from recipe.evaluation.benchmarks import BENCHMARKS
from recipe.evaluation.report import read_evaluation
from recipe.evaluation.tiny_sets import ROWS, write

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]
ROOT = Path(__file__).parents[2]
LESSONS, BATCH = 1920, 32
SMALL = f"--lessons {LESSONS} --train 64 --val 64 --test 128"


def call(*command: str, **variables: str) -> str:
    """Run a documented command; fails with its output."""
    environment = {**os.environ, "SKIP_SETUP": "1", "VENV": sys.prefix, "PYTHON": sys.executable, **variables}
    done = subprocess.run(
        command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout[-6000:]
    print(done.stdout)
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("recipe")


@pytest.fixture(scope="module")
def cold(folder) -> Path:
    """The tiny cold start, merged by its script; in bfloat16 here, so that both precisions are merged once."""
    run = folder / "cold_start"
    variables = {"DATA_DIR": str(folder / "data"), "RUN_DIR": str(run), "PREPARATION": SMALL, "EPOCHS": "1"}
    variables |= {"BATCH_SIZE": str(BATCH), "DTYPE": "bfloat16"}
    call("bash", "examples/run_tiny_vlm_cold_start_cpu.sh", **variables)
    return run


@pytest.fixture(scope="module")
def care(folder, cold) -> Path:
    """Two steps of CARE from the cold-started model, merged with its outputs checked."""
    run = folder / "care"
    variables = {"DATA_DIR": str(folder / "data"), "RUN_DIR": str(run), "MODEL": str(cold / "model"), "STEPS": "2"}
    schedule = ["trainer.test_freq=2", "trainer.save_freq=2"]
    call("bash", "examples/run_tiny_vlm_care_cpu.sh", *schedule, **variables)
    prompts = ["--prompts", str(folder / "data" / "data" / "val.parquet"), "--max-tokens", "96"]
    merge = ["bash", "examples/merge_checkpoint.sh", str(run), str(run / "model")]
    call(*merge, *prompts, "--min-agreement", "0.97", DTYPE="float32")
    return run


@pytest.fixture(scope="module")
def evaluated(folder, cold, care) -> tuple[Path, Path]:
    """Both models on the six benchmarks, in small: real vLLM, real lmms-eval; the second compared with the first."""
    sets, outs = folder / "sets", (folder / "benchmarks" / "cold_start", folder / "benchmarks" / "care")
    write(sets)
    settings = ["--datasets", str(sets), "--max-tokens", "48"]
    own_cache = {"HF_DATASETS_CACHE": str(folder / "cache")}
    script = ["bash", "examples/evaluate.sh"]
    call(*script, str(cold / "model"), "--out", str(outs[0]), *settings, **own_cache)
    call(*script, str(care / "model"), "--out", str(outs[1]), "--against", str(outs[0]), *settings, **own_cache)
    return outs


def scores(run: Path, name: str) -> dict:
    return json.loads((run / f"{name}.json").read_text())


def test_cold_start_teaches_form_and_task(cold):
    before, after = scores(cold, "before"), scores(cold, "after")
    assert before["format"] < 0.05 and before["accuracy"] < 0.05
    assert after["format"] > 0.8
    assert after["accuracy"] > before["accuracy"] + 0.1


def test_cold_start_is_verls_own_trainer(cold):
    steps = [json.loads(line) for line in (cold / "metrics-1.jsonl").read_text().splitlines()]
    assert len(steps) == LESSONS // BATCH
    assert steps[-1]["data"]["train/loss"] < 0.5 * steps[0]["data"]["train/loss"]


def test_care_starts_from_the_cold_started_model(cold, care):
    steps = [json.loads(line) for line in (care / "metrics-1.jsonl").read_text().splitlines()]
    started = next(step["data"] for step in steps if step["step"] == 0)
    (validated,) = [value for name, value in started.items() if name.startswith("val-core/") and "/acc/" in name]
    # The same model on 64 and on 128 other questions.
    assert validated == pytest.approx(scores(cold, "after")["accuracy"], abs=0.2)
    assert steps[-1]["data"]["actor/grad_norm"] > 0


def test_merged_models_are_the_trainers(cold, care):
    rounded, check = (json.loads((run / "model" / "merge_check.json").read_text()) for run in (cold, care))
    assert rounded["weights"]["equal"] and rounded["weights"]["precision"] == "bfloat16"
    assert check["weights"]["equal"] and check["weights"]["precision"] == "float32"
    assert check["step"] == 2 and check["outputs"]["merged"]["prompts"] == 64
    # Only the kernels differ, vLLM's and transformers'.
    assert check["outputs"]["merged"]["identical"] > 0.97


def test_both_models_are_evaluated_and_compared(evaluated):
    for out in evaluated:
        found = read_evaluation(out)
        for name, rows in ROWS.items():
            assert len(found.scores[name]) == len(rows)
            assert all(0 < one.tokens <= 48 for one in found.scores[name])
        basis = json.loads((out / "basis.json").read_text())
        assert basis["asked"]["lmms_eval"] == "0.7.3" and basis["asked"]["max_tokens"] == 48
    assert len({json.loads((out / "basis.json").read_text())["weights"] for out in evaluated}) == 2
    table = (evaluated[1] / "report.md").read_text()
    for part in (*(benchmark.title for benchmark in BENCHMARKS.values()), "Qwen2.5-VL-7B + CARE", "50.57"):
        assert part in table, part
    # The differences, with their intervals, follow in the second report only.
    assert len(table) > len((evaluated[0] / "report.md").read_text())


def test_card_tells_the_whole_story(folder, cold, care):
    call(sys.executable, "-m", "recipe.release.card", "--run", str(cold), str(care), "--model", str(care / "model"))
    text = (care / "model" / "README.md").read_text()
    for part in (
        "## Training 1: supervised fine-tuning",
        "## Training 2: reinforcement learning with care",
        "`algorithm.care.k`",
        "CC-BY-NC-SA-4.0",
        "| cold_start | after |",
        "| care | step 2 |",
        "equal to the trainer's checkpoint",
        "verl 0.9.1",
    ):
        assert part in text, part
    # The tiny questions have no manifest; nothing else is missing but, perhaps, the commit.
    missing = text.partition("## Missing")[2]
    assert "train.parquet" in missing and "scores" not in missing and "settings" not in missing
    assert str(folder) not in text
