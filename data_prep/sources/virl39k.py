# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""ViRL39K: one parquet file with the texts, one zip (or the folder it unpacks to) with the images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from data_prep.errors import InputError
from data_prep.row.examples import Example, SourceImage
from data_prep.row.schema import UNKNOWN
from data_prep.sources.files import Files, FolderFiles, ZipFiles, open_files
from data_prep.sources.tables import Columns, Table, number_in, text_in, texts_in

PARQUET = "39Krelease.parquet"
ZIP = "images.zip"
HUB_PATTERNS = (PARQUET, ZIP)
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
