# Copyright 2026 The CARE-verl authors
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""What is known of a mixture after everything has been read once: which rows go, which stay, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from data_prep.album import Album
from data_prep.fingerprints import RowPrint
from data_prep.mix_input import Benchmark, InputTable, PrintStore
from data_prep.mix_output import Place
from data_prep.mix_report import Checked, Noted, check_of
from data_prep.overlap import find_benchmark, find_duplicates


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
