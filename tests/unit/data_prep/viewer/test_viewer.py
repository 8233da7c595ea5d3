# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The contact sheet: one self-contained page, nothing of the data unescaped, the rows that a seed chooses."""

import base64
import io
import re
from html.parser import HTMLParser

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from data_prep.file.output import write_rows
from data_prep.file.review import thumbnail
from data_prep.row.schema import read_rows
from data_prep.row.sft_schema import SFT_SCHEMA

EVIL = '</pre><script>alert("x")</script><img src=x onerror=alert(1)>&amp;'


class Page(HTMLParser):
    """Elements and texts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


@pytest.fixture(scope="module")
def files(converted):
    return sorted(converted.glob("*.parquet"))


def sheet(build, output, *arguments) -> Page:
    done = build.call("viewer", *arguments, "--output", output)
    assert done.status == 0, done.err
    return Page(output.read_text())


def test_a_page_of_every_source(build, files, tmp_path):
    page = sheet(build, tmp_path / "sheet.html", *files, "--rows", 4)
    sources = [card["data-source"] for card in page.all("article")]
    assert sources == ["chartqa"] * 4 + ["geometry3k"] * 4 + ["virl39k"] * 4
    buttons = [button.get("data-source") for button in page.all("button")]
    assert buttons == ["", "chartqa", "geometry3k", "virl39k"]
    assert len(page.all("script")) == 1


def test_the_page_needs_nothing_else(build, files, tmp_path):
    page = sheet(build, tmp_path / "sheet.html", *files)
    assert all(image["src"].startswith("data:image/jpeg;base64,") for image in page.all("img"))
    assert not page.all("link") and not any("src" in script for script in page.all("script"))
    assert "http" not in re.sub(r"base64,[^\"]*", "", (tmp_path / "sheet.html").read_text())


def test_thumbnails_are_small_and_white_behind_transparency():
    buffer = io.BytesIO()
    Image.new("RGBA", (3000, 1500), (0, 0, 0, 0)).save(buffer, "PNG")
    data = base64.b64decode(thumbnail(buffer.getvalue()).removeprefix("data:image/jpeg;base64,"))
    image = Image.open(io.BytesIO(data))
    assert (image.size, image.getpixel((9, 9))) == ((420, 210), (255, 255, 255))
    assert thumbnail(b"<html>") == thumbnail(None) == ""


def test_what_the_data_says_stays_text(build, files, tmp_path):
    (row,) = list(read_rows(next(f for f in files if "virl" in f.name)))[:1]
    evil = row.__class__(
        **vars(row) | {"prompt": "<image>" + EVIL, "question": EVIL, "source": EVIL, "qid": EVIL, "options": (EVIL,)}
    )
    write_rows(tmp_path / "evil.parquet", [evil])
    page = sheet(build, tmp_path / "sheet.html", tmp_path / "evil.parquet")
    assert len(page.all("script")) == 1 and all("onerror" not in image for image in page.all("img"))
    assert "".join(page.texts).count(EVIL) == 4


def test_gold_options_rule_and_rejected_golds(build, files, tmp_path):
    rows = {row.qid: row for row in read_rows(next(f for f in files if "virl" in f.name))}
    choice = rows["choice"]
    bad = choice.__class__(**vars(choice) | {"ground_truth": "Q", "qid": "bad"})
    write_rows(tmp_path / "two.parquet", [choice, bad])
    page = sheet(build, tmp_path / "sheet.html", tmp_path / "two.parquet")
    text = "".join(page.texts)
    assert "accepts it" in text and "does not accept it" in text and "gold not accepted 1" in text
    assert [card.get("class") for card in page.all("article")] == [None, "bad"]
    assert [item.get("class") for item in page.all("li")][:4] == [None, "right", None, None]
    assert choice.answer in text and "choice: " in text


def test_the_seed_decides(build, files, tmp_path):
    def page(name, *arguments):
        sheet(build, tmp_path / name, *files, "--rows", 3, *arguments)
        return (tmp_path / name).read_bytes()

    assert page("a.html") == page("b.html") != page("c.html", "--seed", 1)


def test_a_chat_template_is_applied(build, files, processor_folder, tmp_path):
    page = sheet(build, tmp_path / "sheet.html", *files, "--rows", 2, "--model", processor_folder)
    text = "".join(page.texts)
    assert "<|im_start|>assistant" in text and "<|vision_start|><|image_pad|><|vision_end|>" in text
    assert f"chat template of {processor_folder.name}" in text and str(processor_folder.parent) not in text
    assert "<image>" not in text


def test_sft_rows_show_their_response(build, files, tmp_path):
    row = next(read_rows(files[0]))
    record = {
        "messages": [
            {"role": "user", "content": row.prompt},
            {"role": "assistant", "content": "<think>t</think>\n<answer>7</answer>"},
        ],
        "images": [{"bytes": row.images[0], "path": None}],
        "data_source": "vision_r1_cold",
        "extra_info": row.extra_info,
    }
    pq.write_table(pa.Table.from_pylist([record], SFT_SCHEMA), tmp_path / "sft.parquet")
    page = sheet(build, tmp_path / "sheet.html", tmp_path / "sft.parquet")
    text = "".join(page.texts)
    assert "<think>t</think>\n<answer>7</answer>" in text and "verifier" not in text
    assert "class" not in page.all("article")[0]


BAD = {
    "nothing there": (["nowhere.parquet"], "there is no such file"),
    "no parquet": (["text.parquet"], "no complete parquet file"),
    "a dataset": (["dataset.parquet"], "no column data_source, images, extra_info; give a training file"),
    "rows": (["ok.parquet", "--rows", "0"], "--rows 0: must be at least 1"),
    "suffix": (["ok.parquet", "--output", "sheet.txt"], "must be an .html file"),
    "no model": (["ok.parquet", "--model", "empty"], "no processor can be loaded from it"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gets_one_line(build, files, tmp_path, case):
    (tmp_path / "ok.parquet").write_bytes(files[0].read_bytes())
    (tmp_path / "text.parquet").write_text("text")
    (tmp_path / "empty").mkdir()
    pq.write_table(pa.table({"question": ["?"]}), tmp_path / "dataset.parquet")
    arguments, text = BAD[case]
    names = {"sheet.txt", "empty", *(path.name for path in tmp_path.iterdir()), "nowhere.parquet"}
    arguments = [tmp_path / argument if argument in names else argument for argument in arguments]
    done = build.call("viewer", "--output", tmp_path / "sheet.html", *arguments)
    assert (done.status, done.err.count("\n")) == (2, 1), done.err
    assert text in done.err and not list(tmp_path.glob("sheet.*"))
