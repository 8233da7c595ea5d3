# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Small converted files, and small benchmarks in the columns and types of the six real ones."""

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from data_prep.file.output import write_rows
from data_prep.row.prompts import with_instruction
from data_prep.row.schema import Row

STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
SEVEN = [f"image_{n}" for n in range(1, 8)]
MMMU = dict.fromkeys(["id", "question", "options", "answer"], pa.string()) | dict.fromkeys(SEVEN, STRUCT)
LONG = "In triangle ABC the side AB is 5, the side BC is 7. How long is AC?"


def recompressed(content: bytes) -> bytes:
    image = Image.open(io.BytesIO(content)).convert("RGB")
    buffer = io.BytesIO()
    image.resize((image.width * 3 // 2, image.height * 3 // 2)).save(buffer, "JPEG", quality=60)
    return buffer.getvalue()


def make_row(source, qid, image, question="How long is AB?", gold="5", **extra) -> Row:
    images = (image,) if image else ()
    return Row(
        data_source=source,
        prompt=with_instruction("<image>" * len(images) + question),
        images=images,
        ground_truth=gold,
        split="train",
        index=int(hashlib.sha256(qid.encode()).hexdigest()[:6], 16),
        qid=qid,
        question=question,
        answer=gold,
        answer_type="number",
        image_sha256=tuple(hashlib.sha256(content).hexdigest() for content in images),
        **extra,
    )


def write_inputs(folder: Path, picture: Callable[..., bytes]) -> Path:
    """Two converted files; every qid says what has to happen to its row."""
    pics = [picture(160, 120, seed=100 + n) for n in range(12)]
    rows = {
        "virl39k": [
            make_row("virl39k", "kept", pics[0]),
            make_row("virl39k", "duplicate-of-geometry", recompressed(pics[1]), "<image>Find $x$."[7:], "48.0"),
            make_row("virl39k", "vista-bytes", pics[2], "What?"),
            make_row("virl39k", "verse-look", recompressed(pics[3]), "What?"),
            make_row("virl39k", "vision-words", pics[4], LONG),
            make_row("virl39k", "mmmu-seventh-image", pics[5], "Which?"),
            make_row("virl39k", "pro-standard", pics[6], "Which?"),
            make_row("virl39k", "pro-vision", recompressed(pics[7]), "Which?"),
            make_row("virl39k", "inspect-generic", pics[8], "Find x."),
            make_row("virl39k", "no-image", None, "What is 1 + 1?", "2"),
            make_row("virl39k", "inspect-gold", pics[0], gold="6"),
        ],
        "geometry3k": [
            make_row("geometry3k", "original", pics[1], "Find x.", "48", precise_value=48.0),
            make_row("geometry3k", "kept-too", pics[9], "Find y.", "9"),
        ],
    }
    for name, content in rows.items():
        write_rows(folder / f"{name}_train.parquet", content)
    return folder


def cell(content):
    return {"bytes": content, "path": "x.png"} if content else None


def table(rows, **types) -> pa.Table:
    return pa.Table.from_pylist(rows, pa.schema(list(types.items())))


def write_benchmarks(folder: Path, picture: Callable[..., bytes]) -> Path:
    """One small file of each of the six, columns and types as on the hub."""
    pics = [picture(160, 120, seed=100 + n) for n in range(12)]
    other = picture(160, 120, seed=999)
    text = pa.string()
    vista = {"pid": "1", "question": "Find x.", "image": "images/1.jpg", "choices": ["1"], "answer": "1"}
    mmmu = {"id": "m", "question": "<image 1>", "options": "['1']"}
    tables = {
        "mathvista/data/testmini-00000-of-00001.parquet": table(
            [vista | {"decoded_image": cell(other)}, vista | {"pid": "601", "decoded_image": cell(pics[2])}],
            pid=text,
            question=text,
            image=text,
            decoded_image=STRUCT,
            choices=pa.list_(text),
            answer=text,
        ),
        "mathverse/testmini.parquet": table(
            [
                {"sample_index": "3", "question": "", "question_for_eval": "How long?", "image": cell(pics[3])},
                {"sample_index": "4", "question": "", "question_for_eval": "How long?", "image": None},
            ],
            sample_index=text,
            question=text,
            image=STRUCT,
            question_for_eval=text,
        ),
        "mathvision/test-00000-of-00001.parquet": table(
            [{"id": "87", "question": f"<image1>{LONG}\nA. 1\nB. 2", "options": ["A"], "decoded_image": cell(other)}],
            id=text,
            question=text,
            options=pa.list_(text),
            image=text,
            decoded_image=STRUCT,
        ),
        "mmmu/Math/validation-00000-of-00001.parquet": table(
            [mmmu | {"image_1": cell(other), "image_7": cell(pics[5])}],
            **MMMU,
        ),
        "pro/standard (10 options)/test-00000-of-00001.parquet": table(
            [{"id": "test_Biology_307", "question": "Which is <image 1>?", "image_1": cell(pics[6])}], **MMMU
        ),
        "pro/vision/test-00000-of-00001.parquet": table(
            [{"id": "v", "image": cell(pics[7]), "options": "['1']", "answer": "A"}],
            id=text,
            image=STRUCT,
            options=text,
            answer=text,
        ),
    }
    for name, content in tables.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(content, folder / name)
    return folder
