# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Copies of charts, tables and diagrams are recognised; others of the same template are not, alike as they look."""

import io
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageDraw, ImageFont

from data_prep.file.output import write_rows
from data_prep.mix.fingerprints import RowPrint, print_image
from data_prep.mix.looks import looks_of, near_pairs
from data_prep.mix.pictures import shows_the_same, small_picture

# fmt: off
WORDS = ["alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel",
         "india", "juliet", "kilo", "lima", "mike", "november", "oscar", "papa"]
# fmt: on
FONT = ImageFont.load_default(16)


def table(seed: int, changed: int | None = None) -> Image.Image:
    """Words and numbers between lines; with ``changed`` one cell holds another number."""
    rng = random.Random(seed)
    image = Image.new("RGB", (640, 400), "white")
    draw = ImageDraw.Draw(image)
    cells = [WORDS[rng.randrange(16)] if n < 5 or n % 5 == 0 else str(rng.randint(100, 999)) for n in range(40)]
    if changed is not None:
        free = [n for n, cell in enumerate(cells) if cell.isdigit()]
        cells[free[changed % len(free)]] = str(1099 - int(cells[free[changed % len(free)]]))
    for n, cell in enumerate(cells):
        x, y = 14 + n % 5 * 124, 10 + n // 5 * 47
        draw.line((8, y, 632, y), fill="black")
        draw.text((x, y + 8), cell, fill="black", font=FONT)
    return image


def bars(seed: int, changed: int | None = None) -> Image.Image:
    """Labelled bars on a scale; with ``changed`` one bar is a little higher, or has another label."""
    rng = random.Random(seed)
    image = Image.new("RGB", (600, 420), "white")
    draw = ImageDraw.Draw(image)
    heights, labels = [rng.randint(30, 280) for _ in range(6)], rng.sample(WORDS, 6)
    if changed is not None and changed % 2:
        heights[changed % 6] += 14
    elif changed is not None:
        labels[changed % 6] = next(word for word in WORDS if word not in labels)
    for line in range(0, 300, 50):
        draw.line((40, 370 - line, 590, 370 - line), fill="lightgrey")
        draw.text((8, 362 - line), str(line), fill="black", font=FONT)
    for n, height in enumerate(heights):
        draw.rectangle((60 + n * 90, 370 - height, 110 + n * 90, 370), fill=(40, 100, 180))
        draw.text((56 + n * 90, 376), labels[n], fill="black", font=FONT)
    return image


def pie(seed: int, changed: int | None = None) -> Image.Image:
    """Equal slices whose labels differ."""
    rng = random.Random(seed)
    image = Image.new("RGB", (480, 480), "white")
    draw = ImageDraw.Draw(image)
    labels = [f"{rng.choice(WORDS)} {rng.randint(10, 99)}%" for _ in range(4)]
    if changed is not None:
        labels[changed % 4] = f"{rng.choice(WORDS)} {rng.randint(10, 99)}%"
    for n, colour in enumerate(("salmon", "khaki", "skyblue", "plum")):
        draw.pieslice((110, 110, 370, 370), n * 90, n * 90 + 90, fill=colour, outline="white")
        draw.text([(300, 400), (20, 400), (20, 60), (300, 60)][n], labels[n], fill="black", font=FONT)
    return image


def triangle(seed: int, changed: int | None = None) -> Image.Image:
    """Nearly the same outline, other lengths."""
    rng = random.Random(seed)
    image = Image.new("RGB", (420, 320), "white")
    draw = ImageDraw.Draw(image)
    points = [(x + rng.randint(-4, 4), y + rng.randint(-4, 4)) for x, y in ((60, 260), (360, 260), (200, 60))]
    lengths = [rng.randint(2, 90) for _ in points]
    if changed is not None:
        lengths[changed % 3] = (lengths[changed % 3] + 47) % 100
    draw.polygon(points, outline="black", width=2)
    for (x, y), length in zip(points, lengths, strict=True):
        draw.text((x + 6, y - 26), str(length), fill="black", font=FONT)
    return image


def smooth(seed: int) -> Image.Image:
    """Colours that run into each other: most frequencies are hardly there."""
    return Image.frombytes("RGB", (8, 6), random.Random(seed).randbytes(144)).resize((320, 240))


KINDS = [table, bars, pie, triangle]


def saved(image: Image.Image, kind="PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def copied(image: Image.Image, scale: float, quality: int) -> bytes:
    size = (round(image.width * scale), round(image.height * scale))
    return saved(image.resize(size, Image.Resampling.BICUBIC), "JPEG", quality=quality)


def are_near(one: bytes, other: bytes) -> bool:
    """Whether the hashes of two images ask for a second look."""
    rows = [RowPrint("q", 0, "", (print_image(content),)) for content in (one, other)]
    return bool(list(near_pairs(looks_of(rows[:1]), looks_of(rows[1:]))))


def is_dropped(one: bytes, other: bytes) -> bool:
    """What ``data_prep.mix`` decides about two images."""
    return are_near(one, other) and shows_the_same(small_picture(one), small_picture(other))


@pytest.mark.parametrize("draw", [*KINDS, smooth])
@pytest.mark.parametrize(("scale", "quality"), [(1, 30), (1, 75), (0.5, 75), (0.7, 60), (1.7, 60), (2, 90)])
def test_copies_pass(draw, scale, quality):
    images = [draw(seed) for seed in range(6)]
    assert sum(is_dropped(saved(image), copied(image, scale, quality)) for image in images) == 6


@pytest.mark.parametrize("draw", KINDS)
def test_most_bad_copies_of_half_the_size_pass(draw):
    images = [draw(seed) for seed in range(10)]
    assert sum(is_dropped(saved(image), copied(image, 0.5, 30)) for image in images) >= 8


@pytest.mark.parametrize("draw", KINDS)
@pytest.mark.parametrize("quality", [None, 75])
def test_one_other_number_or_word_is_seen(draw, quality):
    """The hash alone would take nearly all of them for copies."""
    near = 0
    for changed in range(6):
        one, other = draw(changed), draw(changed, changed)
        assert one.tobytes() != other.tobytes()
        files = saved(one), copied(other, 1, quality) if quality else saved(other)
        near += are_near(*files)
        assert not is_dropped(*files), changed
    assert near >= 3


@pytest.mark.parametrize("draw", [*KINDS, smooth])
@pytest.mark.parametrize("scale", [1, 0.5, 1.5])
def test_others_of_the_same_template_are_not_copies(draw, scale):
    for seed in range(10):
        assert not is_dropped(saved(draw(seed)), copied(draw(seed + 1), scale, 80)), seed


def test_another_shape_is_another_picture():
    image = table(0)
    assert not shows_the_same(image.convert("L"), image.convert("L").resize((640, 300)))


@pytest.fixture
def mixed(build, tmp_path):
    """Charts against a benchmark that has copies of some and near copies of others."""
    rows = [build.make_row("chartqa", f"{draw.__name__}-{n}", saved(draw(n)), "What is the highest value?", "5")
            for draw in KINDS for n in range(4)]  # fmt: skip
    twins = [
        build.make_row("chartqa", "twin-copy", copied(table(0), 1.3, 80), "What is the highest value?", "5"),
        build.make_row("chartqa", "twin-other", saved(table(0, 3)), "What is the highest value?", "5"),
    ]
    write_rows(tmp_path / "charts.parquet", [*rows, *twins])
    items = [{"id": n, "question": "What is the highest value?", "image": build.cell(content)} for n, content in
             enumerate([copied(table(1), 0.7, 75), copied(bars(1), 1.4, 60), saved(table(2, 5)), saved(bars(2, 1)),
                        saved(triangle(3, 0)), copied(pie(3), 0.8, 85)])]  # fmt: skip
    schema = pa.schema([("id", pa.int64()), ("question", pa.string()), ("image", build.STRUCT)])
    pq.write_table(pa.Table.from_pylist(items, schema), tmp_path / "bench.parquet", row_group_size=2)
    done = build.call("mix", "--input", tmp_path / "charts.parquet", "--output", tmp_path / "out", "--benchmark",
                      f"bench={tmp_path / 'bench.parquet'}")  # fmt: skip
    assert done.status == 0, done.err
    return tmp_path / "out" / "mix.parquet"


def test_the_command_drops_copies_and_lists_what_is_only_alike(build, mixed):
    dropped = {entry["qid"]: entry["reason"] for entry in build.entries(mixed)}
    look = "benchmark_image_look"
    assert dropped == {"table-1": look, "bars-1": look, "pie-3": look, "twin-copy": "duplicate"}
    lines = build.lines(mixed.with_suffix(".inspect.jsonl"))
    listed = {line["qid"]: line["against"] for line in lines if line["reason"] == "similar_image"}
    assert listed.items() >= {"table-2": "bench:2", "triangle-3": "bench:4"}.items()


def test_the_list_has_a_length_a_person_can_inspect(build, tmp_path):
    """A question that fits every chart is in the benchmark: a thousand rows would be listed for it."""
    rows = [build.make_row("chartqa", str(n), saved(bars(n)), "What is the highest value?", str(n)) for n in range(230)]
    write_rows(tmp_path / "charts.parquet", rows)
    items = [{"id": 0, "question": "What is the highest value?", "image": build.cell(saved(table(0)))}]
    schema = pa.schema([("id", pa.int64()), ("question", pa.string()), ("image", build.STRUCT)])
    pq.write_table(pa.Table.from_pylist(items, schema), tmp_path / "bench.parquet")
    done = build.call("mix", "--input", tmp_path / "charts.parquet", "--output", tmp_path / "out", "--benchmark",
                      f"bench={tmp_path / 'bench.parquet'}")  # fmt: skip
    assert "(the closest 200 are listed)" in done.out, done.err
    assert len(build.lines(tmp_path / "out" / "mix.inspect.jsonl")) == 200
    record = build.read_json(tmp_path / "out" / "mix.overlap.json")
    assert (record["inspect"]["generic_words"], record["listed"]["generic_words"]) == (230, 200)
