# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""One row of the training files, and the one Arrow schema that every converter writes.

verl concatenates its files and stops where two of them differ in a type, so the types are spelled out, never inferred,
and every key is present in every row: ``""``, ``[]`` and -1 stand for what is unknown.

The images are plain ``{bytes, path}`` structs, without the metadata that would make ``datasets`` decode them. verl
decodes them itself then, and its image pipeline lays transparent pictures on white. A decoded ``Image`` feature is
converted to RGB first, which turns a transparent diagram with black lines into a black rectangle.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from recipe.care.reward import check_sources
from recipe.care.verifier.problem import ANSWER_TYPES

UNKNOWN = -1.0
IMAGE = "<image>"
OTHER_MEDIA = ("<video>", "<audio>")
"""verl cuts prompts at these too, and then expects a video or a sound."""

EXTRA_INFO = pa.struct(
    [
        ("split", pa.string()),
        ("index", pa.int64()),
        ("qid", pa.string()),
        ("source", pa.string()),
        ("category", pa.string()),
        ("question", pa.string()),
        ("answer", pa.string()),
        ("answer_type", pa.string()),
        ("options", pa.list_(pa.string())),
        ("tolerance", pa.float64()),
        ("precise_value", pa.float64()),
        ("image_sha256", pa.list_(pa.string())),
        ("pass_rate_7b", pa.float64()),
        ("pass_rate_32b", pa.float64()),
    ]
)
SCHEMA = pa.schema(
    [
        ("data_source", pa.string()),
        ("prompt", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
        ("images", pa.list_(pa.struct([("bytes", pa.binary()), ("path", pa.string())]))),
        ("ability", pa.string()),
        ("reward_model", pa.struct([("style", pa.string()), ("ground_truth", pa.string())])),
        ("extra_info", EXTRA_INFO),
    ]
)


@dataclass(frozen=True)
class Row:
    """A row of a training file. It refuses what verl or the verifier would stop at later."""

    data_source: str
    """As the verifier knows it: ``virl39k``, ``geometry3k``, ``chartqa``, or a kind of answer: ``maths/mybook``."""
    prompt: str
    """The user's message, with ``<image>`` once for each image and the instruction at its end."""
    images: tuple[bytes, ...] = field(repr=False)
    """The image files as they came, in the order of their placeholders."""
    ground_truth: str
    """The cleaned gold answer."""
    split: str
    index: int
    """Position in the input, counted from 0; what was dropped leaves gaps."""
    qid: str
    """The dataset's own identifier, or one made of its name, split and position."""
    question: str
    """The question alone: no leading placeholders, no instruction."""
    answer: str
    """The gold as the dataset has it."""
    answer_type: str
    """``number``, ``choice``, ``text`` or ``latex``."""
    image_sha256: tuple[str, ...]
    source: str = ""
    """Where the dataset took the question from."""
    category: str = ""
    options: tuple[str, ...] = ()
    """Texts of the options A, B, C, ... that the question shows."""
    tolerance: float = UNKNOWN
    """The row's own relative tolerance."""
    precise_value: float = UNKNOWN
    """The unrounded number behind a rounded gold."""
    pass_rate_7b: float = UNKNOWN
    pass_rate_32b: float = UNKNOWN
    ability: str = "math"

    def __post_init__(self) -> None:
        check_sources([self.data_source])
        if self.prompt.count(IMAGE) != len(self.images):
            raise ValueError(f"{self.qid}: {self.prompt.count(IMAGE)} placeholders for {len(self.images)} images.")
        if any(tag in self.prompt for tag in OTHER_MEDIA):
            raise ValueError(f"{self.qid}: the prompt contains {' or '.join(OTHER_MEDIA)}.")
        if not all(self.images) or len(self.image_sha256) != len(self.images):
            raise ValueError(f"{self.qid}: every image needs its bytes and its hash.")
        if not self.ground_truth:
            raise ValueError(f"{self.qid}: the gold is empty.")
        if self.answer_type not in ANSWER_TYPES[1:]:
            raise ValueError(f"{self.qid}: answer_type={self.answer_type!r} is none of {ANSWER_TYPES[1:]}.")

    @property
    def extra_info(self) -> dict[str, object]:
        """The ``extra_info`` of the row, as the verifier gets it."""
        lists = ("options", "image_sha256")
        return {f.name: list(getattr(self, f.name)) if f.name in lists else getattr(self, f.name) for f in EXTRA_INFO}

    @property
    def record(self) -> dict[str, object]:
        """The row as ``SCHEMA`` has it."""
        return {
            "data_source": self.data_source,
            "prompt": [{"role": "user", "content": self.prompt}],
            "images": [{"bytes": image, "path": None} for image in self.images],
            "ability": self.ability,
            "reward_model": {"style": "rule", "ground_truth": self.ground_truth},
            "extra_info": self.extra_info,
        }

    @property
    def size(self) -> int:
        """Bytes of its images: all that counts in a row's size."""
        return sum(map(len, self.images))


def to_table(rows: Sequence[Row]) -> pa.Table:
    """Put rows into a table of ``SCHEMA``."""
    return pa.Table.from_pylist([row.record for row in rows], schema=SCHEMA)


def read_rows(path: Path) -> Iterator[Row]:
    """Read a file of ``SCHEMA`` row by row, one row group in memory.

    Args:
        path: A file that a converter wrote.

    Yields:
        The rows, in the order of the file.
    """
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            for batch in file.read_row_group(group).to_batches(max_chunksize=16):
                yield from map(_from_record, batch.to_pylist())


def _from_record(record: dict) -> Row:
    extra = record["extra_info"]
    return Row(
        data_source=record["data_source"],
        prompt=record["prompt"][0]["content"],
        images=tuple(image["bytes"] for image in record["images"]),
        ground_truth=record["reward_model"]["ground_truth"],
        ability=record["ability"],
        **extra | {key: tuple(extra[key]) for key in ("options", "image_sha256")},
    )
