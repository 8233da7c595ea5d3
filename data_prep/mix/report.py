# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What a mixture is made of, what was left out and why, and what nobody checked: for people and for machines."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from data_prep.file.report import Entry
from data_prep.file.review import MOST_OF_A_REASON, Exhibit, Side, thumbnail
from data_prep.mix.album import Album
from data_prep.mix.benchmarks import LAYOUTS
from data_prep.mix.fingerprints import RowPrint
from data_prep.mix.input import InputTable
from data_prep.mix.output import Place
from data_prep.mix.overlap import DROPS, INSPECT, Finding
from data_prep.mix.select import Selection
from data_prep.row.images import as_shown

PAPER = {"virl39k": 38_870, "geometry3k": 2_101, "chartqa": 8_358}
"""Rows of ViRL39K, of Geometry3K's training split, and of the human half of ChartQA's train and val: 49,329 together,
the sum that fits the paper's "about 49.3K" without training on a test split. The paper does not say how it counts."""


MOST_LISTED = 200
"""Of each reason: what a person can look at in an hour."""


@dataclass(frozen=True)
class Noted:
    """A finding with the names of both sides."""

    finding: Finding
    row: RowPrint
    benchmark: str
    """Empty where the other side is a row of the mixture."""
    other: RowPrint

    @property
    def against(self) -> str:
        """The other side in one word."""
        return f"{self.benchmark or self.other.data_source}:{self.other.qid}"

    @property
    def entry(self) -> Entry:
        """As a line of the report of dropped rows."""
        f = self.finding
        bits = f", hashes {f.bits} bits apart" if f.bits >= 0 else ""
        detail = f"{self.row.data_source}; {self.against}{bits}, words {f.words:.2f}"
        return Entry("dropped", f.reason, self.row.qid, self.row.index, detail)

    @property
    def line(self) -> str:
        """As a line of the list for a person to look at."""
        f = self.finding
        record: dict[str, object] = {"reason": f.reason, "data_source": self.row.data_source, "qid": self.row.qid}
        record |= {"against": self.against, "bits": f.bits, "words": round(f.words, 3)}
        texts = {"text": self.row.text, "other_text": self.other.text}
        golds = {"gold": self.row.gold, "other_gold": self.other.gold} if not self.benchmark else {}
        return json.dumps(record | texts | golds, ensure_ascii=False) + "\n"


@dataclass(frozen=True)
class Checked:
    """What was compared with one benchmark."""

    name: str
    items: int
    images: int
    without_image: int
    """Items that only their words could be compared of."""
    without_look: int
    """Images that are blank or cannot be decoded: compared by their bytes only."""
    words_compared: bool
    """Whether there are questions to compare; MMMU-Pro vision has them in the picture."""
    dropped: int
    """Rows dropped for this benchmark; a row that several have counts for the strongest evidence only."""
    inspect: int


def to_inspect(noted: Sequence[Noted]) -> list[Noted]:
    """What a person should look at: of each reason the closest, no more than can be looked at."""
    found = []
    for reason in INSPECT:
        own = [entry for entry in noted if entry.finding.reason == reason]
        found += sorted(own, key=lambda entry: (entry.finding.bits, -entry.finding.words))[:MOST_LISTED]
    return found


def exhibits_of(noted: Sequence[Noted], album: Album) -> Iterator[Exhibit]:
    """Rows that were dropped or are suspected, beside what they are taken for: some of every reason.

    Args:
        noted: All findings.
        album: Where the images are.

    Yields:
        What the viewer shows.
    """
    chosen = []
    for reason in (*DROPS, *INSPECT):
        own = [entry for entry in noted if entry.finding.reason == reason]
        chosen += sorted(own, key=lambda entry: (-entry.finding.bits, entry.finding.words))[:MOST_OF_A_REASON]
    wanted = {image.sha256 for entry in chosen for row in (entry.row, entry.other) for image in row.images}
    pictures = {sha256: thumbnail(content, as_shown) for sha256, content in album.contents(wanted)}
    for entry in chosen:
        titles = (f"{entry.row.data_source}:{entry.row.qid}", entry.against)
        sides = tuple(
            Side(title, row.whole or row.text, row.gold, tuple(pictures.get(image.sha256, "") for image in row.images))
            for title, row in zip(titles, (entry.row, entry.other), strict=True)
        )
        action = "dropped" if entry.finding.drops else "inspect"
        row, reason = entry.row, entry.finding.reason
        yield Exhibit(action, reason, row.data_source, row.source, row.answer_type, entry.entry.detail, sides)


def check_of(name: str, items: Sequence[RowPrint], noted: Sequence[Noted]) -> Checked:
    """Describe what was compared with one benchmark."""
    images = [image for item in items for image in item.images]
    own = [entry for entry in noted if entry.benchmark == name]
    return Checked(
        name=name,
        items=len(items),
        images=len(images),
        without_image=sum(not item.images for item in items),
        without_look=sum(not image.has_look for image in images),
        words_compared=any(item.text for item in items),
        dropped=sum(entry.finding.drops for entry in own),
        inspect=sum(not entry.finding.drops for entry in own),
    )


def not_checked(checked: Iterable[Checked]) -> list[str]:
    """Which of the paper's benchmarks were not given."""
    given = {check.name for check in checked}
    return [name for name in LAYOUTS if name not in given]


def overlap_json(checked: Sequence[Checked], noted: Sequence[Noted]) -> str:
    """The overlap report as JSON."""
    reasons = Counter(entry.finding.reason for entry in noted)
    record = {
        "checked": [asdict(check) for check in checked],
        "not_checked": not_checked(checked),
        "dropped": {reason: reasons[reason] for reason in DROPS},
        "inspect": {reason: reasons[reason] for reason in INSPECT},
        "listed": {reason: min(reasons[reason], MOST_LISTED) for reason in INSPECT},
    }
    return json.dumps(record, indent=2, ensure_ascii=False) + "\n"


def summary(
    tables: Sequence[InputTable], rows: Sequence[RowPrint], noted: Sequence[Noted], checked: Sequence[Checked]
) -> list[str]:
    """The account of the mixture as a person reads it.

    Args:
        tables: The inputs.
        rows: The fingerprints of all their rows.
        noted: What was found about them.
        checked: What they were compared with.

    Returns:
        Lines of text.
    """
    lost = [entry for entry in noted if entry.finding.drops]
    read, dropped = Counter(row.data_source for row in rows), Counter(entry.row.data_source for entry in lost)
    lines = ["data source         converted  overlap  duplicate      kept"]
    for source in sorted(read):
        twice = sum(entry.row.data_source == source and entry.finding.reason == "duplicate" for entry in lost)
        kept = read[source] - dropped[source]
        lines.append(f"{source:<18} {read[source]:>10,} {dropped[source] - twice:>8,} {twice:>10,} {kept:>9,}")
    lines.append(f"{'total':<18} {len(rows):>10,} {'':>19} {len(rows) - len(lost):>9,}")
    lines += _against_paper(tables, rows, len(rows) - len(lost))
    reasons = Counter(entry.finding.reason for entry in noted)
    lines += [f"  dropped {reasons[r]:>7,}  {r}: {text}" for r, text in DROPS.items() if reasons[r]]
    for reason, text in INSPECT.items():
        only = f" (the closest {MOST_LISTED} are listed)" if reasons[reason] > MOST_LISTED else ""
        lines += [f"  look at {reasons[reason]:>7,}  {reason}: {text}{only}"] if reasons[reason] else []
    for check in checked:
        words = "words and images" if check.words_compared else "images only"
        lines.append(f"checked against {check.name}: {check.items:,} items, {check.images:,} images ({words})")
    missing = not_checked(checked)
    if missing:
        lines.append(f"NOT checked, because no --benchmark gave them: {', '.join(missing)}")
    return lines


def selection_lines(chosen: Selection, prints: Mapping[Place, RowPrint]) -> list[str]:
    """What a validation split, caps and weights make of the rows that are kept."""
    train, validation = (
        Counter(prints[place].data_source for place in places) for places in (chosen.train, chosen.validation)
    )
    lines = ["data source         validation  same image   left out     train"]
    for source in sorted(train):
        left_out = max(chosen.capped[source], 0)
        lines.append(
            f"{source:<18} {validation[source]:>11,} {chosen.shared[source]:>11,} {left_out:>10,} {train[source]:>9,}"
        )
    return [*lines, f"{'total':<18} {len(chosen.validation):>11,} {'':>22} {len(chosen.train):>9,}"]


def _against_paper(tables: Sequence[InputTable], rows: Sequence[RowPrint], kept: int) -> list[str]:
    """How the count compares with the paper's; nothing for other data sources, such as the SFT set."""
    sources = {row.data_source for row in rows}
    if not sources & PAPER.keys():
        return []
    expected = " + ".join(f"{count:,} {source}" for source, count in PAPER.items())
    total = sum(PAPER.values())
    lines = [
        f"the paper says about 49.3K after deduplication and not how it counts; {expected} = {total:,} fits.",
        f"this mixture: {sum(table.read for table in tables):,} rows read by the converters, {len(rows):,} usable, "
        f"{kept:,} kept",
    ]
    missing = [source for source in PAPER if source not in sources]
    if missing:
        return [*lines, *[f"{source} is not among the inputs: nothing to compare with that sum" for source in missing]]
    difference = kept - total
    lines[-1] += f": {abs(difference):,} {'more' if difference > 0 else 'fewer'} than that sum" if difference else ""
    return lines
