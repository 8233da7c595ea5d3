# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Every row that was dropped, repaired or is worth a look, with its reason, as JSON lines beside the output."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass

DROPS: dict[str, str] = {
    "record_unreadable": "the record is not what its dataset promises: a field is missing or of another type",
    "question_empty": "there is no question",
    "image_missing": "an image the row names is not in the input",
    "image_broken": "an image cannot be opened and decoded to its end",
    "image_too_small": "a side is shorter than 28 pixels, one image token",
    "image_too_long": "one side is, once rounded to image tokens, over 200 times the other: processors refuse it",
    "image_too_large": "more pixels than Pillow decodes without suspecting an attack",
    "more_placeholders_than_images": "the question shows more images than the row has",
    "source_excluded": "--exclude-source names where the row comes from",
    "text_only": "the row has no image, and --text-only drop was given",
    "gold_empty": "there is no gold answer",
    "gold_none": "the gold is the word None, which a well-known extractor returns for what it cannot read",
    "gold_count": "a list of several golds, or none, where the dataset promises one",
    "gold_unreadable_characters": "the gold contains U+FFFD: a character was lost",
    "gold_unusable": "the verifier cannot use the gold (unbalanced braces or environments)",
    "gold_not_an_option": "the gold is none of the options that the question shows",
    "gold_ambiguous": "the gold means several options whose texts differ",
    "gold_unreadable": "only the same characters would count: neither the verifier nor its LaTeX parser reads the gold",
    "gold_rejected": "the verifier does not accept the gold as an answer to itself",
    "gold_differs_from_choice": "the answer is not the text of the choice that the dataset marks as right",
    "ratio_as_time": "a spreadsheet turned a ratio into a time of day: 39:14 became 1.634722222",
    "date_as_number": "a spreadsheet turned a date into a serial number: 44362",
    "prompt_too_long": "the prompt has more tokens than --max-prompt-length",
}
"""Reasons for leaving a row out."""

REPAIRS: dict[str, str] = {
    "placeholder_added": "the question had fewer <image> than the row has images; they were put before it",
    "tag_in_question": "<image>, <video>, <audio> or a special token inside the question is spelled [image] and so on",
    "unreadable_characters_removed": "U+FFFD was taken out of the question",
    "image_rewritten": "the model would have seen it otherwise: 16-bit or floating-point, turned by EXIF, transparent",
    "gold_prefix_removed": "'Final Answer:' before the gold was taken off",
    "gold_characters_restored": "signs that a wrong decoding had spoilt were put right in the gold: 118掳 became 118°",
    "gold_became_letter": "the gold was an option's text or a labelled letter; the letter replaces it",
    "precise_value_ignored": "the dataset's unrounded value contradicts its gold and was left out",
}
"""Reasons for changing one."""

LISTED: dict[str, str] = {
    "may_be_ratio_as_time": "the gold may be a ratio that a spreadsheet turned into a time of day, or a quotient",
    "gold_only_verbatim": "the verifier takes neither the number nor the formula in the gold, only all of it",
}
"""Reasons for a person to look at a row, which is kept as it is."""

REASONS = DROPS | REPAIRS | LISTED
ACTIONS = ("dropped", "repaired", "listed")
LONGEST_DETAIL = 200


@dataclass(frozen=True)
class Entry:
    """One thing that was done to one row."""

    action: str
    """One of ``ACTIONS``."""
    reason: str
    """A key of ``REASONS``, or one that another step of the preparation defines."""
    qid: str
    index: int
    """Position in the input."""
    detail: str = ""
    """What was found, in a few words."""

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise ValueError(f"action={self.action!r}: must be one of {', '.join(ACTIONS)}.")

    def as_line(self) -> str:
        """The entry as a line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False) + "\n"


class Dropped(Exception):
    """Raised by whatever finds that a row cannot be used."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail[:LONGEST_DETAIL]


@dataclass(frozen=True)
class Remark:
    """Something to tell of a row that is kept."""

    reason: str
    """A key of ``REPAIRS`` or ``LISTED``, or one that another step of the preparation defines."""
    detail: str = ""

    def entry(self, qid: str, index: int) -> Entry:
        """As a line of the report."""
        action = "listed" if self.reason in LISTED else "repaired"
        return Entry(action, self.reason, qid, index, self.detail[:LONGEST_DETAIL])


class Tally:
    """How often what was done, and why."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()

    def add(self, entries: Iterable[Entry]) -> None:
        """Count entries."""
        self.counts.update((entry.action, entry.reason) for entry in entries)

    def by_reason(self, action: str) -> dict[str, int]:
        """Counts of one action by reason, in the order of the reasons' names."""
        return {reason: count for (name, reason), count in sorted(self.counts.items()) if name == action}

    def lines(self) -> list[str]:
        """The tally as a person reads it."""
        rows = sorted(self.counts.items(), key=lambda item: (item[0][0], -item[1], item[0][1]))
        return [
            f"  {action:<8} {count:>7,}  {reason}: {REASONS.get(reason, '')}".rstrip(": ")
            for (action, reason), count in rows
        ]


def read_entries(lines: Iterable[str]) -> list[Entry]:
    """Read lines of JSON back."""
    return [Entry(**json.loads(line)) for line in lines]
