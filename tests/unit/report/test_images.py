# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures from the training file."""

import base64
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from recipe.care.errors import CareDataError
from recipe.replay.records import DataRow
from recipe.report import images
from recipe.report.images import LONGEST_SIDE, TrainingFiles, small_picture
from tests.unit.report.runs import write_data


def png(width: int, height: int, colour: str = "red") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(buffer, "PNG")
    return buffer.getvalue()


def opened(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def test_a_picture_is_small_and_of_two_forms_only():
    drawing = opened(small_picture(png(56, 56)))
    assert drawing.format == "PNG" and drawing.size == (56, 56)
    large = opened(small_picture(png(1600, 800)))
    assert large.size == (LONGEST_SIDE, LONGEST_SIDE // 2)
    buffer = io.BytesIO()
    Image.effect_noise((400, 400), 90).convert("RGB").save(buffer, "PNG")
    assert opened(small_picture(buffer.getvalue())).format == "JPEG"
    assert small_picture(b"<svg onload=alert(1)>") == "" and small_picture(b"") == ""


def test_the_picture_of_a_row_is_that_row_s(tmp_path):
    first, second = (write_data(tmp_path / name, rows) for name, rows in (("a.parquet", 5), ("b.parquet", 3)))
    files = TrainingFiles([first, second])
    assert files.find(DataRow("tiny_count", 4, "train"), "", None) == 4
    assert files.find(DataRow("tiny_count", 4, "test"), "", None) is None
    shown = files.pictures([4, 6])
    for row, (path, number) in {4: (first, 4), 6: (second, 1)}.items():
        original = pq.read_table(path, columns=["images"]).to_pylist()[number]["images"][0]["bytes"]
        whole = Image.open(io.BytesIO(original)).convert("RGB")
        assert opened(shown[row][0]).convert("RGB").tobytes() == whole.tobytes()


def test_a_page_has_room_for_so_many(tmp_path, monkeypatch):
    files = TrainingFiles([write_data(tmp_path / "a.parquet", 5)])
    room = len(files.pictures([0])[0][0]) + len(files.pictures([1])[1][0])
    monkeypatch.setattr(images, "MOST_BYTES", room)
    assert set(files.pictures(range(5))) == {0, 1}


def test_a_path_in_the_place_of_bytes_is_read_and_rows_without_images_are_fine(tmp_path):
    picture = tmp_path / "one.png"
    picture.write_bytes(png(8, 8))
    row = {"data_source": "own", "prompt": [{"role": "user", "content": "Q"}], "extra_info": {"index": 0}}
    rows = [{**row, "images": [{"bytes": None, "path": str(picture)}]}, {**row, "images": []}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    shown = TrainingFiles([tmp_path / "a.parquet"]).pictures([0, 1])
    assert opened(shown[0][0]).size == (8, 8) and shown[1] == []


def test_what_is_no_parquet_is_said(tmp_path):
    (tmp_path / "a.parquet").write_text("no")
    with pytest.raises(CareDataError, match=r"--data .*a\.parquet: not a parquet file"):
        TrainingFiles([tmp_path / "a.parquet"])
