# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""From the datasets as users have them, through the converters and the mixture, into two steps of training."""

from pathlib import Path

import pytest

from tests.unit.data_prep import builders, calls, charts

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]

LIMITS = ("--max-prompt-length", 512)


@pytest.fixture(scope="module")
def mixture(tiny_data, tmp_path_factory) -> Path:
    """ViRL39K, Geometry3K and ChartQA in their own schemas, converted for the tiny model and mixed."""
    inputs, out = tmp_path_factory.mktemp("inputs"), tmp_path_factory.mktemp("converted")
    rows = [case.row | {"qid": name} for name, case in builders.VIRL_CASES.items()]
    folders = {
        "virl39k": (builders.write_virl(inputs / "ViRL39K", rows, builders.VIRL_IMAGES),),
        "geometry3k": (builders.write_problems(inputs / "train"),),
        "chartqa": (charts.write_charts(inputs / "charts"), "--half", "both"),
    }
    model = ("--model", tiny_data / "model", *LIMITS)
    for dataset, arguments in folders.items():
        done = calls.call(dataset, "--input", *arguments, "--output", out, *model)
        assert done.status == 0, done.err
    files = sorted(out.glob("*.parquet"))
    assert len(files) == 3
    done = calls.call("mix", "--input", *files, "--output", out / "mixed", "--seed", 1)
    assert done.status == 0, done.err
    (mixed,) = (out / "mixed").glob("*.parquet")
    return mixed


def test_converted_data_trains(mixture, run_demo, tmp_path):
    """The reward comes from the rules of each source; the tiny model is wrong throughout, so CARE rescues groups.

    It has nothing to repair, so this is also where CARE without repairs trains.
    """
    run = run_demo(
        tmp_path,
        f"data.train_files={mixture}",
        f"data.val_files={mixture}",
        "data.train_batch_size=8",
        f"data.max_prompt_length={LIMITS[1]}",
        "data.filter_overlong_prompts=True",
        "data.truncation=error",
        "actor_rollout_ref.actor.ppo_mini_batch_size=8",
        "actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=8",
        "actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu=8",
        "actor_rollout_ref.rollout.max_model_len=1024",
        "trainer.test_freq=2",
        "trainer.save_freq=-1",
        METHOD="care_no_rgr",
        STEPS="2",
    )
    validated = {name for name in run.steps()[0] if name.startswith("val-core/")}
    for source in ("virl39k", "geometry3k", "chartqa"):
        assert any(name.startswith(f"val-core/{source}/") for name in validated), sorted(validated)
    for step in (1, 2):
        data = run.steps()[step]
        assert data["training/rollout_actor_probs_pearson_corr"] > 0.999
        assert data["care/left_out/unverified"] == 0
        assert data["care/groups_invalid"] == 0
        assert not any(name.startswith("care/rgr/") for name in data)
        shares = data["care/groups_mixed"] + data["care/groups_all_correct"] + data["care/groups_all_wrong"]
        assert shares == pytest.approx(1.0)
        assert data["actor/grad_norm"] > 0
