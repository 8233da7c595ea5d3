# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""From what the user typed to files: a path that exists, or a dataset on the hub."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from data_prep.errors import InputError

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


def locate(given: str, patterns: Sequence[str], option: str = "--input") -> Path:
    """Find the input.

    Args:
        given: A path, or a dataset's id on the hub.
        patterns: Which files of a dataset on the hub are needed.
        option: What the user gave it to.

    Returns:
        A file or folder that exists; for a hub id the local snapshot, downloaded if it is not there yet.

    Raises:
        InputError: There is neither.
    """
    path = Path(given).expanduser()
    try:
        if path.exists():
            return path
    except OSError as error:
        raise InputError(f"{option} {given}: {error.strerror}") from error
    if not _HUB_ID.fullmatch(given):
        raise InputError(f"{option} {given}: there is no such file or folder")
    # Only here: nothing but this needs the hub's client.
    import httpx
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        return Path(snapshot_download(given, repo_type="dataset", allow_patterns=list(patterns)))
    except (HfHubHTTPError, HFValidationError, httpx.HTTPError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(
            f"{option} {given}: no such file or folder, and the dataset cannot be fetched from the hub ({reason})"
        ) from error


def shards(folder: Path, split: str) -> list[Path]:
    """The parquet files of a split as the hub lays them out: ``data/train-00000-of-00003.parquet``."""
    found = [*folder.glob(f"{split}-*.parquet"), *folder.glob(f"data/{split}-*.parquet")]
    return sorted(found) or sorted(folder.glob(f"{split}.parquet"))
