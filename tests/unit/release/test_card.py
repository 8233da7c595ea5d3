# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The card says what the runs left, and lists what they did not."""

import json

import pytest
from omegaconf import OmegaConf

from recipe.release.card import main, without_folders
from recipe.release.facts import read_data, read_scores, read_stage
from verl_ext.checks.record import main as record

MANIFEST = {
    "parquet": "vision_r1_cold.parquet",
    "rows": 48,
    "sha256": "ab" * 32,
    "licences": {"vision_r1_cold": {"name": "CC-BY-NC-SA-4.0", "note": "NonCommercial: ask a lawyer"}},
    "counts": {"data_source": {"vision_r1_cold": 48}},
}
SFT = {
    "engine": {"strategy": "fsdp2"},
    "model": {"path": "Qwen/Qwen2.5-VL-7B-Instruct", "lora_rank": 0},
    "optim": {"lr": 1e-5},
    "data": {"train_files": "/home/me/data/vision_r1_cold.parquet", "train_batch_size": 128, "max_length": 4096},
    "trainer": {"total_epochs": 2, "total_training_steps": None},
}
RL = {
    "algorithm": {"adv_estimator": "care", "care": {"k": 3}},
    "actor_rollout_ref": {"model": {"path": "/home/me/runs/cold/model"}, "rollout": {"n": 8}},
    "data": {"train_files": ["/home/me/data/mix.parquet"]},
    "trainer": {"total_epochs": 1},
}


def make_run(folder, config=None, overrides=()):
    hydra = folder / "hydra" / ".hydra"
    hydra.mkdir(parents=True)
    if config:
        OmegaConf.save(OmegaConf.create(config), hydra / "config.yaml")
        OmegaConf.save(OmegaConf.create(list(overrides)), hydra / "overrides.yaml")
    return folder


@pytest.fixture
def cold(tmp_path):
    run = make_run(
        tmp_path / "cold", SFT, ["model.path=Qwen/Qwen2.5-VL-7B-Instruct", "data.train_files=/a/b/c.parquet"]
    )
    for name, accuracy in (("before", 0.25), ("after", 0.5)):
        (run / f"{name}.json").write_text(json.dumps({"rows": 8, "accuracy": accuracy, "format": 1.0}))
    assert record([str(run)]) == 0
    return run


@pytest.fixture
def care(tmp_path):
    run = make_run(tmp_path / "care", RL)
    (run / "validation").mkdir()
    for step, right in ((0, [1, 0]), (9, [0, 0]), (10, [1, 1])):
        rows = [json.dumps({"acc": acc, "format": 1.0}) + "\n" for acc in right]
        (run / "validation" / f"{step}.jsonl").write_text("".join(rows))
    return run


def make_card(tmp_path, *arguments) -> str:
    (tmp_path / "model").mkdir(exist_ok=True)
    assert main([*map(str, arguments), "--model", str(tmp_path / "model")]) == 0
    return (tmp_path / "model" / "README.md").read_text()


def test_both_stages_are_described(tmp_path, cold, care):
    manifest = tmp_path / "x.manifest.json"
    manifest.write_text(json.dumps(MANIFEST))
    (tmp_path / "model").mkdir()
    check = {
        "step": 10,
        "weights": {"parameters": 7, "precision": "bfloat16", "equal": True},
        "outputs": {"merged": {"prompts": 4, "identical": 0.75, "same_answer": 1.0}},
    }
    (tmp_path / "model" / "merge_check.json").write_text(json.dumps(check))
    text = make_card(tmp_path, "--run", cold, care, "--data", manifest)
    assert "base_model: Qwen/Qwen2.5-VL-7B-Instruct\n" in text
    assert "## Training 1: supervised fine-tuning" in text and "## Training 2: reinforcement learning with care" in text
    assert "| `optim.lr` | `1e-05` |" in text and "| `data.train_batch_size` | `128` |" in text
    assert "| `algorithm.care.k` | `3` |" in text and "| `algorithm.care.regions.gamma_pos` | `0.005` |" in text
    assert "CC-BY-NC-SA-4.0" in text and "NonCommercial: ask a lawyer." in text
    assert "| cold | before | 8 | 0.250 | 1.000 |" in text and "| care | step 10 | 2 | 1.000 | 1.000 |" in text
    assert "step 9" not in text
    assert "75.0% of 4 identical" in text and "equal to the trainer's" in text
    assert "verl 0.9.1" in text
    # Folders of the machine are nobody's business.
    assert "/home" not in text and "/a/b" not in text and "data.train_files=c.parquet" in text


def test_missing_pieces_are_listed_and_not_invented(tmp_path):
    text = make_card(tmp_path, "--run", make_run(tmp_path / "bare"))
    missing = text.partition("## Missing")[2]
    for what in ("bare: method, base model and settings", "bare: scores", "bare: commit and versions", "merge check"):
        assert what in missing
    assert "(unknown)" in text and "base_model:" not in text and "Scores\n" not in text


def test_training_file_without_a_manifest_is_missing(tmp_path, care):
    text = make_card(tmp_path, "--run", care)
    assert "data manifest and licences of mix.parquet" in text.partition("## Missing")[2]


def test_manifest_beside_the_training_file_is_found(tmp_path):
    (tmp_path / "mix.manifest.json").write_text(json.dumps({**MANIFEST, "parquet": "mix.parquet"}))
    config = {**SFT, "data": {"train_files": str(tmp_path / "mix.parquet")}}
    data, missing = read_data([read_stage(make_run(tmp_path / "run", config))], [])
    assert [file.name for file in data] == ["mix.parquet"] and not missing


def test_wrong_paths_are_named(tmp_path, cold, capsys):
    assert main(["--run", str(tmp_path / "nowhere"), "--model", str(tmp_path)]) == 2
    assert main(["--run", str(cold), "--data", str(tmp_path / "no.json"), "--model", str(tmp_path)]) == 2
    assert "--run" in capsys.readouterr().err


def test_a_validation_without_verdicts_counts_as_nothing_right(tmp_path):
    (tmp_path / "validation").mkdir()
    (tmp_path / "validation" / "0.jsonl").write_text('{"acc": null}\n{"acc": 1.0}\n')
    (score,) = read_scores(tmp_path)
    assert (score.when, score.rows, score.accuracy, score.format) == ("step 0", 2, 0.5, 0.0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("data.train_files=/x/y/z.parquet", "data.train_files=z.parquet"),
        ("['/x/y.parquet', '/z/w.parquet']", "['y.parquet', 'w.parquet']"),
        ("path=~/models/m", "path=m"),
        ("Qwen/Qwen2.5-VL-7B-Instruct", "Qwen/Qwen2.5-VL-7B-Instruct"),
        ("pkg://recipe.care.reward", "pkg://recipe.care.reward"),
    ],
)
def test_folders_are_left_out(text, expected):
    assert without_folders(text) == expected
