# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""How much of each data source goes into a mixture: a validation split, a cap, a weight."""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from data_prep.errors import InputError
from data_prep.mix.fingerprints import RowPrint
from data_prep.mix.output import Place

MOST_WEIGHT = 100.0


@dataclass(frozen=True)
class Shares:
    """What was asked for, by data source."""

    caps: Mapping[str, int] = field(default_factory=dict)
    """Most rows."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """How often each row comes; of half a time every other row."""
    validation: Mapping[str, int] = field(default_factory=dict)
    """Rows for the validation file."""

    def __post_init__(self) -> None:
        for option, values in (("--cap", self.caps), ("--validation", self.validation)):
            for source, rows in values.items():
                if rows < 1:
                    raise InputError(f"{option} {source}={rows}: must be at least 1")
        for source, weight in self.weights.items():
            if not 0 < weight <= MOST_WEIGHT:
                raise InputError(f"--weight {source}={weight:g}: must be over 0 and at most {MOST_WEIGHT:g}")

    @property
    def options(self) -> dict[str, object]:
        """What the manifest says of them."""
        return {"cap": dict(self.caps), "weight": dict(self.weights), "validation": dict(self.validation)}

    def check(self, sources: Sequence[str]) -> None:
        """Make sure that everything that was named is there.

        Args:
            sources: The data sources of the inputs.

        Raises:
            InputError: A name is none of them.
        """
        for option, values in (("--cap", self.caps), ("--weight", self.weights), ("--validation", self.validation)):
            unknown = sorted(values.keys() - set(sources))
            if unknown:
                raise InputError(f"{option} {unknown[0]}: no such data source; the inputs have {', '.join(sources)}")


@dataclass(frozen=True)
class Selection:
    """Which rows go where."""

    train: tuple[Place, ...]
    """In the order of the inputs; one that comes several times is there several times."""
    validation: tuple[Place, ...]
    shared: Counter[str]
    """Rows by data source that are left out of the training file since they show an image of the validation file."""
    capped: Counter[str]
    """Rows by data source that a cap or a weight below one left out."""


def read_shares(option: str, given: Sequence[str]) -> dict[str, float]:
    """Read ``SOURCE=NUMBER`` arguments.

    Raises:
        InputError: One is something else, or a source comes twice.
    """
    found: dict[str, float] = {}
    for argument in given:
        source, equals, text = argument.rpartition("=")
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        is_whole = option == "--weight" or number == round(number) if math.isfinite(number) else False
        if not (source and equals and is_whole):
            raise InputError(f"{option} {argument}: must be SOURCE=NUMBER, such as chartqa=500")
        if source in found:
            raise InputError(f"{option} {argument}: {source} was given already")
        found[source] = number
    return found


def select(kept: Sequence[Place], prints: Mapping[Place, RowPrint], shares: Shares, seed: int) -> Selection:
    """Choose rows, by a hash of the seed and their identity: whatever the order they came in.

    The validation rows are taken first, rows of one image together. No other row that shows one of their images stays
    in the training file, of whatever data source. Then the cap and after it the weight apply to what is left.

    Args:
        kept: The rows that are neither duplicates nor benchmark items.
        prints: Their fingerprints.
        shares: What was asked for.
        seed: Another seed, other rows.

    Returns:
        The choice.

    Raises:
        InputError: A data source has no row left to train on.
    """
    by_source: dict[str, list[Place]] = defaultdict(list)
    for place in kept:
        by_source[prints[place].data_source].append(place)
    validation: set[Place] = set()
    for source, rows in shares.validation.items():
        validation |= set(_ranked(by_source[source], prints, seed, by_image=True)[:rows])
    held = {image.sha256 for place in validation for image in prints[place].images}
    shared: Counter[str] = Counter()
    capped: Counter[str] = Counter()
    times: Counter[Place] = Counter()
    for source, places in by_source.items():
        left = [place for place in places if place not in validation]
        free = [place for place in left if not held & {image.sha256 for image in prints[place].images}]
        if not free:
            raise InputError(f"--validation {source}: leaves no row of it to train on, {len(places):,} are there")
        shared[source] = len(left) - len(free)
        chosen = _weighted(_ranked(free, prints, seed)[: shares.caps.get(source)], shares.weights.get(source, 1.0))
        capped[source] = len(free) - len(chosen)
        times.update(chosen)
    train = tuple(place for place in kept for _ in range(times[place]))
    return Selection(train, tuple(place for place in kept if place in validation), shared, capped)


def _weighted(places: Sequence[Place], weight: float) -> Counter[Place]:
    """How often each row comes; the first ones once more than the others where the weight is no whole number."""
    whole = math.floor(weight)
    extra = round((weight - whole) * len(places))
    return +Counter({place: whole + (number < extra) for number, place in enumerate(places)})


def _ranked(
    places: Sequence[Place], prints: Mapping[Place, RowPrint], seed: int, by_image: bool = False
) -> list[Place]:
    """The rows in an order of chance; optionally those of one image together."""

    def key(place: Place) -> tuple[bytes, bytes, Place]:
        row = prints[place]
        name = f"{row.data_source}/{row.qid}/{row.index}"
        group = row.images[0].sha256 if by_image and row.images else name
        return _hash(f"{seed}/select/{group}"), _hash(f"{seed}/select/{name}"), place

    return sorted(places, key=key)


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
