# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""From files to rollouts, step by step: verl's own dumps and this package's records.

verl 0.9.1 writes ``trainer.rollout_data_dir`` as one ``<step>.jsonl`` a step, a line a row with ``input``, ``output``,
``gts``, ``score``, ``step``; its V1 trainers add the row's key as ``uid``, the older ones what the reward function
returned (``acc`` and others). A line that cannot be read is counted and skipped; no more than a step is in memory.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple

from recipe.care.errors import CareDataError
from recipe.replay.records import VERSION_KEY, RolloutRecord, read_record

LONGEST_LINE = 2**26
"""Bytes; a longer line is no rollout."""
LINES_OF_DOUBT = 100
"""So many lines at the start of a file without a rollout among them, and it is taken for something else."""
DAMAGES_KEPT = 20
_ROW_KEY = re.compile(r"(?P<prompt>.+)_(?P<session>\d+)_(?P<output>\d+)", re.DOTALL)
_PADDING = re.compile(r"pad[0-9a-f]{32}(_|$)")
"""verl 0.9.1 fills a batch up with copies under such a prompt id (``trainer/ppo/padding_utils.py``)."""


class NoDumpError(CareDataError):
    """A file or folder holds no rollouts."""


@dataclass(frozen=True)
class Rollout:
    """One rollout as it was sampled: of a row whose text a repair replaced, the failed one."""

    file: str
    line: int
    step: int
    group: str
    """Rows of one group are rollouts of the same prompt."""
    session: str
    """Which rollout of the group; a conversation of several outputs has one row for each."""
    output_number: int
    input: str
    output: str
    gts: object
    score: float
    acc: float | None
    """The dump's own verdict; None where it has none."""
    unverified: bool = False
    """The dump says that the verification failed."""
    data_source: str | None = None
    extra_info: Mapping[str, object] | None = None
    record: RolloutRecord | None = None


@dataclass
class ReadCounts:
    """What reading came across."""

    files: int = 0
    lines: int = 0
    damaged: int = 0
    damages: list[str] = field(default_factory=list)
    """The first of them: where, and why."""
    padding: int = 0
    """Rows that verl had added to fill a mini-batch."""
    earlier_outputs: int = 0
    """Outputs before the last of a conversation, which has the verdict."""
    without_uid: int = 0
    """Rows grouped by their prompt's text."""

    def damage(self, where: str, why: object) -> None:
        """Take note of a line that cannot be read."""
        self.damaged += 1
        if len(self.damages) < DAMAGES_KEPT:
            self.damages.append(f"{where}: {why}")


def find_files(paths: Sequence[Path]) -> list[Path]:
    """The files of a command line: of a folder its ``<step>.jsonl``, in the order of the steps.

    Raises:
        NoDumpError: There is nothing there, or a folder without such files.
    """
    files: list[Path] = []
    for path in paths:
        if not path.exists():
            raise NoDumpError(f"{path}: there is no such file or folder")
        if not path.is_dir():
            files.append(path)
            continue
        own = sorted((int(one.stem), one) for one in path.glob("*.jsonl") if one.stem.isdecimal())
        if not own:
            raise NoDumpError(
                f"{path}: no <step>.jsonl in this folder; name the one that trainer.rollout_data_dir was set to"
            )
        files += [one for _, one in own]
    return files


def read_steps(
    files: Iterable[Path],
    counts: ReadCounts,
    told: Callable[[int], None] = lambda size: None,
    refused: Callable[[NoDumpError], None] | None = None,
) -> Iterator[list[Rollout]]:
    """Read rollouts, those of a step together.

    Args:
        files: In the order of the steps; a file may hold several.
        counts: What is come across is added here.
        told: Called with the number of bytes that have been read since the last call.
        refused: Called for a file that is no dump, which is then passed over; without, it ends the reading.

    Raises:
        NoDumpError: See ``refused``.
    """
    for path in files:
        try:
            yield from _steps_of(path, counts, told)
        except NoDumpError as error:
            if refused is None:
                raise
            refused(error)


def _steps_of(path: Path, counts: ReadCounts, told: Callable[[int], None]) -> Iterator[list[Rollout]]:
    counts.files += 1
    pending: list[Rollout] = []
    for rollout in _rollouts_of(path, counts, told):
        if pending and rollout.step != pending[0].step:
            yield _last_outputs(pending, counts)
            pending = []
        pending.append(rollout)
    if pending:
        yield _last_outputs(pending, counts)


def _rollouts_of(path: Path, counts: ReadCounts, told: Callable[[int], None]) -> Iterator[Rollout]:
    found, reasons = 0, []
    with path.open("rb") as file:
        for number, line in enumerate(_lines(file, told), start=1):
            if line is not None and not line.strip():
                continue
            counts.lines += 1
            where = f"{path}:{number}"
            try:
                rollout = _read(line, str(path), number)
            except CareDataError as error:
                reasons.append((where, error))
                if not found and len(reasons) >= LINES_OF_DOUBT:
                    break
                if found:
                    _settle(reasons, counts)
                continue
            found += 1
            if reasons:
                _settle(reasons, counts)
            if _PADDING.match(rollout.group):
                counts.padding += 1
                continue
            counts.without_uid += not rollout.session
            yield rollout
    if not found:
        why = f"line {reasons[0][0].rsplit(':', 1)[1]}: {reasons[0][1]}" if reasons else "the file is empty"
        raise NoDumpError(
            f"{path}: no rollout dump ({why}); wanted is a <step>.jsonl of trainer.rollout_data_dir, or of this "
            "package's records"
        )


def _settle(reasons: list[tuple[str, CareDataError]], counts: ReadCounts) -> None:
    for where, why in reasons:
        counts.damage(where, why)
    reasons.clear()


def _lines(file: BinaryIO, told: Callable[[int], None]) -> Iterator[bytes | None]:
    """The lines of a file, None for one that is too long to be held."""
    while line := file.readline(LONGEST_LINE):
        told(len(line))
        if len(line) < LONGEST_LINE or line.endswith(b"\n"):
            yield line
            continue
        while (rest := file.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
            told(len(rest))
        yield None


def _read(line: bytes | None, file: str, number: int) -> Rollout:
    if line is None:
        raise CareDataError(f"longer than {LONGEST_LINE >> 20} MiB")
    try:
        values = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise CareDataError(f"not JSON ({error})") from error
    if not isinstance(values, dict):
        raise CareDataError("not a JSON object")
    return _of_record(values, file, number) if VERSION_KEY in values else _of_verl(values, file, number)


def _of_verl(values: Mapping[str, object], file: str, number: int) -> Rollout:
    prompt, output = values.get("input"), values.get("output")
    if not isinstance(prompt, str) or not isinstance(output, str):
        raise CareDataError("no text under input and output")
    uid, gold, step = values.get("uid"), values.get("gts"), values.get("step")
    if not isinstance(step, int) or isinstance(step, bool):
        raise CareDataError("no whole number under step")
    place = _place(uid, prompt, gold, number)
    verified, source, extra = values.get("verified"), values.get("data_source"), values.get("extra_info")
    acc = values.get("acc")
    return Rollout(
        file=file,
        line=number,
        step=step,
        group=place.group,
        session=place.session,
        output_number=place.output_number,
        input=prompt,
        output=output,
        gts=gold,
        score=_number("score", values.get("score")),
        acc=None if acc is None else _number("acc", acc),
        unverified=verified is not None and _number("verified", verified) == 0,
        data_source=source if isinstance(source, str) else None,
        extra_info=extra if isinstance(extra, dict) else None,
    )


def _of_record(values: Mapping[str, object], file: str, number: int) -> Rollout:
    record = read_record(values)
    taken = record.repair if record.repair is not None and record.repair.used else None
    acc = record.acc if taken is None else 0.0  # only failures are repaired
    place = _place(record.uid, record.input, record.gts, number)
    return Rollout(
        file=file,
        line=number,
        step=record.step,
        group=record.group,
        session=place.session,
        output_number=place.output_number,
        input=record.input,
        output=record.output if taken is None else taken.failed,
        gts=record.gts,
        score=record.score if taken is None else taken.failed_score,
        acc=acc,
        unverified=acc is None,
        data_source=None if record.data is None else record.data.source,
        record=record,
    )


class _Place(NamedTuple):
    """Which rollout of which prompt a row is."""

    group: str
    session: str
    output_number: int


def _place(uid: object, prompt: str, gold: object, number: int) -> _Place:
    """Group and place in it. Without a ``uid``, rows of equal prompt and gold answer are a group."""
    if not isinstance(uid, str):
        return _Place(f"{prompt}\n{gold!r}", "", 0)
    key = _ROW_KEY.fullmatch(uid)
    if key is None:  # not verl's V1 trainers: the prompt alone
        return _Place(uid, str(number), 0)
    return _Place(key["prompt"], key["session"], int(key["output"]))


def _number(name: str, value: object) -> float:
    if not isinstance(value, int | float) or not abs(value) < 2**64 or not math.isfinite(value):
        raise CareDataError(f"no finite number under {name}")
    return float(value)


def _last_outputs(rollouts: list[Rollout], counts: ReadCounts) -> list[Rollout]:
    """Leave out the outputs of a conversation before its last, as CARE and verl's GRPO do."""
    last: dict[object, Rollout] = {}
    for rollout in rollouts:
        # Without a uid, every row is a rollout of its own.
        key = (rollout.group, rollout.session or rollout.line)
        if key not in last or rollout.output_number > last[key].output_number:
            last[key] = rollout
    counts.earlier_outputs += len(rollouts) - len(last)
    return list(last.values())
