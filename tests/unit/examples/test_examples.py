# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The scripts resolve to the paper's settings, pass arguments on, and stop at once where something is missing."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
GPU_SCRIPTS = sorted(path.name for path in (ROOT / "examples").glob("run_qwen*_care.sh"))


def _run(script: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHON": sys.executable, "VENV": sys.prefix, "SKIP_SETUP": "1", **variables}
    return subprocess.run(
        ["bash", str(ROOT / "examples" / script), *arguments],
        capture_output=True,
        text=True,
        timeout=200,
        env=environment,
        cwd=ROOT,
    )


def test_scripts_are_found():
    assert "run_qwen2_5_vl_7b_care.sh" in GPU_SCRIPTS and "run_qwen3_vl_8b_care.sh" in GPU_SCRIPTS


@pytest.mark.parametrize("script", sorted((ROOT / "examples").rglob("*.sh")), ids=lambda path: path.name)
def test_syntax(script):
    subprocess.run(["bash", "-n", str(script)], check=True)


def test_dry_run_validates_the_papers_settings():
    """As a user starts it; ``test_methods.py`` has the other scripts and methods."""
    result = _run(
        "run_qwen2_5_vl_7b_care.sh", "trainer.save_freq=7", "--show", "trainer.save_freq", DRY_RUN="1", NNODES="4"
    )
    assert result.returncode == 0, result.stderr
    out = result.stdout
    assert "The configuration is valid." in out
    assert "512 prompts x 8 rollouts, mini-batch 128 prompts" in out
    assert "prompt 2048, response 2048 tokens" in out
    assert "seq-mean-token-mean, clip 0.2/0.28, KL 0.01, lr 1e-06" in out
    assert "4 node(s) x 8 cuda" in out
    assert (
        "CareConfig(k=4, m=6, near_share=None, neg_scale=0.5" in out and "gamma_pos=0.005" in out and "delta=0.1" in out
    )
    assert "\n7\n" in out


def _full_scale_commands() -> list[str]:
    """The scripts that the documentation has users start, as they stand there.

    Tiny ones and the check of GPUs run in the end-to-end tests; a merge needs a checkpoint, and a set-up the network.
    """
    commands = set()
    for page in ("recipe", "evaluation", "scaling"):
        text = (ROOT / "docs" / f"{page}.md").read_text().replace("\\\n", " ")
        for line in text.splitlines():
            command = " ".join(line.partition("  # ")[0].split())
            if re.match(r"([A-Z_]+=\S+ )*(bash|sbatch) .*examples/", command):
                commands.add(command)
    return sorted(one for one in commands if not re.search(r"tiny|setup|check_gpu|merge_checkpoint|--datasets", one))


@pytest.mark.parametrize("command", _full_scale_commands())
def test_documented_command_resolves(command):
    # Slurm's options are Slurm's.
    command = re.sub(r"^sbatch (--\S+ )*", "bash ", command)
    # Of another evaluation, which a dry run too wants to see.
    command = re.sub(r" --against \S+", "", command)
    variables = {**os.environ, "PYTHON": sys.executable, "VENV": sys.prefix, "DRY_RUN": "1"}
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=200, env=variables, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert " is valid." in done.stdout


def test_bad_setting_fails_the_dry_run():
    result = _run(GPU_SCRIPTS[0], "+algorithm.care.k=0", DRY_RUN="1")
    assert result.returncode == 2
    assert "algorithm.care.k=0" in result.stderr


def test_without_gpus_model_or_data_it_says_all_that_is_missing():
    result = _run("run_qwen2_5_vl_7b_care.sh", MODEL_PATH="/no/such/model", TRAIN_FILES="/no/such.parquet")
    assert result.returncode == 2
    for missing in ("8 GPUs are asked for", "/no/such/model is not a model folder", "/no/such.parquet does not exist"):
        assert missing in result.stderr


@pytest.mark.parametrize("script", ["run_tiny_vlm_care_cpu.sh", "run_sweep.sh", *GPU_SCRIPTS])
def test_help(script):
    result = _run(script, "--help")
    assert result.returncode == 0
    assert "METHOD=grpo" in result.stdout or script == "run_sweep.sh"
    assert f"bash examples/{script}" in result.stdout and "set -euo" not in result.stdout
