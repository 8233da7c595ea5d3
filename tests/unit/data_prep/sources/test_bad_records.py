# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""One bad record among good ones costs its row; one bad file gets one clear line. Nothing ends in a traceback."""

import json
import os
import tarfile
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_prep import chartqa, geometry3k, virl39k, vision_r1_cold
from data_prep.file.output import write_rows
from data_prep.mix import mixture as mix
from data_prep.sources.files import FolderFiles, open_files

NAMES = {
    "NUL": "images/a\0b.png",
    "300 characters": f"images/{'x' * 300}.png",
    "5000 characters": "images/" + "x/" * 2500 + "a.png",
    "loop": "images/loop.png",
    "loop of folders": "images/round/round/round/a.png",
    "dangling": "images/dangling.png",
    "folder": "images/folder",
    "below a file": "images/ok.png/a.png",
    "empty parts": "images//../images/./nowhere.png",
    "out of the folder": "images/../../secret.png",
    "absolute": "/etc/passwd",
    "dots": "..",
    "lost character": "images/\ufffd.png",
}


@pytest.fixture
def images(build, tmp_path):
    folder = tmp_path / "ViRL39K"
    (folder / "images" / "folder").mkdir(parents=True)
    (folder / "images" / "ok.png").write_bytes(build.picture())
    (folder / "images" / "loop.png").symlink_to("loop.png")
    (folder / "images" / "round").symlink_to("round")
    (folder / "images" / "dangling.png").symlink_to("nowhere.png")
    (tmp_path / "secret.png").write_bytes(build.picture())
    return folder


def test_names_that_no_file_can_have(build, images, tmp_path):
    cases = {"ok": "images/ok.png", **NAMES}
    rows = [build.virl(r"\boxed{5}", image=(name,)) | {"qid": qid} for qid, name in cases.items()]
    given = build.write_virl(tmp_path / "given", rows, {})
    (given / "39Krelease.parquet").rename(images / "39Krelease.parquet")
    assert virl39k.main(["--input", str(images), "--output", str(tmp_path / "out")]) == 0
    parquet = tmp_path / "out" / "virl39k_train.parquet"
    assert [row["extra_info"]["qid"] for row in build.records(parquet)] == ["ok"]
    assert {entry["reason"] for entry in build.entries(parquet)} == {"image_missing"}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_the_same_in_zips_and_tars(images, tmp_path, name):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(images / "images" / "ok.png", "images/ok.png")
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.add(images / "images", "images")
    for files in (open_files(tmp_path / "a.zip"), open_files(tmp_path / "a.tar"), FolderFiles(images)):
        assert files.read(name) is None
        assert files.read("images/ok.png")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read(images):
    (images / "images" / "ok.png").chmod(0)
    assert FolderFiles(images).read("images/ok.png") == b""


RECORDS = [None, 5, "text", [], {}, {"query": "?"}, {"imgname": "a.png", "query": "?"}]
RECORDS += [{"imgname": name, "query": query, "label": label} for name, query, label in
            [(5, "?", "1"), (None, "?", "1"), ("a.png", None, "1"), ("a.png", ["?"], "1"), ("a.png", "?", None),
             ("a.png", "?", {"a": 1}), ("a.png", "?", [None]), ("a.png", "?", [["1"]])]]  # fmt: skip


def test_chart_records(build, tmp_path):
    place = tmp_path / "ChartQA Dataset" / "train"
    (place / "png").mkdir(parents=True)
    (place / "png" / "a.png").write_bytes(build.picture())
    good = {"imgname": "a.png", "query": "How many?", "label": 7}
    (place / "train_human.json").write_text(json.dumps([*RECORDS, good]))
    (place / "train_augmented.json").write_text("[]")
    assert chartqa.main(["--input", str(tmp_path), "--output", str(tmp_path)]) == 0
    parquet = tmp_path / "chartqa_train_human.parquet"
    assert [row["reward_model"]["ground_truth"] for row in build.records(parquet)] == ["7"]
    assert [entry["reason"] for entry in build.entries(parquet)] == ["record_unreadable"] * len(RECORDS)


def test_chart_rows_of_no_half(build, tmp_path):
    table = build.chart_table(build.CHART_CASES[:3])
    halves = pa.array([0, 7, None, 1], pa.int64())
    pq.write_table(table.set_column(3, "human_or_machine", halves), tmp_path / "train-0.parquet")
    arguments = ["--input", str(tmp_path / "train-0.parquet"), "--output", str(tmp_path), "--half", "both"]
    assert chartqa.main(arguments) == 0
    found = build.entries(tmp_path / "chartqa_train_both.parquet")
    assert [(entry["index"], entry["reason"]) for entry in found][:2] == [
        (1, "record_unreadable"),
        (2, "record_unreadable"),
    ]


def changed(**fields) -> bytes:
    problem = {"annotat_text": "Find x.", "choices": ["1", "2"], "answer": "A", "precise_value": [1.0, 2.0]}
    return json.dumps(problem | fields).encode()


PROBLEMS = {
    "null": b"null",
    "number": b"5",
    "list": b"[]",
    "empty": b"",
    "Latin-1": changed(annotat_text="Find x.").replace(b"Find", b"F\xe4nd"),
    "nested": b"[" * 100_000,
    "nested inside": b'{"annotat_text":' + b"[" * 100_000,
    "no choices": changed(choices=None),
    "text for a number": changed(precise_value="1"),
    "letter as list": changed(answer=["A"]),
    "long number": b'{"annotat_text": ' + b"9" * 5000 + b"}",
}
STILL_READ = {
    "UTF-16": changed().decode().encode("utf-16"),
    "huge value": changed(precise_value=[10**400, 2.0]),
    "no numbers": changed(precise_value=[None, "x"]),
    "truths": changed(precise_value=[True, False]),
    "goal null": changed(problem_type_goal=None),
    "NUL in the text": changed(annotat_text="Find\0 x."),
    "infinite": changed(precise_value=[float("inf"), float("nan")]),
}


@pytest.mark.parametrize("content", [*PROBLEMS.values(), *STILL_READ.values()], ids=[*PROBLEMS, *STILL_READ])
def test_problem_records(build, tmp_path, content):
    for number, data in ((1, content), (2, changed())):
        (tmp_path / "train" / str(number)).mkdir(parents=True)
        (tmp_path / "train" / str(number) / "data.json").write_bytes(data)
        (tmp_path / "train" / str(number) / "img_diagram.png").write_bytes(build.picture())
    assert geometry3k.main(["--input", str(tmp_path / "train"), "--output", str(tmp_path)]) == 0
    parquet = tmp_path / "geometry3k_train.parquet"
    lost = [entry["reason"] for entry in build.entries(parquet) if entry["action"] == "dropped"]
    assert lost == (["record_unreadable"] if content in PROBLEMS.values() else [])
    assert build.records(parquet)[-1]["extra_info"]["qid"] == "geometry3k-2"


SAID = "<think>Two bars.</think> <answer>2</answer>"
TURNS = [{"from": "human", "value": "How many?"}, {"from": "gpt", "value": SAID}]
LESSONS = {
    "null": None,
    "number": 5,
    "text": "x",
    "nothing": {},
    "turns null": {"conversations": None, "image": "a.png"},
    "turns as text": {"conversations": "How many?", "image": "a.png"},
    "turn as text": {"conversations": ["How many?", SAID], "image": "a.png"},
    "turn null": {"conversations": [None, TURNS[1]], "image": "a.png"},
    "turn as list": {"conversations": [["human", "How many?"], TURNS[1]], "image": "a.png"},
    "value as list": {"conversations": [{"from": "human", "value": ["How many?"]}, TURNS[1]], "image": "a.png"},
    "value as number": {"conversations": [{"from": "human", "value": 5}, TURNS[1]], "image": "a.png"},
    "image as number": {"conversations": TURNS, "image": 5},
    "image as object": {"conversations": TURNS, "image": {"path": "a.png"}},
    "images of numbers": {"conversations": TURNS, "images": [5]},
}
ODD_LESSONS = {
    "no roles": ({"conversations": [{"value": "a"}, {"value": "b"}], "image": "a.png"}, "conversation_shape"),
    "role as list": ({"conversations": [{"from": ["human"], "value": "a"}, TURNS[1]], "image": "a.png"},
                     "conversation_shape"),
    "no image": ({"conversations": TURNS}, "image_count"),
    "NUL": ({"conversations": TURNS, "image": "a\0.png"}, "image_missing"),
    "long name": ({"conversations": TURNS, "image": "x" * 300}, "image_missing"),
    "dots": ({"conversations": TURNS, "image": "../../a.png"}, "image_missing"),
    "id as object": ({"conversations": TURNS, "image": "a.png", "id": {"a": [1]}}, None),
}  # fmt: skip


def test_lesson_records(build, tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(build.picture())
    rows = [*LESSONS.values(), *(row for row, _ in ODD_LESSONS.values()), {"conversations": TURNS, "image": "a.png"}]
    (tmp_path / "vision_r1_llava_cot_full.json").write_text(json.dumps(rows))
    arguments = ["--input", str(tmp_path), "--images", str(tmp_path / "images"), "--output", str(tmp_path / "out")]
    assert vision_r1_cold.main(arguments) == 0
    parquet = tmp_path / "out" / "vision_r1_cold.parquet"
    found = {entry["index"]: entry["reason"] for entry in build.entries(parquet)}
    expected = [*["record_unreadable"] * len(LESSONS), *(reason for _, reason in ODD_LESSONS.values()), None]
    assert found == {index: reason for index, reason in enumerate(expected) if reason}
    assert pq.read_metadata(parquet).num_rows == 2


TEXTS = {
    "Latin-1": (json.dumps([{"conversations": TURNS, "image": "ä.png"}], ensure_ascii=False).encode("latin-1"),
                "not UTF-8 (byte 0xe4)"),
    "UTF-16": (json.dumps([{"conversations": TURNS}]).encode("utf-16"), "not UTF-8"),
    "nested": (b"[" * 200_000, "damaged after"),
    "long number": (b"[" + b"9" * 5000 + b"]", "damaged after"),
    "null": (b"null", "no JSON list"),
    "empty": (b"", "no JSON list"),
}  # fmt: skip


@pytest.mark.parametrize("case", TEXTS)
def test_files_that_cannot_be_read(tmp_path, capsys, case):
    content, text = TEXTS[case]
    (tmp_path / "vision_r1_llava_cot_full.json").write_bytes(content)
    arguments = ["--input", str(tmp_path), "--images", str(tmp_path), "--output", str(tmp_path / "out")]
    assert vision_r1_cold.main(arguments) == 2
    err = capsys.readouterr().err
    assert text in err and err.count("\n") == 1


def not_utf8(kind: pa.DataType) -> pa.Array:
    """A text column with bytes that are none, as some writers leave it."""
    raw = pa.array([b"F\xe4nd x.", b"Find y."], pa.binary())
    return pa.Array.from_buffers(kind, 2, raw.buffers())


def test_texts_in_parquet_that_are_not_utf8(build, tmp_path):
    given = build.write_virl(
        tmp_path / "ViRL39K", [build.virl(r"\boxed{5}") | {"qid": n} for n in "ab"], {"images/ok.png": build.picture()}
    )
    table = pq.read_table(given / "39Krelease.parquet")
    pq.write_table(table.set_column(0, "question", not_utf8(pa.string())), given / "39Krelease.parquet")
    assert virl39k.main(["--input", str(given), "--output", str(tmp_path)]) == 0
    parquet = tmp_path / "virl39k_train.parquet"
    assert [row["extra_info"]["question"] for row in build.records(parquet)] == ["Fnd x.", "Find y."]
    assert [entry["reason"] for entry in build.entries(parquet)][:1] == ["unreadable_characters_removed"]


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"{", b"\xff\xfe", b"[" * 100_000])
def test_a_manifest_that_is_none(build, tmp_path, capsys, content):
    write_rows(tmp_path / "in.parquet", [build.make_row("virl39k", "a", build.picture())])
    (tmp_path / "in.manifest.json").write_bytes(content)
    assert mix.main(["--input", str(tmp_path / "in.parquet"), "--output", str(tmp_path / "out")]) == 2
    assert "in.manifest.json: no manifest" in capsys.readouterr().err
