# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Size of ``care report``'s page on an invented run, time to write it, and what a headless Chromium makes of it.

python benchmarks/bench_report.py                              # 2,000 groups x 8 rollouts with photographs
python benchmarks/bench_report.py --groups 500 --words 800 --out page.html
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "unit" / "report")]

from chromium import Chromium, find_chromium  # noqa: E402

from data_prep.file.output import write_rows  # noqa: E402
from recipe.replay.records import CreditRun, DataRow, RepairRecord, RolloutRecord  # noqa: E402
from recipe.tiny.dataset import as_row  # noqa: E402
from recipe.tiny.tasks import TASKS  # noqa: E402

ROLLOUTS, A_STEP = 8, 50
VOCABULARY = [f"word{number}" for number in range(5000)]


def photograph(noise: np.random.Generator) -> bytes:
    """A soft picture of 640 x 480 as a JPEG."""
    spots = noise.integers(0, 255, (24, 32, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(spots).resize((640, 480)).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def write_run(folder: Path, groups: int, words: int) -> None:
    """Records of mixed groups, some with a repair, and the training file behind them."""
    draw, noise = random.Random(0), np.random.default_rng(0)
    row = as_row(TASKS["count"].sample(draw), "count", "train", 0)
    rows = (dataclasses.replace(row, index=number, images=(photograph(noise),)) for number in range(groups))
    write_rows(folder / "train.parquet", rows)
    (folder / "records").mkdir()
    for number in range(groups):
        step = 1 + number // A_STEP
        question = " ".join(draw.choices(VOCABULARY, k=60))
        with (folder / "records" / f"{step}.jsonl").open("a") as file:
            for place in range(ROLLOUTS):
                file.write(f"{record(draw, step, number, place, question, words).line()}\n")


def record(draw: random.Random, step: int, group: int, place: int, question: str, words: int) -> RolloutRecord:
    """A rollout with credit on all its tokens."""
    acc = float(place == 0 or draw.random() < 0.5)
    think = f"<think>{' '.join(draw.choices(VOCABULARY, k=draw.randrange(words // 2, 3 * words // 2)))}</think>"
    answer = f"\n<answer>{7 if acc else 8}</answer>"
    again = f"<think>{' '.join(draw.choices(VOCABULARY, k=words))}</think>\n<answer>7</answer>"
    repaired = RepairRecord("passed", False, think + answer, 0.1, "Look again.", again, 1.0, "number")
    return RolloutRecord(
        step=step,
        uid=f"{group}_{place}_0",
        group=str(group),
        row=place,
        input=f"user\n{question}?\nassistant\n",
        output=think + answer,
        gts="7",
        score=0.1 + 0.9 * acc,
        acc=acc,
        rule="number",
        role="anchor" if place == 0 else "hard_negative",
        advantage=2.0 if acc else -0.5,
        anchor=0,
        distance=0.0 if place == 0 else draw.random(),
        k_prime=4,
        tokens=words,
        credit=(CreditRun(words, len(think), 0.002), CreditRun(9, len(answer), 0.1)),
        data=DataRow("tiny_count", group, "train", 1),
        repair=repaired if not acc and place % 4 == 1 else None,
    )


def in_browser(page: Path) -> None:
    """Open the page, and time what a reader does."""
    program = find_chromium()
    if program is None:
        print("no Chromium: set CHROMIUM, or install the package chromium")
        return
    key = "document.body.dispatchEvent(new KeyboardEvent('keydown', {{key: '{}', bubbles: true}}))"
    find = (
        "(() => { const search = document.getElementById('search'); search.value = 'word17 word4';"
        " search.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', bubbles: true})); })()"
    )
    with Chromium(program) as browser:
        print("opens in", ", ".join(f"{browser.open(page):.2f} s" for _ in range(3)), "(thrice)")
        print(f"holds {browser.metrics()['JSHeapUsedSize'] / 2**20:.0f} MiB")
        for name, act in (("next group", key.format("j")), ("filter", key.format("2")), ("search", find)):
            timed = f"(() => {{ const began = performance.now(); {act}; document.body.offsetHeight;"
            milliseconds = browser.run(f"{timed} return performance.now() - began; }})()")
            print(f"{name}: {milliseconds:.0f} ms")
        assert browser.errors == [], browser.errors


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--groups", type=int, default=2000, help="default: %(default)s")
    parser.add_argument("--words", type=int, default=190, help="of a rationale, on average (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="keep the page here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_run(folder, options.groups, options.words)
        page = options.out or folder / "page.html"
        command = [sys.executable, "-m", "recipe.report", str(folder), "--data", str(folder / "train.parquet")]
        began = time.monotonic()
        subprocess.run([*command, "-o", str(page)], cwd=ROOT, check=True)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        print(f"written in {time.monotonic() - began:.0f} s, {used.ru_utime + used.ru_stime:.1f} s of CPU", end=", ")
        print(f"{used.ru_maxrss / 2**10:.0f} MiB; the page has {page.stat().st_size / 2**20:.1f} MiB")
        in_browser(page)


if __name__ == "__main__":
    main()
