# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""ViRL39K: one parquet file with the texts, one zip (or the folder it unpacks to) with the images."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from data_prep.errors import InputError
from data_prep.file.manifest import Licence
from data_prep.file.report import Dropped
from data_prep.row.examples import Example, SourceImage
from data_prep.row.gold import Gold, clean_gold, known_choice, sole_answer
from data_prep.row.options import parse_options
from data_prep.row.schema import UNKNOWN
from data_prep.sources.files import Files, FolderFiles, ZipFiles, open_files
from data_prep.sources.source import RLSource
from data_prep.sources.tables import Columns, Table, number_in, text_in, texts_in
from recipe.care.verifier.kinds.virl import infer_answer_type

PARQUET = "39Krelease.parquet"
ZIP = "images.zip"
COLUMNS = Columns(
    required={"question": "text", "answer": "text", "qid": "text or integer", "image": "text or texts"},
    optional={
        "category": "text",
        "source": "text",
        "PassRate_32BTrained": "number",
        "PassRate_7BBase": "number",
    },
)


class VirlReader:
    """The rows of ViRL39K with their images."""

    def __init__(self, parquet: Path, images: Files) -> None:
        self._table = Table([parquet], COLUMNS)
        self._images = images
        # The folder beside an unpacked "images/" may hold anything; only the images are the dataset's.
        image_path = images.path if images.path.is_file() else images.path / "images"
        self.files: Sequence[Path] = (parquet, image_path)

    @property
    def total(self) -> int:
        """Rows of the parquet file."""
        return self._table.total

    def sources(self) -> list[str]:
        """Where the rows come from; no image is read."""
        return sorted({text_in(record, "source") for record in self._table.column("source")})

    def read(self, start: int) -> Iterator[Example]:
        """Read the rows from ``start`` on."""
        for index, record in self._table.records(start):
            yield Example(
                index=index,
                qid=text_in(record, "qid") or f"virl39k-{index}",
                question=text_in(record, "question"),
                answers=(text_in(record, "answer"),),
                images=tuple(SourceImage(name, self._load(name)) for name in texts_in(record, "image") if name),
                source=text_in(record, "source"),
                category=text_in(record, "category"),
                pass_rate_7b=number_in(record, "PassRate_7BBase", UNKNOWN),
                pass_rate_32b=number_in(record, "PassRate_32BTrained", UNKNOWN),
            )

    def _load(self, name: str) -> bytes | None:
        """An image by the name in the row; either side may have left out the folder ``images/``."""
        other = name.removeprefix("images/") if name.startswith("images/") else f"images/{name}"
        content = self._images.read(name)
        return self._images.read(other) if content is None else content


def open_virl(path: Path, images: Path | None) -> VirlReader:
    """Find the two parts of ViRL39K.

    Args:
        path: A snapshot folder, the parquet file, or the zip beside it.
        images: The zip or the folder it was unpacked to, where that lies elsewhere.

    Returns:
        The reader.

    Raises:
        InputError: A part is missing.
    """
    folder = path if path.is_dir() else path.parent
    parquet = path if path.suffix == ".parquet" else folder / PARQUET
    if not parquet.is_file():
        raise InputError(f"{parquet}: missing; --input is the folder that holds {PARQUET} and {ZIP}")
    if images is not None:
        return VirlReader(parquet, _given_images(images))
    archive = path if path.suffix == ".zip" else folder / ZIP
    if archive.is_file():
        return VirlReader(parquet, ZipFiles(archive))
    if (folder / "images").is_dir():
        return VirlReader(parquet, FolderFiles(folder))
    raise InputError(f"{folder}: neither {ZIP} nor images/ is there; download {ZIP} too, or say --images PATH")


def _given_images(path: Path) -> Files:
    if path.is_file():
        return open_files(path)
    folder = path if (path / "images").is_dir() else path.parent
    if not path.is_dir() or not (folder / "images").is_dir():
        raise InputError(f"--images {path}: must be {ZIP}, the folder images/, or the folder that holds it")
    return FolderFiles(folder)


def virl_gold(example: Example, question: str) -> Gold:
    """The gold of a ViRL39K row: boxed, of any kind, with the options inside the question."""
    text, remarks = clean_gold(sole_answer(example))
    options = parse_options(question)
    if options:
        return known_choice(text, options, remarks)
    if text == "None":
        raise Dropped("gold_none", text)
    return Gold(text, infer_answer_type(text, ()), remarks=remarks)


DESCRIPTION = """\
Convert ViRL39K (38,870 rows) to DIR/virl39k_train.parquet, with a manifest and a report of every dropped or repaired
row beside it.

Golds lose their \\boxed{}; options are read out of the questions, and the gold becomes the letter of one. Left out are
rows whose gold is empty, "None", unbalanced, unreadable for the verifier or none of the options, and rows whose image
is missing, damaged or of an impossible shape. Pass rates are kept and nothing is filtered by them.

The images are read out of the zip one by one; about 400 MiB of memory are enough. The output is as large as the
images, and twice that is needed on the disk while it is made.
"""
EXAMPLES = """\
  # from the hub, prompts measured for the model to train
  care data-virl39k --input TIGER-Lab/ViRL39K --output data --model Qwen/Qwen2.5-VL-7B-Instruct

  # from a folder with 39Krelease.parquet and images.zip (or images/), without the rows that hardly need a picture
  care data-virl39k --input ~/ViRL39K --output data --exclude-source DeepScaleR --text-only drop
"""


def _options(parser: argparse.ArgumentParser, source: RLSource) -> None:
    add = parser.add_argument
    add("--input", default=source.hub_id, metavar="PATH|ID", help=f"snapshot folder or hub id ({source.hub_id})")
    add("--images", metavar="PATH", help="images.zip or the unpacked folder, where it lies elsewhere")
    add("--split", choices=source.splits, default=source.splits[0], help="the only one there is")
    add("--text-only", choices=["keep", "drop"], default="keep", help="rows without an image (keep)")
    add("--exclude-source", action="append", default=[], metavar="NAME", help="leave a source out")


def _chosen(source: RLSource, options: argparse.Namespace) -> RLSource:
    excluded = frozenset(options.exclude_source)
    return dataclasses.replace(source, drop_text_only=options.text_only == "drop", excluded_sources=excluded)


def _reader(path: Path, options: argparse.Namespace) -> VirlReader:
    reader = open_virl(path, Path(options.images) if options.images else None)
    unknown = sorted(set(options.exclude_source) - set(reader.sources())) if options.exclude_source else []
    if unknown:
        known = ", ".join(filter(None, reader.sources())) or "none"
        raise InputError(f"--exclude-source {unknown[0]}: no row comes from there; the sources are {known}")
    return reader


SOURCE = RLSource(
    name="virl39k",
    command="data-virl39k",
    hub_id="TIGER-Lab/ViRL39K",
    hub_files=(PARQUET, ZIP),
    licence=Licence("MIT", "as its card says; it was put together from other datasets, which have terms of their own"),
    reader=_reader,
    gold=virl_gold,
    own_options=_options,
    chosen=_chosen,
    description=DESCRIPTION,
    examples=EXAMPLES,
)


if __name__ == "__main__":
    sys.exit(SOURCE.main())
