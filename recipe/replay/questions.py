# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The row of the training parquet behind a dumped prompt: its data source and what else the verifier reads.

A dump has the prompt as the chat template wrote it, without image placeholders. The template is the same for a whole
run, so what it writes before and behind the question is found once, by search, and cut off from then on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq

from recipe.care.errors import CareDataError

SEARCHES = 200
"""Prompts that may be searched for in the whole file; each takes a moment."""
SHORTEST = 4
"""Characters; a shorter question is found in too many prompts by chance."""
_MEDIA = re.compile(r"<(?:image|video|audio)>")
_SPACE = re.compile(r"\s+")


class Question(NamedTuple):
    """What the verifier needs to know of a row."""

    data_source: str
    ground_truth: str
    extra_info: Mapping[str, object] | None
    row: int
    """Of the file."""


class Questions:
    """The rows of a training file, found by prompt and gold answer."""

    def __init__(self, path: Path) -> None:
        """Read the file, without its images.

        Args:
            path: verl's RL parquet.

        Raises:
            CareDataError: It cannot be read, or is no such file.
        """
        try:
            columns = pq.read_schema(path).names
            names = [name for name in ("data_source", "prompt", "reward_model", "extra_info") if name in columns]
            rows = pq.read_table(path, columns=names).to_pylist()
        except (OSError, ValueError) as error:
            raise CareDataError(f"--data {path}: not a parquet file that can be read ({error})") from error
        if missing := {"data_source", "prompt", "reward_model"} - set(names):
            raise CareDataError(f"--data {path}: no column {min(missing)}; give the parquet that was trained on")
        self._by_text: dict[str, list[Question]] = {}
        for number, row in enumerate(rows):
            gold = str((row["reward_model"] or {}).get("ground_truth"))
            question = Question(str(row["data_source"]), gold, row.get("extra_info"), number)
            self._by_text.setdefault(_bare(row["prompt"][-1]["content"]), []).append(question)
        self._around: list[tuple[int, int]] = []
        self._searches_left = SEARCHES

    def find(self, prompt: str, gold: object) -> Question | None:
        """The row of a dumped prompt.

        Args:
            prompt: The dump's ``input``.
            gold: Its ``gts``; of rows with the same text, the first with this answer is it.

        Returns:
            None where no row has this text and this answer.
        """
        return next(iter(self.find_all(prompt, gold)), None)

    def find_all(self, prompt: str, gold: object) -> list[Question]:
        """Every row with this text and this answer: they may differ in their images."""
        bare = _bare(prompt)
        for before, behind in self._around:
            if candidates := self._by_text.get(bare[before : len(bare) - behind]):
                return _with_gold(candidates, gold)
        return self._search(bare, gold)

    def _search(self, bare: str, gold: object) -> list[Question]:
        if not self._searches_left:
            return []
        self._searches_left -= 1
        inside = (text for text in self._by_text if len(text) >= SHORTEST and text in bare)
        found = max(inside, key=len, default=None)
        if found is None:
            return []
        before = bare.rindex(found)
        self._around.append((before, len(bare) - before - len(found)))
        return _with_gold(self._by_text[found], gold)


def _with_gold(candidates: list[Question], gold: object) -> list[Question]:
    return [one for one in candidates if one.ground_truth == str(gold)]


def _bare(text: object) -> str:
    """A prompt without spaces and placeholders; content in parts counts by its texts."""
    if isinstance(text, list):
        text = "".join(str(part.get("text") or "") for part in text if isinstance(part, Mapping))
    return _SPACE.sub("", _MEDIA.sub("", str(text)))
