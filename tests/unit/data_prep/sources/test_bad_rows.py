# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""A row that cannot be read costs that row, with a reason, and not the run."""

import errno
import io
import json
import zipfile

import pyarrow.parquet as pq
import pytest
from PIL import Image, features

from data_prep import chartqa, geometry3k, virl39k, vision_r1_cold
from data_prep.errors import InputError
from data_prep.file.report import Dropped
from data_prep.mix.fingerprints import print_image
from data_prep.row.examples import SourceImage
from data_prep.row.images import check_image
from data_prep.sources.files import ZipFiles

HALF = "\ud83d"
"""Half a smiley. JSON writes it as an escape, and UTF-8 cannot."""


def reasons(build, parquet) -> dict:
    return {entry["index"]: entry["reason"] for entry in build.entries(parquet)}


def test_half_characters_in_charts(build, tmp_path):
    place = tmp_path / "ChartQA Dataset" / "train"
    (place / "png").mkdir(parents=True)
    (place / "png" / "a.png").write_bytes(build.picture())
    plain = {"imgname": "a.png", "query": "How many?", "label": "5"}
    rows = [
        plain,
        plain | {"query": f"How {HALF}many?"},
        plain | {"label": f"5{HALF}"},
        plain | {"imgname": f"{HALF}.png"},
    ]
    (place / "train_human.json").write_text(json.dumps([*rows, plain | {"query": HALF}]))
    (place / "train_augmented.json").write_text("[]")
    assert chartqa.main(["--input", str(tmp_path), "--output", str(tmp_path)]) == 0
    parquet = tmp_path / "chartqa_train_human.parquet"
    repaired, lost = "unreadable_characters_removed", "gold_unreadable_characters"
    assert reasons(build, parquet) == {1: repaired, 2: lost, 3: "image_missing", 4: "question_empty"}
    assert [row["extra_info"]["question"] for row in build.records(parquet)] == ["How many?"] * 2


def test_half_characters_in_problems(build, tmp_path):
    folder = build.write_problems(tmp_path / "train")
    for number, key, value in ((3, "annotat_text", f"Find {HALF}x."), (7, "problem_type_goal", [HALF])):
        file = folder / str(number) / "data.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {key: value}))
    file = folder / "11" / "data.json"
    file.write_text(file.read_text().replace('"22 / 3"', '"22 / 3\\ud83d"'))
    assert geometry3k.main(["--input", str(folder), "--output", str(tmp_path)]) == 0
    found = {entry["qid"]: entry["reason"] for entry in build.entries(tmp_path / "geometry3k_train.parquet")}
    assert found["geometry3k-3"] == "unreadable_characters_removed"
    assert found["geometry3k-11"] == "gold_unreadable_characters"


def test_half_and_lost_characters_in_the_cold_start_set(build, tmp_path):
    (tmp_path / "a.png").write_bytes(build.picture())
    said = "<think>Two bars.</think> <answer>Final Answer: 2</answer>"
    cases = [
        ("How many?", said, "a.png", "ok"),
        (f"How {HALF}many?", said, "a.png", "question"),
        ("How many?", said.replace("Two", HALF), "a.png", "response"),
        ("How many?", said.replace("Two", "\ufffd"), "a.png", "lost"),
        ("How many?", said, f"{HALF}.png", "image"),
        ("How many?", said, "a.png", f"id{HALF}"),
    ]
    rows = [
        {"id": name, "image": image, "conversations": [{"from": "human", "value": q}, {"from": "gpt", "value": a}]}
        for q, a, image, name in cases
    ]
    (tmp_path / "vision_r1_llava_cot_full.json").write_text(json.dumps(rows))
    arguments = ["--input", str(tmp_path), "--images", str(tmp_path), "--output", str(tmp_path / "out")]
    assert vision_r1_cold.main(arguments) == 0
    parquet = tmp_path / "out" / "vision_r1_cold.parquet"
    found = {entry["index"]: entry["reason"] for entry in build.entries(parquet) if entry["action"] == "dropped"}
    assert found == {2: "unreadable_characters", 3: "unreadable_characters", 4: "image_missing"}
    extra = [row["extra_info"] for row in pq.read_table(parquet).to_pylist()]
    assert [(row["qid"], row["question"]) for row in extra] == [
        ("llava_cot-ok", "How many?"), ("llava_cot-question", "How many?"), ("llava_cot-id\ufffd", "How many?")
    ]  # fmt: skip
    assert build.manifest(parquet)["repaired"]["unreadable_characters_removed"] == 1


def zip_of(name: str, content: bytes, packed: int = zipfile.ZIP_STORED) -> bytearray:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packed) as archive:
        archive.writestr(name, content)
    return bytearray(buffer.getvalue())


def encrypted(archive: bytearray) -> bytearray:
    archive[6] |= 1
    archive[archive.find(b"PK\1\2") + 8] |= 1
    return archive


def packed_as(number: int):
    def change(archive: bytearray) -> bytearray:
        archive[8] = archive[archive.find(b"PK\1\2") + 10] = number
        return archive

    return change


def elsewhere(archive: bytearray) -> bytearray:
    """The list of members begins later than the end of the zip says, so members lie before the file."""
    end = archive.find(b"PK\5\6")
    archive[end + 16] += 9
    return archive


DAMAGES = {
    "encrypted": encrypted,
    "unknown": packed_as(99),
    "deflate64": packed_as(9),
    "bz2": packed_as(zipfile.ZIP_BZIP2),
    "lzma": packed_as(zipfile.ZIP_LZMA),
    "deflate": packed_as(zipfile.ZIP_DEFLATED),
    "elsewhere": elsewhere,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_member_reads_as_empty(tmp_path, damage):
    path = tmp_path / "a.zip"
    path.write_bytes(DAMAGES[damage](zip_of("a.png", b"x" * 100)))
    assert ZipFiles(path).read("a.png") == b""
    assert ZipFiles(path).read("b.png") is None


def test_a_failing_disk_is_no_damaged_member(tmp_path, monkeypatch):
    path = tmp_path / "a.zip"
    path.write_bytes(zip_of("a.png", b"x"))

    def fail(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(zipfile.ZipFile, "read", fail)
    with pytest.raises(OSError, match="Input/output"):
        ZipFiles(path).read("a.png")


def test_a_zip_of_another_age_is_refused(tmp_path):
    path = tmp_path / "a.zip"
    content = zip_of("a.png", b"x")
    content[content.find(b"PK\1\2") + 6] = 250
    path.write_bytes(content)
    with pytest.raises(InputError, match="no complete zip file"):
        ZipFiles(path)


def test_an_encrypted_image_is_a_broken_one(build, tmp_path):
    given = build.write_virl(
        tmp_path / "ViRL39K", [build.virl(r"\boxed{5}", image=(f"images/{n}.png",)) | {"qid": n} for n in "ab"],
        {"images/a.png": build.picture(), "images/b.png": build.picture(seed=1)},
    )  # fmt: skip
    content = bytearray((given / "images.zip").read_bytes())
    (given / "images.zip").write_bytes(encrypted(content))
    assert virl39k.main(["--input", str(given), "--output", str(tmp_path)]) == 0
    assert reasons(build, tmp_path / "virl39k_train.parquet") == {0: "image_broken"}


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
def test_a_damaged_avif_is_a_broken_image():
    buffer = io.BytesIO()
    Image.effect_noise((80, 70), 50).convert("RGB").save(buffer, "AVIF")
    whole = buffer.getvalue()
    begin = whole.index(b"mdat") + 4
    damaged = whole[:begin] + bytes(len(whole) - begin)
    assert check_image(SourceImage("a.avif", whole)).width == 80 and print_image(whole).has_look
    with pytest.raises(Dropped) as found:
        check_image(SourceImage("a.avif", damaged))
    assert found.value.reason == "image_broken"
    assert not print_image(damaged).has_look
