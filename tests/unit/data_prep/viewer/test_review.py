# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Dropped, changed and suspected rows are put aside with their pictures, and the viewer shows them side by side."""

import pytest

from data_prep import virl39k
from data_prep.file.output import write_rows
from data_prep.file.review import MOST_OF_A_REASON, Exhibit, Side, read_exhibits, review_path
from tests.unit.data_prep.viewer.test_viewer import EVIL, sheet


def exhibits(parquet):
    return list(read_exhibits(review_path(parquet).read_text().splitlines()))


def test_a_converter_puts_every_reason_aside(build, converted):
    parquet = converted / "virl39k_train.parquet"
    found = {exhibit.sides[0].title: exhibit for exhibit in exhibits(parquet)}
    told = {entry["qid"]: (entry["action"], entry["reason"]) for entry in build.entries(parquet)}
    assert {qid: (exhibit.action, exhibit.reason) for qid, exhibit in found.items()} == told
    dropped = found["no_option"]
    assert (dropped.source, dropped.sides[0].gold) == ("K12", r"\boxed{21}")
    assert dropped.sides[0].images[0].startswith("data:image/jpeg;base64,") and "Choices" in dropped.sides[0].question
    assert found["missing_image"].sides[0].images == found["cut_png"].sides[0].images == ("",)
    assert found["choice_by_text"].answer_type == "choice"


def test_of_each_reason_only_so_many(build, tmp_path):
    rows = [build.virl("None" if n % 3 else r"\boxed{5}") | {"qid": str(n)} for n in range(2 * MOST_OF_A_REASON)]
    given = build.write_virl(tmp_path / "ViRL39K", rows, {"images/ok.png": build.picture()})
    for name, part_rows in (("whole", 1000), ("parts", 7)):
        arguments = ["--input", str(given), "--output", str(tmp_path / name), "--part-rows", str(part_rows)]
        assert virl39k.main(arguments) == 0
    whole, parts = (exhibits(tmp_path / name / "virl39k_train.parquet") for name in ("whole", "parts"))
    assert whole == parts and len(whole) == MOST_OF_A_REASON


@pytest.fixture(scope="module")
def mixed(build, tmp_path_factory):
    folder = tmp_path_factory.mktemp("mixed")
    (folder / "inputs").mkdir()
    inputs = build.write_inputs(folder / "inputs", build.picture)
    benchmarks = build.write_benchmarks(folder / "benchmarks", build.picture)
    names = {"mathvista": "mathvista", "mathverse": "mathverse/testmini.parquet"}
    given = ["--benchmark", *[f"{name}={benchmarks / path}" for name, path in names.items()]]
    done = build.call("mix", "--input", *sorted(inputs.glob("*.parquet")), "--output", folder / "out", *given)
    assert done.status == 0, done.err
    return folder / "out" / "mix.parquet"


def test_a_mixture_puts_both_sides_aside(build, mixed):
    found = {exhibit.sides[0].title: exhibit for exhibit in exhibits(mixed)}
    look = found["virl39k:verse-look"]
    assert (look.action, look.reason, look.sides[1].title) == ("dropped", "benchmark_image_look", "mathverse:3")
    assert all(len(side.images) == 1 and side.images[0] for side in look.sides)
    pair = found["virl39k:inspect-generic"]
    assert (pair.action, pair.reason, pair.sides[1].title) == ("inspect", "generic_words", "mathvista:1")
    assert found["virl39k:duplicate-of-geometry"].sides[1].title == "geometry3k:original"
    assert found["virl39k:vista-bytes"].answer_type == "number"


def test_the_page_shows_pairs_and_filters_them(build, mixed, tmp_path):
    page = sheet(build, tmp_path / "sheet.html", mixed)
    sections = page.all("section")
    assert len(sections) == len(exhibits(mixed)) and all(section["class"] == "pair" for section in sections)
    reasons = {section["data-reason"] for section in sections}
    assert {"dropped: benchmark_image_look", "dropped: duplicate", "inspect: generic_words"} <= reasons
    assert {card["data-reason"] for card in page.all("article")} == {"kept"}
    assert [select["data-by"] for select in page.all("select")] == ["reason"]
    values = {option["value"] for option in page.all("option")}
    assert reasons | {"kept", ""} == values
    assert "mathverse:3" in page.texts and len(page.all("img")) >= 2 * len(sections) - 2
    assert len(page.all("script")) == 1


def test_filters_by_source_and_answer_type(build, converted, tmp_path):
    page = sheet(build, tmp_path / "sheet.html", converted / "virl39k_train.parquet")
    assert [select["data-by"] for select in page.all("select")] == ["reason", "origin", "kind"]
    assert {"K12", "DeepScaleR", "choice", "dropped: gold_none"} <= {option["value"] for option in page.all("option")}
    assert {card["data-origin"] for card in page.all("article")} >= {"K12", "DeepScaleR"}


def test_what_the_data_says_stays_text(build, tmp_path):
    write_rows(tmp_path / "a.parquet", [build.make_row("virl39k", "a", build.picture())])
    sides = tuple(Side(EVIL, EVIL, EVIL, ("",)) for _ in range(2))
    exhibit = Exhibit("dropped", EVIL, EVIL, EVIL, EVIL, EVIL, sides)
    review_path(tmp_path / "a.parquet").write_text(exhibit.as_line())
    page = sheet(build, tmp_path / "sheet.html", tmp_path / "a.parquet")
    assert len(page.all("script")) == 1 and all("onerror" not in image for image in page.all("img"))
    assert "".join(page.texts).count(EVIL) >= 8


def test_a_damaged_review_gets_one_line(build, tmp_path):
    write_rows(tmp_path / "a.parquet", [build.make_row("virl39k", "a", build.picture())])
    review_path(tmp_path / "a.parquet").write_text('{"action": 1}\n')
    done = build.call("viewer", tmp_path / "a.parquet", "--output", tmp_path / "sheet.html")
    assert done.status == 2 and done.err.count("\n") == 1 and "a.review.jsonl: damaged" in done.err
