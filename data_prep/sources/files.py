# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Files by name, from a folder or out of a zip or tar that nobody has to unpack."""

from __future__ import annotations

import errno
import hashlib
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from data_prep.errors import InputError
from data_prep.sources.tar import TarFiles

WHOLE = 64 * 2**20
"""Files up to this size are hashed completely."""
HEAD, TAIL = 2**20, 16 * 2**20
"""Of larger ones only the two ends are: a zip ends with its members' checksums, a parquet file with its layout."""
_CANNOT_UNPACK = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError)
"""What a damaged member of a zip raises. RuntimeError: it is marked as encrypted, or as packed in a way that Python
does not know."""
_NOT_THE_DISK = (None, errno.EINVAL)
"""Numbers of the system's errors that a damaged member raises: bz2 gives none, a place before the file is invalid."""


_NO_SUCH_NAME = (errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.EINVAL, errno.EILSEQ, errno.ENOENT)
_NOT_OURS_TO_READ = (errno.EACCES, errno.EPERM, errno.EISDIR)


class Files(Protocol):
    """Files that are read by their relative names."""

    @property
    def path(self) -> Path:
        """The folder or zip."""

    def names(self) -> list[str]:
        """All names, sorted, with ``/`` between folders."""

    def read(self, name: str) -> bytes | None:
        """The content of a file; None where there is none of that name, and ``b""`` where it is damaged."""


class FolderFiles:
    """The files below a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._root = path.resolve()

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(file.relative_to(self.path).as_posix() for file in self.path.rglob("*") if file.is_file())

    def read(self, name: str) -> bytes | None:
        """The content of a file, unless the name leads out of the folder; ``b""`` where it cannot be read."""
        try:
            file = (self._root / name).resolve()
            return file.read_bytes() if file.is_relative_to(self._root) and file.is_file() else None
        except (ValueError, RuntimeError):  # a NUL in the name, a symbolic link to itself
            return None
        except OSError as error:
            if error.errno in _NO_SUCH_NAME:
                return None
            if error.errno in _NOT_OURS_TO_READ:
                return b""  # one file costs one row, which the check of its image drops
            raise


class ZipFiles:
    """The members of a zip."""

    def __init__(self, path: Path) -> None:
        """Open the zip.

        Args:
            path: The zip file.

        Raises:
            InputError: It is no complete zip.
        """
        self.path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, NotImplementedError) as error:
            raise InputError(f"{path}: no complete zip file ({error}){_instead(path)}") from error
        self._names = frozenset(self._zip.namelist())

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(name for name in self._names if not name.endswith("/"))

    def read(self, name: str) -> bytes | None:
        """The content of a member."""
        if name not in self._names:
            return None
        try:
            return self._zip.read(name)
        except _CANNOT_UNPACK:
            return b""  # one damaged member costs one row, which the check of its image drops
        except OSError as error:
            if error.errno not in _NOT_THE_DISK:
                raise
            return b""


_PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd", b"7z\xbc\xaf": "7z",
           b"Rar!": "rar"}  # fmt: skip


def _instead(path: Path) -> str:
    """What a file is that is no zip, and what to do about it."""
    with path.open("rb") as file:
        head = file.read(8)
    kind = next((name for magic, name in _PACKED.items() if head.startswith(magic)), "")
    if kind:
        return f": it is packed with {kind}; unpack it and give the folder"
    return "; download it again" if head.startswith(b"PK") or path.suffix == ".zip" else ": it is none; give the zip"


def open_files(path: Path) -> Files:
    """Open a folder, a zip or a tar, whatever its name is.

    Raises:
        InputError: It is something else, or incomplete.
    """
    if path.is_dir():
        return FolderFiles(path)
    is_tar = path.suffix == ".tar" or (not zipfile.is_zipfile(path) and tarfile.is_tarfile(path))
    return TarFiles(path) if is_tar else ZipFiles(path)


def digest_of(paths: Sequence[Path]) -> str:
    """A hash that changes when the input does, without reading gigabytes.

    Args:
        paths: Files and folders. In a folder, JSON files count with their content, others with their size.

    Returns:
        The hash as hexadecimal digits; the place of the files does not enter it.
    """
    digest = hashlib.sha256()
    for path in paths:
        for name, file in _walk(path):
            size = file.stat().st_size
            digest.update(f"{name}\0{size}\0".encode())
            if path.is_file() or file.suffix == ".json":
                digest.update(_ends_of(file, size))
    return digest.hexdigest()


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    return sum(file.stat().st_size for _, file in _walk(path))


def _walk(path: Path) -> Iterator[tuple[str, Path]]:
    if path.is_file():
        yield path.name, path
        return
    for file in sorted(file for file in path.rglob("*") if file.is_file()):
        yield file.relative_to(path).as_posix(), file


def _ends_of(file: Path, size: int) -> bytes:
    with file.open("rb") as stream:
        if size <= WHOLE:
            return hashlib.sha256(stream.read()).digest()
        head = stream.read(HEAD)
        stream.seek(size - TAIL)
        return hashlib.sha256(head + stream.read()).digest()
