# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Small datasets in the real schemas, with the quirks and defects that the real ones have."""

import io
import json
import random
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

IMAGES = pa.list_(pa.struct([("bytes", pa.binary()), ("path", pa.string())]))


def picture(width=64, height=48, *, seed=0, kind="PNG", mode="RGB") -> bytes:
    """An image file with some content."""
    image = Image.frombytes("RGB", (8, 6), random.Random(seed).randbytes(8 * 6 * 3)).resize((width, height))
    buffer = io.BytesIO()
    image.convert(mode).save(buffer, format=kind)
    return buffer.getvalue()


def transparent(width, height) -> bytes:
    """A PNG of transparent black: a diagram's background."""
    buffer = io.BytesIO()
    Image.new("RGBA", (width, height), (0, 0, 0, 0)).save(buffer, format="PNG")
    return buffer.getvalue()


@dataclass(frozen=True)
class Case:
    """A row of a dataset and what has to become of it."""

    row: dict
    kept: bool
    reason: str = ""
    gold: str = ""
    """The expected gold of a kept row."""
    options: tuple[str, ...] = ()
    answer_type: str = ""


def virl(answer, question="<image>How long is AB?", image=("images/ok.png",), **extra) -> dict:
    return {
        "question": question,
        "answer": answer,
        "PassRate_32BTrained": 0.5,
        "PassRate_7BBase": -1.0,
        "category": "(GradeSchool) Geometric",
        "source": "K12",
        "image": list(image),
        **extra,
    }


CHOICES = "<image>Which one is it?\nChoices: (A) 17^\\circ (B) 18^\\circ (C) 19^\\circ (D) 20^\\circ"
VIRL_CASES = {
    "plain": Case(virl(r"\boxed{5}"), True, gold="5", answer_type="number"),
    "unit": Case(virl(r"\boxed{17^\circ}"), True, gold=r"17^\circ", answer_type="number"),
    "dollars": Case(virl(r"\boxed{$\frac{1}{2}$}"), True, gold=r"\frac{1}{2}", answer_type="number"),
    "latex": Case(virl(r"\boxed{x^2+1}"), True, gold="x^2+1", answer_type="latex"),
    "text": Case(virl(r"\boxed{\text{isosceles}}"), True, gold=r"\text{isosceles}", answer_type="text"),
    "fullwidth": Case(virl("\\boxed{１２}"), True, gold="12", answer_type="number"),
    "final_answer": Case(virl(r"Final Answer:\boxed{7}"), True, "gold_prefix_removed", gold="7", answer_type="number"),
    "letter_without_options": Case(virl(r"\boxed{C}"), True, gold="C", answer_type="choice"),
    "choice": Case(
        virl(r"\boxed{B}", CHOICES),
        True,
        gold="B",
        answer_type="choice",
        options=(r"17^\circ", r"18^\circ", r"19^\circ", r"20^\circ"),
    ),
    "choice_lines": Case(
        virl(r"\boxed{A}", "<image>Which animal?\nA. cat\nB. dog\nC. bird"),
        True,
        gold="A",
        answer_type="choice",
        options=("cat", "dog", "bird"),
    ),
    "choice_by_text": Case(
        virl(r"\boxed{dog}", "<image>Which animal? (A) cat (B) dog (C) bird"),
        True,
        "gold_became_letter",
        gold="B",
        answer_type="choice",
        options=("cat", "dog", "bird"),
    ),
    "choice_by_value": Case(
        virl(r"\boxed{17}", CHOICES),
        True,
        "gold_became_letter",
        gold="A",
        answer_type="choice",
        options=(r"17^\circ", r"18^\circ", r"19^\circ", r"20^\circ"),
    ),
    "choice_several": Case(
        virl(r"\boxed{AC}", "<image>Which are true?\nA. one\nB. two\nC. three"),
        True,
        gold="AC",
        answer_type="choice",
        options=("one", "two", "three"),
    ),
    "two_images": Case(
        virl(r"\boxed{9}", "<image><image>Add both.", ("images/ok.png", "images/other.jpg")), True, gold="9"
    ),
    "images_inside": Case(
        virl(r"\boxed{9}", "First <image> then <image>, add.", ("images/ok.png", "images/other.jpg")), True, gold="9"
    ),
    "text_only": Case(virl(r"\boxed{4}", "What is 2+2?", (), source="DeepScaleR"), True, gold="4"),
    "no_placeholder": Case(virl(r"\boxed{4}", "How many?"), True, "placeholder_added", gold="4"),
    "tag_in_question": Case(
        virl(r"\boxed{4}", "<image>What do <image> and <video> and <|image_pad|> mean?"),
        True,
        "tag_in_question",
        gold="4",
    ),
    "image_name_without_folder": Case(virl(r"\boxed{4}", image=("ok2.png",)), True, gold="4"),
    "gray": Case(virl(r"\boxed{4}", image=("images/gray.png",)), True, gold="4"),
    "transparent": Case(virl(r"\boxed{4}", image=("images/rgba.png",)), True, gold="4"),
    "unbalanced": Case(virl(r"\boxed{\frac{1}{2}"), False, "gold_unusable"),
    "eqalign": Case(virl(r"\boxed{\left\{\eqalign{x=1\\y=2}\right.}"), False, "gold_unreadable"),
    "none": Case(virl(r"\boxed{None}"), False, "gold_none"),
    "none_bare": Case(virl("None"), False, "gold_none"),
    "empty": Case(virl(r"\boxed{}"), False, "gold_empty"),
    "nothing": Case(virl(""), False, "gold_empty"),
    "null": Case(virl(None), False, "gold_empty"),
    "lost_character": Case(virl("\\boxed{5\ufffd}"), False, "gold_unreadable_characters"),
    "letter_beyond": Case(virl(r"\boxed{E}", CHOICES), False, "gold_not_an_option"),
    "no_option": Case(virl(r"\boxed{21}", CHOICES), False, "gold_not_an_option"),
    "too_long_gold": Case(virl(r"\boxed{" + "a very long answer " * 20 + "}"), False, "gold_rejected"),
    "no_question": Case(virl(r"\boxed{5}", "<image>"), False, "question_empty"),
    "too_many_placeholders": Case(virl(r"\boxed{5}", "<image><image>Add."), False, "more_placeholders_than_images"),
    "missing_image": Case(virl(r"\boxed{5}", image=("images/nowhere.png",)), False, "image_missing"),
    "leaves_the_folder": Case(virl(r"\boxed{5}", image=("images/../../secret.png",)), False, "image_missing"),
    "cut_png": Case(virl(r"\boxed{5}", image=("images/cut.png",)), False, "image_broken"),
    "cut_jpeg": Case(virl(r"\boxed{5}", image=("images/cut.jpg",)), False, "image_broken"),
    "no_image_at_all": Case(virl(r"\boxed{5}", image=("images/text.png",)), False, "image_broken"),
    "strip": Case(virl(r"\boxed{5}", image=("images/strip.png",)), False, "image_too_long"),
    "tiny": Case(virl(r"\boxed{5}", image=("images/tiny.png",)), False, "image_too_small"),
}
VIRL_IMAGES = {
    "images/ok.png": picture(),
    "images/ok2.png": picture(seed=2),
    "images/other.jpg": picture(100, 80, kind="JPEG"),
    "images/gray.png": picture(mode="L"),
    "images/rgba.png": transparent(64, 48),
    "images/cut.png": picture(200, 200)[:-300],
    "images/cut.jpg": picture(400, 300, kind="JPEG")[:-2000],
    "images/text.png": b"<html>404</html>",
    "images/strip.png": picture(30 * 201, 30),
    "images/tiny.png": picture(27, 400),
}


def write_virl(folder: Path, rows: list[dict], images: dict[str, bytes]) -> Path:
    """A snapshot of ViRL39K as the hub has it."""
    folder.mkdir(parents=True)
    schema = pa.schema(
        [
            ("question", pa.string()),
            ("answer", pa.string()),
            ("PassRate_32BTrained", pa.float64()),
            ("PassRate_7BBase", pa.float64()),
            ("category", pa.string()),
            ("source", pa.string()),
            ("qid", pa.string()),
            ("image", pa.list_(pa.string())),
        ]
    )
    pq.write_table(pa.Table.from_pylist(rows, schema), folder / "39Krelease.parquet", row_group_size=16)
    with zipfile.ZipFile(folder / "images.zip", "w") as archive:
        for name, content in images.items():
            archive.writestr(name, content)
    return folder


def geometry(answer, choices=("48", "50", "52", "54"), letter="A", precise=(48.0, 50.0, 52.0, 54.0), **extra) -> dict:
    return {
        "annotat_text": "Find x.",
        "problem_text": "Find $x$.",
        "choices": list(choices),
        "compact_choices": list(choices),
        "answer": letter,
        "precise_value": list(precise),
        "rough_value": list(precise),
        "problem_type_graph": ["Triangle"],
        "problem_type_goal": ["Length"],
        "data_type": "train",
        "text": answer,
        "image": picture(250, 250),
        **extra,
    }


GEOMETRY_CASES = {
    3: Case(geometry("48"), True, gold="48", answer_type="number"),
    7: Case(
        geometry(r"10 \sqrt { 3 }", ["5", r"10 \sqrt { 3 }", "20", "3"], "B", [5.0, 17.3205, 20.0, 3.0]),
        True,
        gold=r"10 \sqrt { 3 }",
        answer_type="number",
    ),
    10: Case(geometry("13.0", ["13.0", "1", "2", "3"], "A", [12.96, 1, 2, 3]), True, gold="13.0"),
    11: Case(geometry("22 / 3", ["1", "2", "22 / 3", "4"], "C", [1, 2, 7.33333, 4]), True, gold="22 / 3"),
    12: Case(geometry("9.4", ["9.4", "1", "2", "3"], "A", [12.0, 1, 2, 3]), True, "precise_value_ignored", gold="9.4"),
    20: Case(geometry("48", letter="E"), False, "gold_count"),
    21: Case(geometry("48", image=picture(250, 250)[:-200]), False, "image_broken"),
    22: Case(geometry("48", image=None), False, "image_missing"),
    101: Case(geometry(r"\frac{1}{2", [r"\frac{1}{2", "1", "2", "3"], "A", [0.5, 1, 2, 3]), False, "gold_unusable"),
}
HUB_ONLY = Case(geometry("48", letter="B"), False, "gold_differs_from_choice")


def write_problems(folder: Path) -> Path:
    """A split of the original release, unpacked."""
    for number, case in GEOMETRY_CASES.items():
        problem = folder / str(number)
        problem.mkdir(parents=True)
        data = {key: value for key, value in case.row.items() if key not in ("image", "text")}
        (problem / "data.json").write_text(json.dumps(data | {"id": number}))
        (problem / "logic_form.json").write_text("{}")
        if case.row["image"]:
            (problem / "img_diagram.png").write_bytes(case.row["image"])
    return folder


def geometry_table(*, new_revision: bool) -> pa.Table:
    """The hub's parquet."""
    cases = [*GEOMETRY_CASES.items(), (102, HUB_ONLY)]
    rows = [
        {
            "images": [{"bytes": case.row["image"], "path": None}],
            "problem": "<image>" + case.row["annotat_text"],
            "answer": case.row["text"],
            "id": number,
            "choices": case.row["choices"],
            "ground_truth": case.row["answer"],
        }
        for number, case in cases
    ]
    columns = [("images", IMAGES), ("problem", pa.string()), ("answer", pa.string())]
    if new_revision:
        columns += [("id", pa.int64()), ("choices", pa.list_(pa.string())), ("ground_truth", pa.string())]
    return pa.Table.from_pylist(rows, pa.schema(columns))


def zipped(folder: Path) -> Path:
    """The folder as a zip beside it, its own name as first folder."""
    return Path(shutil.make_archive(str(folder), "zip", folder.parent, folder.name))
