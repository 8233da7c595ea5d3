# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Files inside a tar, by name, without unpacking it."""

from __future__ import annotations

import posixpath
import tarfile
from pathlib import Path

from data_prep.errors import InputError

_END = bytes(2 * tarfile.BLOCKSIZE)


class TarFiles:
    """The members of an uncompressed tar: one reading finds where each begins, and then any can be read."""

    def __init__(self, path: Path) -> None:
        """Read the tar's headers.

        Args:
            path: The tar file.

        Raises:
            InputError: It is no complete, uncompressed tar.
        """
        self.path = path
        end = 0
        try:
            with tarfile.open(path, "r:") as archive:
                self._members = {
                    posixpath.normpath(member.name): (member.offset_data, member.size)
                    for member in archive
                    if member.isfile()
                }
                end = archive.offset
        except (tarfile.TarError, ValueError) as error:
            raise InputError(
                f"{path}: no complete uncompressed tar ({error}); download it again, or unpack it"
            ) from error
        # One that is cut or damaged opens without an error, and has the members before that place. Two blocks of zeros
        # are the end that a whole one has.
        with path.open("rb") as file:
            file.seek(end)
            if file.read(len(_END)) != _END:
                raise InputError(f"{path}: the tar ends too early; download it again")

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(self._members)

    def read(self, name: str) -> bytes | None:
        """The content of a member."""
        if name not in self._members:
            return None
        offset, size = self._members[name]
        with self.path.open("rb") as file:
            file.seek(offset)
            return file.read(size)
