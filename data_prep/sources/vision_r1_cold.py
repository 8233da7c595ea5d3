# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Vision-R1-cold: two JSON files of conversations, and the images of two other datasets."""

from __future__ import annotations

import argparse
import functools
import posixpath
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_prep.errors import InputError
from data_prep.file.command import PART_ROWS, add_run_options
from data_prep.file.job import Form, Job
from data_prep.file.manifest import Licence, versions
from data_prep.file.report import REASONS
from data_prep.row.characters import writable
from data_prep.row.cold import DATA_SOURCE, DROPS, REPAIRS, ColdRow, ColdRules, convert, to_sft_table
from data_prep.row.examples import Conversation, Turn
from data_prep.row.lengths import PACKAGES, PromptMeter
from data_prep.row.sft_schema import SFT_SCHEMA
from data_prep.sources.files import Files, open_files, size_of
from data_prep.sources.json_list import read_list
from data_prep.sources.locate import locate
from data_prep.sources.source import Source

ROLES = {"human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "system": "system"}
IMAGE_PATTERNS = ("*.zip", "*.zip.*", "*.tar")
WRAPPERS = ("llava_cot_images", "mulberry_images")
"""Folders that the two image archives unpack to; some releases of the paths name them and some do not."""


def image_archives(given: str) -> list[Path]:
    """Find images: a folder, a zip or a tar, or what a dataset on the hub has of zips and tars.

    Raises:
        InputError: There are none, or the zip is in parts.
    """
    path = Path(given).expanduser()
    if path.exists():
        return [path]
    folder = locate(given, IMAGE_PATTERNS, "--images")
    found = [file for ending in ("zip", "tar") for file in sorted(folder.rglob(f"*.{ending}"))]
    parts = sorted(folder.rglob("*.zip.*"))
    if not found and parts:
        raise InputError(
            f"--images {given}: its zip is in parts; join them, cat {parts[0].parent}/{parts[0].name.split('.zip')[0]}"
            ".zip.* > images.zip, and give that"
        )
    if not found:
        raise InputError(f"--images {given}: there is no zip or tar in this dataset")
    return found


def json_files(given: Sequence[Path]) -> list[Path]:
    """Find the files: those given, and the JSON files of folders that were given."""
    files: list[Path] = []
    for path in given:
        found = sorted(path.glob("vision_r1_*.json")) if path.is_dir() else [path]
        if not found or not found[0].is_file():
            wanted = "no vision_r1_*.json in it" if path.is_dir() else "there is no such file or folder"
            raise InputError(f"--input {path}: {wanted}; download Osilly/Vision-R1-cold")
        files += found
    return files


def read_conversations(files: Sequence[Path], start: int = 0) -> Iterator[Conversation]:
    """Read the rows of all files, a megabyte of text in memory at a time.

    Args:
        files: The JSON files.
        start: Rows to skip.

    Yields:
        The rows from there on.

    Raises:
        InputError: A file is no list of conversations.
    """
    index = before = 0
    for path in files:
        origin = next((name for name in ("llava_cot", "mulberry") if name in path.name), path.stem)
        read, is_ours = 0, False
        begin = index
        for record, read in read_list(path):
            if index >= start:
                yield _conversation(record, index, origin, before + read)
            index += 1
            is_ours = is_ours or (isinstance(record, dict) and "conversations" in record)
        if index > begin and not is_ours:
            raise InputError(f"{path}: no row has a list 'conversations'; this is not Vision-R1-cold")
        before += read


def _conversation(record: object, index: int, origin: str, read: int) -> Conversation:
    if not isinstance(record, dict):
        return Conversation(index, f"{origin}-{index}", origin, (), (), read, "no object")
    name = writable(record.get("id", index))
    given = record.get("conversations")
    turns = tuple(map(_turn, given)) if isinstance(given, list) else (None,)
    # One file says "image" and the other "images", and both mean a single path.
    named = record.get("image") or record.get("images") or []
    images = [named] if isinstance(named, str) else named
    wrong = [] if None not in turns else ["conversations"]
    wrong += [] if isinstance(images, list) and all(isinstance(image, str) for image in images) else ["image"]
    if wrong:
        defect = f"without a proper {', '.join(wrong)}"
        return Conversation(index, f"{origin}-{name}", origin, (), (), read, defect)
    spoken = tuple(turn for turn in turns if turn is not None)
    return Conversation(index, f"{origin}-{name}", origin, spoken, tuple(map(writable, images)), read)


def _turn(given: object) -> Turn | None:
    """One message; None where it is none."""
    if not isinstance(given, dict) or not isinstance(given.get("value"), str | None):
        return None
    return Turn(ROLES.get(str(given.get("from")), writable(given.get("from"))), writable(given.get("value") or ""))


class ImagePool:
    """The images, wherever they are."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Open folders, zips and tars."""
        for path in paths:
            if not path.exists():
                raise InputError(f"--images {path}: there is no such file or folder")
        self._places: list[Files] = [open_files(path) for path in paths]

    def read(self, name: str) -> bytes | None:
        """The content of an image, or None where no place has it."""
        plain = posixpath.normpath(name).lstrip("/")
        first, _, rest = plain.partition("/")
        names = [plain, *([rest] if first in WRAPPERS else [f"{wrapper}/{plain}" for wrapper in WRAPPERS])]
        for candidate in names:
            for place in self._places:
                content = place.read(candidate)
                if content is not None:
                    return content
        return None


class ConversationReader:
    """The conversations of all files; how far it is, is said in their bytes."""

    def __init__(self, files: Sequence[Path], images: Sequence[Path]) -> None:
        """Remember where everything lies; nothing is read yet.

        Args:
            files: The JSON files.
            images: Where their images are, which belong to the input.
        """
        self._conversations = files
        self.files: Sequence[Path] = (*files, *images)

    @property
    def total(self) -> int:
        """Bytes of the JSON files."""
        return sum(map(size_of, self._conversations))

    def read(self, start: int) -> Iterator[Conversation]:
        """Read the conversations from ``start`` on."""
        return read_conversations(self._conversations, start)


DESCRIPTION = """\
Convert the cold-start set Osilly/Vision-R1-cold to DIR/vision_r1_cold.parquet for verl's MultiTurnSFTDataset, with a
manifest and a report of every dropped or repaired row beside it.

The set is two JSON files without images (63,019 and 197,975 rows). The images are those of Xkev/LLaVA-CoT-100k (a zip
in parts: put them together with cat) and of HuanjinYao/Mulberry-SFT (a tar); folders, zips and tars can be given as
they are. The prompt carries the instruction of the RL files. "Final Answer:" is taken out of the answers. Left out are
rows without exactly one rationale and one answer in their tags, without their image, that go in circles, that change
to Chinese on the way, that lost a character, or that are too long. Licence: CC-BY-NC-SA-4.0, not for commercial use.

It contains ChartQA, AI2D and GeoQA images: run data_prep.mix with --benchmark on the result.
"""
EXAMPLES = """\
  care data-cold-start --output data --model Qwen/Qwen2.5-VL-7B-Instruct --max-length 4096 \\
      --input Osilly/Vision-R1-cold --images ~/llava_cot_images HuanjinYao/Mulberry-SFT

  # one of the two files, lengths in characters, the first thousand rows
  care data-cold-start --output data --limit 1000 \\
      --input ~/Vision-R1-cold/vision_r1_llava_cot_full.json --images ~/image.zip
"""
SFT_FORM = Form(SFT_SCHEMA, to_sft_table, REASONS | DROPS | REPAIRS)
MAX_LENGTH = 4096
MAX_CHARACTERS = 16_000


@dataclass(frozen=True, kw_only=True)
class ColdSource(Source[Conversation, ColdRow]):
    """A dataset of conversations, for a cold start."""

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add the options of its command."""
        add = parser.add_argument
        text = f"the JSON files, their folder, or {self.hub_id}"
        add("--input", nargs="+", action="extend", required=True, metavar="PATH", help=text)
        text = "folders, zips or tars with the images, or hub ids of datasets that are zips or tars"
        add("--images", nargs="+", action="extend", required=True, metavar="PATH", help=text)
        add("--output", required=True, metavar="DIR", help="folder for the files; it is created")
        add("--model", help="hub id or folder: measure rows with its processor, images included")
        text = f"with --model: most tokens of a row; data.max_length ({MAX_LENGTH})"
        add("--max-length", type=int, metavar="N", help=text)
        text = f"without: most characters of a row ({MAX_CHARACTERS:,})"
        add("--max-characters", type=int, metavar="N", help=text)
        add_run_options(parser, f"rows after which to save ({PART_ROWS})")

    def job(self, options: argparse.Namespace) -> Job[Conversation, ColdRow]:
        """The conversion that a command line asks for."""
        if options.max_length is not None and not options.model:
            raise InputError(
                "--max-length needs --model, whose processor measures the rows; else give --max-characters"
            )
        if options.max_characters is not None and options.model:
            raise InputError("--max-characters is for runs without --model; give --max-length")
        longest = MAX_LENGTH if options.max_length is None else options.max_length
        characters = MAX_CHARACTERS if options.max_characters is None else options.max_characters
        files = json_files([locate(given, self.hub_files) for given in options.input])
        images = tuple(archive for given in options.images for archive in image_archives(given))
        pool = ImagePool(images)
        meter = PromptMeter(options.model) if options.model else None
        recorded: dict[str, object] = {"limit": options.limit, "part_rows": options.part_rows}
        notes = [f"licence {self.licence.name}: {self.licence.note}"]
        if meter:
            recorded |= {"max_length": longest, "processor": meter.identity, "patch_size": meter.patch_size}
        else:
            recorded["max_characters"] = characters
            notes.insert(0, "lengths were measured in characters; give --model to count tokens")
        return Job(
            reader=ConversationReader(files, images),
            convert=functools.partial(convert, rules=ColdRules(pool.read, meter, longest, characters)),
            form=SFT_FORM,
            data_source=DATA_SOURCE,
            licence=self.licence,
            parquet=Path(options.output).expanduser() / f"{self.name}.parquet",
            options=recorded,
            versions=versions(PACKAGES if meter else ()),
            limit=options.limit,
            workers=options.workers,
            part_rows=options.part_rows,
            resume=options.resume,
            unit="bytes",
            notes=tuple(notes),
        )


SOURCE = ColdSource(
    name=DATA_SOURCE,
    command="data-cold-start",
    hub_id="Osilly/Vision-R1-cold",
    hub_files=("vision_r1_*.json",),
    licence=Licence(
        "CC-BY-NC-SA-4.0",
        "NonCommercial: nothing trained on it can be offered under a permissive licence without legal review",
    ),
    description=DESCRIPTION,
    examples=EXAMPLES,
)


if __name__ == "__main__":
    sys.exit(SOURCE.main())
