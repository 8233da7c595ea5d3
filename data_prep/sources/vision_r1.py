# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Vision-R1-cold: two JSON files of conversations, and the images of two other datasets."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_prep.errors import InputError
from data_prep.sources.characters import writable
from data_prep.sources.files import Files, open_files
from data_prep.sources.locate import locate

ROLES = {"human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "system": "system"}
JSON_PATTERNS = ("vision_r1_*.json",)
IMAGE_PATTERNS = ("*.zip", "*.zip.*", "*.tar")
WRAPPERS = ("llava_cot_images", "mulberry_images")
"""Folders that the two image archives unpack to; some releases of the paths name them and some do not."""
_CHUNK = 2**20
_LONGEST_RECORD = 64 * 2**20
_NOT_UTF8 = re.compile("[\udc80-\udcff]")
_BETWEEN = re.compile(r"[,\s]*")


@dataclass(frozen=True)
class Turn:
    """One message."""

    role: str
    """``user``, ``assistant``, ``system``, or what the file says if it is none of the known names."""
    text: str


@dataclass(frozen=True)
class Conversation:
    """A row of one of the files."""

    index: int
    """Position, counted through all files."""
    qid: str
    origin: str
    """``llava_cot``, ``mulberry``, or the file's name."""
    turns: tuple[Turn, ...]
    images: tuple[str, ...]
    """Paths as the file has them."""
    read: int
    """Characters of the files up to its end."""
    defect: str = ""
    """Why the record cannot be read; turns and images are empty then."""


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
        for record, read in _stream(path):
            if index >= start:
                yield _conversation(record, index, origin, before + read)
            index += 1
            is_ours = is_ours or (isinstance(record, dict) and "conversations" in record)
        if index > begin and not is_ours:
            raise InputError(f"{path}: no row has a list 'conversations'; this is not Vision-R1-cold")
        before += read


def _stream(path: Path) -> Iterator[tuple[object, int]]:
    """The elements of a JSON list, one after the other, each with the number of characters read so far."""
    decoder = json.JSONDecoder()
    with path.open(encoding="utf-8", errors="surrogateescape") as file:
        text = _utf8(file.read(_CHUNK), path).lstrip("\ufeff \t\r\n")
        if not text.startswith("["):
            raise InputError(f"{path}: no JSON list; download it again")
        at, read = 1, 0
        while True:
            begin = _BETWEEN.match(text, at).end()  # type: ignore[union-attr]
            if text.startswith("]", begin):
                return
            try:
                record, end = decoder.raw_decode(text, begin)
            except (ValueError, RecursionError) as error:
                # Either the record goes on in the next chunk, or it is damaged.
                more = "" if len(text) - begin > _LONGEST_RECORD else _utf8(file.read(_CHUNK), path)
                if not more:
                    cause = error.msg if isinstance(error, json.JSONDecodeError) else str(error).split(";")[0]
                    reason = f"damaged after {read:,} characters ({cause})"
                    raise InputError(f"{path}: {reason}; download it again") from error
                text, at = text[begin:] + more, 0
                continue
            read += end - at
            at = end
            yield record, read


def _utf8(text: str, path: Path) -> str:
    """Make sure that every byte was UTF-8."""
    wrong = _NOT_UTF8.search(text)
    if wrong:
        byte = ord(wrong.group()) - 0xDC00
        raise InputError(f"{path}: not UTF-8 (byte {byte:#x}); convert it, or download it again")
    return text


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
