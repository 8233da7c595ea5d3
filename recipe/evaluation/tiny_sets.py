# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Small sets in the schemas of the six benchmarks, made on the spot as snapshots of the Hub's repositories.

    care tiny-benchmarks --out runs/tiny_benchmarks

``examples/evaluate.sh --datasets runs/tiny_benchmarks`` then runs without any download. Their questions are invented;
their columns, types, configurations and splits are those of the real sets, and so are the oddities that have to be
right: several pictures out of order, ten options, golds that are lists, mojibake, a picture that is mentioned twice.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from datasets import Dataset, Image
from PIL import Image as Pillow

from recipe.evaluation.benchmarks import BENCHMARKS, Benchmark

Row = dict[str, object]
SIDE = 56
PICTURES = 7
"""Picture columns of MMMU and MMMU-Pro."""
COLOURS = ("red", "green", "blue", "white", "black", "yellow", "purple")


def picture(colour: str) -> Pillow.Image:
    """A plain picture."""
    return Pillow.new("RGB", (SIDE, SIDE), colour)


def _mathvista() -> list[Row]:
    common = {"query": "", "unit": None, "image": "images/1.jpg", "decoded_image": picture("red")}
    about = {"split": "testmini", "source": "IQTest", "category": "general-vqa", "task": "figure question answering"}
    rows: list[tuple[str, str, str, list[str] | None, float | None]] = [
        ("Which colour is the square?", "red", "text", ["blue", "red", "green"], None),
        ("Which label is right?", "(b)", "text", ["(c)", "(d)", "(a)", "(b)", "(e)"], None),
        ("How many squares are there?", "1", "integer", None, None),
        ("How long is the side?", "1.2", "float", None, 1.0),
    ]
    return [
        {
            **common,
            "pid": str(number),
            "question": question,
            "answer": answer,
            "answer_type": kind,
            "question_type": "multi_choice" if choices else "free_form",
            "choices": choices,
            "precision": precision,
            "metadata": about,
        }
        for number, (question, answer, kind, choices, precision) in enumerate(rows, 1)
    ]


def _mathverse() -> list[Row]:
    choices = "\nChoices:\nA:145°\nB:35°\nC:55°\nD:125°"
    rows = [
        (f"What is the angle?{choices}", "B", "multi-choice", "Text Dominant"),
        (f"Answer the question in the picture.{choices}", "B", "multi-choice", "Vision Only"),
        ("How wide is the angle?", "118掳", "free-form", "Text Lite"),
    ]
    return [
        {
            "sample_index": str(number),
            "problem_index": str((number + 1) // 2),
            "problem_version": version,
            "question": question,
            "image": picture("green"),
            "answer": answer,
            "question_type": kind,
            "metadata": {
                "split": "testmini",
                "source": "Geometry3K",
                "subject": "Plane Geometry",
                "subfield": "Angle",
            },
            "query_wo": f"Please directly answer the question.\n{question}",
            "query_cot": f"Please reason first.\n{question}",
            "question_for_eval": question,
        }
        for number, (question, answer, kind, version) in enumerate(rows, 1)
    ]


def _mathvision() -> list[Row]:
    letters = ["A", "B", "C", "D", "E"]
    rows: list[tuple[str, list[str], str]] = [
        ("Which figure comes next? <image1>", letters, "C"),
        ("How heavy is it? <image1>", ["$6 \\mathrm{~kg}$", "$8 \\mathrm{~kg}$"], "B"),
        ("What is the probability? <image1>", [], "\x0crac{36}{13}"),
    ]
    return [
        {
            "id": str(number),
            "question": question,
            "options": options,
            "image": f"images/{number}.jpg",
            "decoded_image": picture("blue"),
            "answer": answer,
            "solution": None,
            "level": 2,
            "subject": "counting",
        }
        for number, (question, options, answer) in enumerate(rows, 1)
    ]


def _pictures(*colours: str) -> Row:
    filled = [picture(colour) for colour in colours]
    return {f"image_{i + 1}": filled[i] if i < len(filled) else None for i in range(PICTURES)}


def _mmmu() -> list[Row]:
    common = {"explanation": "", "img_type": "['Diagrams']", "topic_difficulty": "Easy", "subfield": "Colours"}
    two = "<image 1> <image 2> Which is red?"
    return [
        {
            "id": "validation_Art_1",
            "question": two,
            "options": "['the first', 'the second']",
            "answer": "A",
            "question_type": "multiple-choice",
            **_pictures("red", "green"),
            **common,
        },
        {
            "id": "validation_Math_2",
            "question": "What share of <image 1> is red?",
            "options": "[]",
            "answer": "['1/2', '0.5']",
            "question_type": "open",
            **_pictures("white"),
            **common,
        },
        {
            "id": "validation_Music_3",
            "question": "In <image 1> a square is shown. What is the colour of <image 1>?",
            "options": "['blue', 'black']",
            "answer": "B",
            "question_type": "multiple-choice",
            **_pictures("black"),
            **common,
        },
    ]


def _mmmu_pro_standard() -> list[Row]:
    common = {"explanation": "", "img_type": "['Diagrams']", "topic_difficulty": "Easy", "subject": "Art"}
    shuffled = [f"<image {i}>" for i in (3, 1, 2)]
    ten = [f"the number {i}" for i in range(1, 11)]
    letters = ["B", "D", "C", "F", "A", "H", "E", "G"]
    return [
        {
            "id": "test_Art_1",
            "question": "Which picture is blue?",
            "options": str(shuffled),
            "answer": "A",
            **_pictures("red", "green", "blue"),
            **common,
        },
        {
            "id": "test_Art_2",
            "question": "<image 1> What is ten?",
            "options": str(ten),
            "answer": "J",
            **_pictures("red"),
            **common,
        },
        {
            "id": "test_Finance_241",
            "question": "Which letter belongs to <image 1>?",
            "options": str(letters),
            "answer": "B",
            **_pictures("yellow"),
            **common,
        },
    ]


def _mmmu_pro_vision() -> list[Row]:
    ten = str([f"the number {i}" for i in range(1, 11)])
    return [
        {"id": f"test_Art_{i}", "image": picture(COLOURS[i]), "options": ten, "answer": answer, "subject": "Art"}
        for i, answer in enumerate(("A", "I"), 1)
    ]


ROWS: Mapping[str, Sequence[Row]] = {
    "mathvista": _mathvista(),
    "mathverse": _mathverse(),
    "mathvision": _mathvision(),
    "mmmu": _mmmu(),
    "mmmu_pro_standard": _mmmu_pro_standard(),
    "mmmu_pro_vision": _mmmu_pro_vision(),
}
"""The rows of each set, with decoded pictures."""


def _with_pictures(rows: Sequence[Row]) -> Dataset:
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    table = Dataset.from_dict(columns)
    names = [name for name in columns if any(isinstance(row[name], Pillow.Image) for row in rows)]
    names += [name for name in columns if name.startswith("image_") and name not in names]
    for name in names:
        table = table.cast_column(name, Image())
    return table


def _card(benchmarks: Sequence[Benchmark]) -> str:
    lines = ["---", "configs:"]
    for benchmark in benchmarks:
        config = benchmark.config or "default"
        lines += [f"- config_name: {config}", "  data_files:", f"  - split: {benchmark.split}"]
        lines += [f"    path: {_file(benchmark)}"]
    return "\n".join([*lines, "---", "Invented questions in the schema of the real set.", ""])


def _file(benchmark: Benchmark) -> str:
    return f"{benchmark.config or 'data'}/{benchmark.split}-00000-of-00001.parquet"


def write(out: Path) -> None:
    """Write all sets below ``out``, one folder for each hub id."""
    repositories: dict[str, list[Benchmark]] = {}
    for benchmark in BENCHMARKS.values():
        repositories.setdefault(benchmark.hub_id, []).append(benchmark)
    for hub_id, benchmarks in repositories.items():
        folder = out / hub_id
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "README.md").write_text(_card(benchmarks), encoding="utf-8")
        for benchmark in benchmarks:
            path = folder / _file(benchmark)
            path.parent.mkdir(parents=True, exist_ok=True)
            _with_pictures(ROWS[benchmark.name]).to_parquet(path)


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="care tiny-benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to fill")
    out = parser.parse_args(argv).out
    write(out)
    print(f"{out}: {', '.join(f'{name} {len(rows)}' for name, rows in ROWS.items())} questions")
    return 0


if __name__ == "__main__":
    sys.exit(main())
