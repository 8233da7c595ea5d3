# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What is known of a mixture after everything has been read once: which rows go, which stay, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from data_prep.mix.album import Album
from data_prep.mix.fingerprints import RowPrint
from data_prep.mix.input import Benchmark, InputTable, PrintStore
from data_prep.mix.output import Place
from data_prep.mix.overlap import find_benchmark, find_duplicates
from data_prep.mix.report import Checked, Noted, check_of


@dataclass(frozen=True)
class Survey:
    """What is known after the first reading."""

    prints: Mapping[Place, RowPrint]
    noted: tuple[Noted, ...]
    checked: tuple[Checked, ...]
    album: Album

    @property
    def kept(self) -> list[Place]:
        """The rows that stay, in the order of the inputs."""
        lost = {entry.finding.row for entry in self.noted if entry.finding.drops}
        return [place for number, place in enumerate(self.prints) if number not in lost]


def survey(tables: Sequence[InputTable], benchmarks: Sequence[Benchmark], store: PrintStore) -> Survey:
    """Read everything once, and decide about every row.

    Args:
        tables: The inputs.
        benchmarks: What they must not contain.
        store: Where fingerprints are kept.

    Returns:
        What was found.
    """
    of_tables = [(table, store.of_table(table)) for table in tables]
    of_benchmarks = [(benchmark, store.of_benchmark(benchmark)) for benchmark in benchmarks]
    prints = {
        Place(number, row): print_ for number, (_, found) in enumerate(of_tables) for row, print_ in enumerate(found)
    }
    album = Album(of_tables, of_benchmarks)
    rows = list(prints.values())
    strongest: dict[int, Noted] = {}
    for benchmark, items in of_benchmarks:
        for finding in find_benchmark(rows, items, album.same):
            known = strongest.get(finding.row)
            if known is None or finding.order < known.finding.order:
                strongest[finding.row] = Noted(finding, rows[finding.row], benchmark.name, items[finding.other])
    # Benchmark items first: how many there are does not depend on how many duplicates the mixture has.
    left = [n for n in range(len(rows)) if n not in strongest or not strongest[n].finding.drops]
    numbers = [place.table for place in prints]
    for finding in find_duplicates([rows[n] for n in left], [numbers[n] for n in left], album.same):
        row, other = left[finding.row], left[finding.other]
        if finding.drops or row not in strongest:
            strongest[row] = Noted(replace(finding, row=row, other=other), rows[row], "", rows[other])
    every = tuple(strongest[n] for n in sorted(strongest))
    checked = tuple(check_of(benchmark.name, items, every) for benchmark, items in of_benchmarks)
    return Survey(prints, every, checked, album)
