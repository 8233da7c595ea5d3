# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Time a converter on a synthetic dataset of a realistic size, and take its peak memory.

The dataset is written to disk row by row and the converter runs as a process of its own, so neither this program nor
the figure holds it. A picture is a real JPEG, padded inside the file to the size that was asked for; a few pictures
serve all rows, but the input holds every row's copy, as the real one does.

    python benchmarks/bench_data_prep.py                                     # 1,000 rows of ViRL39K, 300 KB each
    python benchmarks/bench_data_prep.py --rows 40000 --image-kb 300         # about 40 GB of disk while it runs
    python benchmarks/bench_data_prep.py --dataset chartqa --workers 2
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

PICTURES = 16
BATCH = 100
"""Rows in a row group of the hub's files."""
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


@dataclass(frozen=True)
class Size:
    """How large the dataset is."""

    rows: int
    image_kb: int
    side: int


def make_pictures(size: Size) -> list[bytes]:
    """JPEG files of the wanted size in bytes and pixels."""
    rng = random.Random(0)
    pictures = []
    for _ in range(PICTURES):
        noise = Image.frombytes("RGB", (64, 48), rng.randbytes(64 * 48 * 3))
        buffer = io.BytesIO()
        noise.resize((size.side, size.side * 3 // 4), Image.Resampling.BICUBIC).save(buffer, format="JPEG", quality=90)
        pictures.append(_padded(buffer.getvalue(), size.image_kb * 1000, rng))
    return pictures


def _padded(jpeg: bytes, wanted: int, rng: random.Random) -> bytes:
    """Fill a JPEG up with comments behind its first marker; decoders skip them."""
    comments = b""
    while len(jpeg) + len(comments) < wanted:
        length = min(65_000, wanted - len(jpeg) - len(comments))
        comments += b"\xff\xfe" + (length + 2).to_bytes(2, "big") + rng.randbytes(length)
    return jpeg[:2] + comments + jpeg[2:]


def make_virl(folder: Path, size: Size) -> list[str]:
    """ViRL39K's two files: a mix of numbers, choices, formulas and spoilt golds."""
    pictures = make_pictures(size)
    kinds = [(r"\boxed{%d}", "<image>How long is AB?"), (r"\boxed{B}", "<image>Which?\n(A) 1 (B) %d (C) 3 (D) 4")]
    kinds += [
        (r"\boxed{\frac{%d}{7}}", "<image>Find x."),
        (r"\boxed{x^2+%d}", "<image>Find f(x)."),
        (r"\boxed{None}", "<image>Why?"),
    ]
    rows = []
    with zipfile.ZipFile(folder / "images.zip", "w") as archive:
        for n in range(size.rows):
            answer, question = (text.replace("%d", str(n)) for text in kinds[n % len(kinds)])
            name = f"images/K12-{n}-0.jpg"
            archive.writestr(name, pictures[n % PICTURES])
            row = {"question": question, "answer": answer, "qid": str(n), "image": [name], "category": "(GradeSchool)"}
            rows.append(row | {"source": "K12", "PassRate_32BTrained": 1.0, "PassRate_7BBase": -1.0})
    pq.write_table(pa.Table.from_pylist(rows), folder / "39Krelease.parquet")
    return ["--input", str(folder)]


def make_charts(folder: Path, size: Size) -> list[str]:
    """The hub's ChartQA, both halves."""
    schema = pa.schema(
        [("image", IMAGE), ("query", pa.string()), ("label", pa.list_(pa.string())), ("human_or_machine", pa.int64())]
    )
    pictures = make_pictures(size)
    with pq.ParquetWriter(folder / "train-00000-of-00001.parquet", schema) as writer:
        for begin in range(0, size.rows, BATCH):
            rows = [
                {
                    "image": {"bytes": pictures[n % PICTURES], "path": f"{n}.png"},
                    "query": f"How high is bar {n}?",
                    "label": [str(n)],
                    "human_or_machine": n % 2,
                }
                for n in range(begin, min(begin + BATCH, size.rows))
            ]
            writer.write_table(pa.Table.from_pylist(rows, schema))
    return ["--input", str(folder), "--half", "both"]


def make_problems(folder: Path, size: Size) -> list[str]:
    """The original release of Geometry3K as a zip."""
    pictures = make_pictures(size)
    with zipfile.ZipFile(folder / "train.zip", "w") as archive:
        for n in range(size.rows):
            choices = [str(n), "10 \\sqrt { 3 }", "2.5", "7"]
            problem = {"annotat_text": f"Find x of {n}.", "choices": choices, "answer": "AB"[n % 2]}
            problem |= {"precise_value": [float(n), 17.3205, 2.5, 7.0], "problem_type_goal": ["Length"]}
            archive.writestr(f"train/{n}/data.json", json.dumps(problem))
            archive.writestr(f"train/{n}/img_diagram.png", pictures[n % PICTURES])
    return ["--input", str(folder / "train.zip")]


def make_lessons(folder: Path, size: Size) -> list[str]:
    """A JSON file of Vision-R1-cold, with rationales of about 2,000 characters, and its images as a zip."""
    pictures = make_pictures(size)
    records = []
    with zipfile.ZipFile(folder / "images.zip", "w") as archive:
        for n in range(size.rows):
            archive.writestr(f"{n}.jpg", pictures[n % PICTURES])
            steps = " ".join(f"Step {step} of row {n} adds {step * 7} to the sum." for step in range(50))
            said = f"<think>{steps}</think> <answer> Final Answer:{n} </answer>"
            turns = [{"from": "human", "value": f"<image>What is the sum of row {n}?"}, {"from": "gpt", "value": said}]
            records.append({"id": str(n), "image": f"{n}.jpg", "conversations": turns})
    source = folder / "vision_r1_llava_cot_full.json"
    source.write_text(json.dumps(records))
    return ["--input", str(source), "--images", str(folder / "images.zip")]


def make_converted(folder: Path, size: Size) -> list[str]:
    """ViRL39K, converted: what ``mix`` reads."""
    raw, out = folder / "raw", folder / "converted"
    raw.mkdir()
    converter = [sys.executable, "-m", "data_prep.virl39k", *make_virl(raw, size), "--output", str(out)]
    subprocess.run(converter, check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(raw)
    return ["--input", *map(str, out.glob("*.parquet")), "--seed", "1"]


MAKERS: dict[str, Callable[[Path, Size], list[str]]] = {
    "virl39k": make_virl,
    "geometry3k": make_problems,
    "chartqa": make_charts,
    "vision_r1_cold": make_lessons,
    "mix": make_converted,
}


def measure(command: list[str]) -> tuple[float, float]:
    """Seconds and peak memory in MiB of a process; its output goes through."""
    began = time.perf_counter()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"the converter failed: {' '.join(command)}")
    return time.perf_counter() - began, usage.ru_maxrss / 1024


def commands(options: argparse.Namespace, given: list[str], out: Path) -> Iterator[tuple[int, list[str]]]:
    """The empty run that shows what starting costs, and the real one."""
    base = [sys.executable, "-m", f"data_prep.{options.dataset}", *given, "--workers", str(options.workers)]
    base += ["--model", options.model] if options.model else []
    if options.dataset != "mix":
        yield 1, [*base, "--output", str(out / "one"), "--limit", "1"]
    yield options.rows, [*base, "--output", str(out / "all")]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", choices=MAKERS, default="virl39k", help="(virl39k)")
    parser.add_argument("--rows", type=int, default=1000, help="(1000)")
    parser.add_argument("--image-kb", type=int, default=300, help="size of an image file (300)")
    parser.add_argument("--side", type=int, default=1000, help="width of an image in pixels (1000)")
    parser.add_argument("--workers", type=int, default=1, help="threads of the converter (1)")
    parser.add_argument("--model", help="measure prompts with this model's processor, too")
    parser.add_argument("--folder", help="where to put the dataset and the output (the system's temporary folder)")
    options = parser.parse_args()
    size = Size(options.rows, options.image_kb, options.side)
    with tempfile.TemporaryDirectory(dir=options.folder) as place:
        folder = Path(place)
        given = MAKERS[options.dataset](folder, size)
        for rows, command in commands(options, given, folder / "out"):
            seconds, peak = measure(command)
            print(f"{options.dataset}, {rows:,} rows: {seconds:.1f} s, {rows / seconds:,.0f} rows/s, {peak:,.0f} MiB")


if __name__ == "__main__":
    main()
