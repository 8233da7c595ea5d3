# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The paper's six benchmarks: where they are, which task of lmms-eval asks them, and the figures of the paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LMMS_EVAL = "0.7.3"
"""The release whose prompts and scorer are used; ``lmms_requirements.txt`` installs it."""


@dataclass(frozen=True)
class Benchmark:
    """A benchmark and the judge-free reasoning task of lmms-eval that asks it."""

    name: str
    title: str
    hub_id: str
    config: str | None
    """Configuration of the dataset, where it has several."""
    split: str
    questions: int
    """Questions of the whole split, as its card says."""
    task: str
    """The task's name in lmms-eval."""
    task_file: str
    """Its definition, below ``lmms_eval/tasks``. Two definitions share the name ``mmmu_val_reasoning``, one of them
    with an LLM judge, so a task is chosen by its file and never by its name."""
    cluster: str
    """Field of a row that names what is resampled as a whole: the five versions of a MathVerse problem are one."""
    own_messages: bool = False
    """Whether the pictures are put into the prompt by this project instead of lmms-eval, which loses some."""


BENCHMARKS: Mapping[str, Benchmark] = {
    benchmark.name: benchmark
    for benchmark in (
        Benchmark(
            "mathvista",
            "MathVista",
            "AI4Math/MathVista",
            None,
            "testmini",
            1000,
            "mathvista_testmini_cot_reasoning",
            "mathvista/reasoning/mathvista_testmini_cot.yaml",
            "pid",
        ),
        Benchmark(
            "mathverse",
            "MathVerse",
            "CaraJ/MathVerse-lmmseval",
            "testmini",
            "testmini",
            3940,
            "mathverse_testmini_reasoning",
            "mathverse/reasoning/mathverse_testmini.yaml",
            "problem_index",
        ),
        Benchmark(
            "mathvision",
            "MATH-Vision",
            "MathLLMs/MathVision",
            None,
            "test",
            3040,
            "mathvision_reason_test_reasoning",
            "mathvision/reasoning/mathvision_reason_test.yaml",
            "id",
        ),
        Benchmark(
            "mmmu",
            "MMMU",
            "lmms-lab-encoder/MMMU",
            None,
            "validation",
            900,
            "mmmu_val_reasoning",
            "mmmu/reasoning/mmmu_val_reasoning.yaml",
            "id",
            own_messages=True,
        ),
        Benchmark(
            "mmmu_pro_standard",
            "MMMU-Pro std",
            "MMMU/MMMU_Pro",
            "standard (10 options)",
            "test",
            1730,
            "mmmu_pro_standard_cot_reasoning",
            "mmmu_pro/reasoning/mmmu_pro_standard_cot.yaml",
            "id",
            own_messages=True,
        ),
        Benchmark(
            "mmmu_pro_vision",
            "MMMU-Pro vision",
            "MMMU/MMMU_Pro",
            "vision",
            "test",
            1730,
            "mmmu_pro_vision_cot_reasoning",
            "mmmu_pro/reasoning/mmmu_pro_vision_cot.yaml",
            "id",
            own_messages=True,
        ),
    )
}

METRICS = frozenset({"acc_score", "format_score"})
"""What the rule-based reasoning tasks report. Anything else is another task, perhaps one with a judge."""

PAPER: Mapping[str, Sequence[float | None]] = {
    "Qwen2.5-VL-7B": (68.6, 49.2, 22.4, 61.3, 36.3, 32.8, 45.1),
    "Qwen2.5-VL-7B + GRPO": (68.9, 50.8, 25.7, 61.1, 36.4, 32.8, 45.95),
    "Qwen2.5-VL-7B + DAPO": (72.6, 54.2, 29.4, 61.6, 37.3, 34.7, 48.30),
    "Qwen2.5-VL-7B + GSPO": (74.1, 56.0, 31.6, 62.2, 38.9, 36.4, 49.87),
    "Qwen2.5-VL-7B + CARE": (74.7, 56.8, 32.6, 62.5, 39.7, 37.1, 50.57),
    "Qwen3-VL-8B": (77.2, 62.1, 53.9, 69.6, None, None, None),
    "Qwen3-VL-8B + CARE": (82.1, 69.7, 61.7, 71.0, 46.7, 41.7, 62.2),
}
"""The paper's percentages in the order of ``BENCHMARKS``, then its macro average."""


def find_benchmarks(names: Sequence[str]) -> list[Benchmark]:
    """The benchmarks of these names, in the table's order; all of them for no names.

    Raises:
        ValueError: A name is unknown.
    """
    for name in names:
        if name not in BENCHMARKS:
            raise ValueError(f"--benchmarks {name}: unknown; known: {', '.join(BENCHMARKS)}")
    return [benchmark for benchmark in BENCHMARKS.values() if not names or benchmark.name in names]


def locate(benchmark: Benchmark, snapshots: Path | None) -> str:
    """Where to load a benchmark from: its hub id, or the snapshot of it.

    Args:
        benchmark: The benchmark.
        snapshots: Folder with a snapshot in ``<owner>/<name>`` for each hub id, or None for the hub.

    Raises:
        FileNotFoundError: The snapshot is missing, or lacks the card that names its configurations and splits.
    """
    if snapshots is None:
        return benchmark.hub_id
    folder = snapshots / benchmark.hub_id
    if not (folder / "README.md").is_file():
        raise FileNotFoundError(
            f"--datasets {snapshots}: no snapshot of {benchmark.title} in {folder} (its README.md names configurations "
            f"and splits). Make it with: hf download --repo-type dataset {benchmark.hub_id} --local-dir {folder}"
        )
    return str(folder.resolve())
