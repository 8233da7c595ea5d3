# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The table of benchmarks, the paper's figures and the snapshots."""

from pathlib import Path

import pytest
from datasets import load_dataset

import recipe.evaluation
from recipe.evaluation.benchmarks import BENCHMARKS, LMMS_EVAL, PAPER, find_benchmarks, locate
from recipe.evaluation.tiny_sets import ROWS, write


@pytest.mark.parametrize("model", [model for model, figures in PAPER.items() if None not in figures])
def test_the_papers_macro_averages_are_the_means_of_its_six_figures(model):
    *six, average = PAPER[model]
    assert len(six) == len(BENCHMARKS) == 6
    # 62.15 is printed as 62.2 for Qwen3-VL.
    assert sum(six) / 6 == pytest.approx(average, abs=0.051)


def test_sizes_are_those_of_the_cards():
    sizes = [benchmark.questions for benchmark in BENCHMARKS.values()]
    assert sizes == [1000, 788 * 5, 1532 + 1508, 847 + 53, 1730, 1730]


def test_names():
    assert [benchmark.name for benchmark in find_benchmarks(["mmmu", "mathvista"])] == ["mathvista", "mmmu"]
    assert find_benchmarks([]) == list(BENCHMARKS.values())
    with pytest.raises(ValueError, match="--benchmarks mmu: unknown; known: mathvista"):
        find_benchmarks(["mmu"])


def test_a_missing_snapshot_is_named_with_the_command_that_makes_it(tmp_path):
    benchmark = BENCHMARKS["mmmu_pro_vision"]
    assert locate(benchmark, None) == "MMMU/MMMU_Pro"
    with pytest.raises(FileNotFoundError, match="hf download --repo-type dataset MMMU/MMMU_Pro"):
        locate(benchmark, tmp_path)


def test_small_sets_load_as_the_real_ones_do(tmp_path):
    write(tmp_path / "sets")
    for benchmark in BENCHMARKS.values():
        folder = locate(benchmark, tmp_path / "sets")
        table = load_dataset(folder, benchmark.config, cache_dir=str(tmp_path / "cache"))[benchmark.split]
        assert len(table) == len(ROWS[benchmark.name])
        assert benchmark.cluster in table.column_names
    assert table[0]["image"].size == (56, 56)


def test_the_release_that_is_installed_is_the_one_that_is_asked_for():
    (folder,) = recipe.evaluation.__path__
    lines = (Path(folder) / "lmms_requirements.txt").read_text().splitlines()
    assert f"lmms-eval=={LMMS_EVAL}" in lines
