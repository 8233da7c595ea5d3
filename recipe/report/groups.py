# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""From rollouts to groups as they are shown, and a fair sample of them that fits a page.

Rollouts are read step by step. Of all groups those are kept whose hash is lowest, until there are as many as wanted or
their texts fill the page; so memory is bounded, every group has the same chance, and two runs over the same prompts
keep the same ones.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

from recipe.care.method.advantage import Role
from recipe.replay.dump import NoDumpError, ReadCounts, Rollout, read_steps
from recipe.report.images import TrainingFiles
from recipe.report.surprises import HALF, surprises

MOST_TEXT = 32 * 2**20
"""Bytes of JSON; more makes a page slow to open."""


@dataclass(frozen=True)
class RepairView:
    """The repair of a rollout as it is shown."""

    outcome: str
    used: bool
    cue: str
    text: str
    acc: float | None
    rule: str | None


@dataclass(frozen=True)
class RolloutView:
    """A rollout as it is shown: as sampled, with what became of it."""

    name: str
    output: str
    acc: float | None
    """Of the sampled text."""
    rule: str | None
    score: float
    role: str | None
    advantage: float | None
    distance: float | None
    tokens: int | None
    anchor: bool
    """Whether others of the group are contrasted with it."""
    credit: tuple[tuple[int, float, int], ...]
    """Runs of characters, advantage of each token, tokens; of the trained text, which is the repair's if it is used."""
    repair: RepairView | None


@dataclass(frozen=True)
class GroupView:
    """The rollouts of one prompt in one step."""

    step: int
    name: str
    key: str | None
    """The prompt, the same in every run; None where prompts cannot be told apart."""
    place: str
    """Data source, split and index, where the record has them."""
    row: int | None
    """Of the training files, where it is known and only one fits."""
    prompt: str
    gold: str
    k_prime: int
    surprises: tuple[str, ...]
    rollouts: tuple[RolloutView, ...]

    def as_json(self) -> str:
        """Compact, without what is null or empty."""
        return json.dumps(asdict(self, dict_factory=_without_nothing), separators=(",", ":"), allow_nan=False)


def _without_nothing(fields: list[tuple[str, object]]) -> dict[str, object]:
    return {name: value for name, value in fields if value is not None and value != () and value is not False}


@dataclass(frozen=True)
class Kept:
    """A group in the sample."""

    step: int
    row: int | None
    """Of the training files."""
    text: str
    """``GroupView.as_json``."""


class Collector:
    """Takes in the rollouts of a run, once each."""

    def __init__(self, most: int, files: TrainingFiles | None, verdict: Callable[[Rollout], float | None]) -> None:
        """Begin.

        Args:
            most: Groups to keep.
            files: What was trained on: it tells prompts apart where rollouts do not say where theirs comes from.
            verdict: Says right or wrong of a rollout without a record.
        """
        self.counts = ReadCounts()
        self.seen = 0
        """Groups."""
        self.by_step: dict[int, dict[str, float]] = {}
        """What can be said of each step from its rollouts, under ``rollouts/``."""
        self._most, self._files, self._verdict = most, files, verdict
        self._visits: Counter[str] = Counter()
        self._heap: list[tuple[int, int, Kept]] = []
        self._bytes = 0
        self._ceiling = 2**32
        """No group that ranks here or above is kept."""

    @property
    def groups(self) -> list[Kept]:
        """The sample, in the order of the steps."""
        return [kept for _, _, kept in sorted(self._heap, key=lambda entry: (entry[2].step, -entry[1]))]

    def read(self, files: Sequence[Path], told: Callable[[int], None], refused: Callable[[NoDumpError], None]) -> None:
        """Take in some files; see ``recipe.replay.dump.read_steps``."""
        for rollouts in read_steps(files, self.counts, told, refused):
            self._add_step(rollouts)

    def _add_step(self, rollouts: Sequence[Rollout]) -> None:
        by_group: dict[str, list[Rollout]] = {}
        for rollout in rollouts:
            by_group.setdefault(rollout.group, []).append(rollout)
        tally = _Tally()
        for members in by_group.values():
            acc = [one.acc if one.record is not None else self._verdict(one) for one in members]
            tally.add(members, acc)
            self._keep(members, acc)
        self.by_step[rollouts[0].step] = tally.metrics()

    def _keep(self, members: Sequence[Rollout], acc: Sequence[float | None]) -> None:
        self.seen += 1
        first = members[0]
        place = first.record.data if first.record is not None else None
        row = self._files.find(place, first.input, first.gts) if self._files is not None else None
        key = self._key(first, row)
        prompt = key or f"{first.step} {first.group}"
        self._visits[prompt] += 1
        rank = zlib.crc32(f"{self._visits[prompt]} {prompt}".encode(errors="surrogatepass"))
        if rank >= self._ceiling:
            return
        kept = Kept(first.step, row, _view(members, acc, key, row).as_json())
        heapq.heappush(self._heap, (-rank, -self.seen, kept))
        self._bytes += len(kept.text)
        while len(self._heap) > self._most or (self._bytes > MOST_TEXT and len(self._heap) > 1):
            lowest, _, dropped = heapq.heappop(self._heap)
            self._ceiling = -lowest
            self._bytes -= len(dropped.text)

    def _key(self, first: Rollout, row: int | None) -> str | None:
        place = first.record.data if first.record is not None else None
        if place is not None:
            return f"{place.source}/{place.split}/{place.index}"
        if self._files is not None:
            return None if row is None else f"row {row}"
        return f"{first.input}\n{first.gts}"


def _view(members: Sequence[Rollout], acc: Sequence[float | None], key: str | None, row: int | None) -> GroupView:
    first = members[0]
    place = first.record.data if first.record is not None else None
    anchors = {one.record.anchor for one in members if one.record is not None}
    pairs = zip(members, acc, strict=True)
    return GroupView(
        step=first.step,
        name=first.group if first.session else "",
        key=None if key is None else hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()[:16],
        place="" if place is None else " ".join([place.source, place.split, str(place.index)]),
        row=row,
        prompt=first.input,
        gold="" if first.gts is None else str(first.gts),
        k_prime=max(one.record.k_prime if one.record is not None else 0 for one in members),
        surprises=tuple(surprises(members, acc)),
        rollouts=tuple(_rollout(number, one, verdict, anchors) for number, (one, verdict) in enumerate(pairs)),
    )


def _rollout(number: int, rollout: Rollout, acc: float | None, anchors: set[int | None]) -> RolloutView:
    record = rollout.record
    name = rollout.session or str(number)
    if record is None:
        return RolloutView(name, rollout.output, acc, None, rollout.score, None, None, None, None, False, (), None)
    repair = record.repair
    taken = repair is not None and repair.used
    return RolloutView(
        name=name,
        output=rollout.output,
        acc=acc,
        rule=None if taken else record.rule,
        score=rollout.score,
        role=record.role,
        advantage=_short(record.advantage),
        distance=None if record.distance is None else _short(record.distance),
        tokens=record.tokens,
        anchor=record.row in anchors,
        credit=tuple((run.characters, _short(run.advantage), run.tokens) for run in record.credit),
        repair=None
        if repair is None
        else RepairView(repair.outcome, repair.used, repair.cue, repair.text, repair.acc, repair.rule),
    )


def _short(value: float) -> float:
    return float(f"{value:.4g}")


class _Tally:
    """What the rollouts of a step come to."""

    def __init__(self) -> None:
        self._acc: list[float] = []
        self._groups: Counter[str] = Counter()
        self._lengths: list[float] = []
        self._anchors: list[float] = []
        self._subgroups: list[float] = []
        self._repairs: list[float] = []

    def add(self, members: Sequence[Rollout], acc: Sequence[float | None]) -> None:
        verdicts = [one > HALF for one in acc if one is not None]
        self._acc += [float(one) for one in verdicts]
        if verdicts:
            self._groups["all_right" if all(verdicts) else "mixed" if any(verdicts) else "all_wrong"] += 1
        records = [one.record for one in members if one.record is not None]
        for record in records:
            if record.acc is not None and record.acc > HALF and record.think_tokens is not None:
                self._lengths.append(record.think_tokens)
            if record.role == Role.ANCHOR:
                self._anchors.append(record.advantage)
            if record.repair is not None and record.repair.acc is not None:
                self._repairs.append(float(record.repair.acc > HALF))
        if records and records[0].k_prime:
            self._subgroups.append(records[0].k_prime)

    def metrics(self) -> dict[str, float]:
        groups = self._groups.total()
        shares = {name: self._groups[name] / groups for name in ("mixed", "all_right", "all_wrong")} if groups else {}
        means = {
            "acc": self._acc,
            "positive_len": self._lengths,
            "anchor_advantage": self._anchors,
            "k_prime": self._subgroups,
            "repair_pass_rate": self._repairs,
        }
        found = shares | {name: fmean(values) for name, values in means.items() if values}
        return {f"rollouts/{name}": value for name, value in found.items()}
