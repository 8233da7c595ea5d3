# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The record of a rollout: what a run writes of each row, one JSON object a line, one file a step.

A record is a line of verl's own rollout dump (``input``, ``output``, ``gts``, ``score``, ``step``, ``uid``) and more,
so whatever reads those reads these. ``care_record`` holds the version of the schema: fields may be added under the same
version, and readers skip those that they do not know. What a field means is said in the dataclasses below.
"""

from __future__ import annotations

import base64
import dataclasses
import functools
import json
import math
import types
import typing
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch

from recipe.care.errors import CareDataError
from recipe.care.method.advantage import CareResult
from recipe.care.text.regions import Regions
from recipe.care.text.tags import Span, find_spans
from recipe.care.text.token_bytes import TokenBytes

VERSION = 1
VERSION_KEY = "care_record"
EMBEDDING_WIDTH = 128
"""Entries of a stored embedding, 344 characters a row: a small cosine distance is kept to about a sixth of itself."""


@dataclass(frozen=True)
class DataRow:
    """Where a prompt comes from. Images are not copied: they are those of this row."""

    source: str
    """``data_source`` of the training file."""
    index: int
    """``extra_info.index`` of its row."""
    split: str = ""
    """``extra_info.split``."""
    images: int = 0
    """How many images the row has."""


@dataclass(frozen=True)
class RepairRecord:
    """The repair of a failed rollout, whether or not it was used."""

    outcome: str
    """``passed``, ``failed``, or why there is no verdict (``recipe.care.repair.choose.Outcome``)."""
    used: bool
    """Whether it took part in the step in the failure's place."""
    failed: str
    """The response that was to be repaired."""
    failed_score: float
    """Its reward."""
    cue: str
    """What the policy was told after the failed rationale."""
    text: str = ""
    """The repaired response; empty where none was decoded."""
    acc: float | None = None
    """The repair's own verdict."""
    rule: str | None = None
    """The verifier's rule behind it."""


@dataclass(frozen=True)
class CreditRun:
    """Neighbouring tokens of the same advantage."""

    tokens: int
    characters: int
    """Of ``output``; the runs of a row cover it from its start."""
    advantage: float
    """Of each of the tokens. A row's add up to its advantage; those of a failed repair may have been weighed down."""


@dataclass(frozen=True)
class RolloutRecord:
    """One row of a step, as it was trained on."""

    step: int
    uid: str
    """verl's key of the row: prompt, rollout, output."""
    group: str
    """The prompt: rows of one group are rollouts of the same."""
    row: int
    """Place in the step's batch; ``anchor`` counts the same way."""
    input: str
    """The prompt as text."""
    output: str
    """The response; of a row that holds a repair, the repaired one."""
    gts: str | None
    """The gold answer."""
    score: float
    """The reward."""
    acc: float | None
    """1 right, 0 wrong; null where the verification failed or nothing was verified."""
    role: str
    """What CARE used the row for (``recipe.care.method.advantage.Role``); empty where another estimator trained it."""
    advantage: float
    format: float | None = None
    """1 where rationale and answer stand in their tags and nothing else does, else 0."""
    rule: str | None = None
    """The verifier's rule behind ``acc``."""
    anchor: int | None = None
    """Row of the anchor it is contrasted with."""
    distance: float | None = None
    """Cosine distance to the nearest anchor of its group."""
    k_prime: int = 0
    """Negatives in the subgroup of its group."""
    tokens: int | None = None
    """Response tokens."""
    think: tuple[int, int] | None = None
    """First and last + 1 character of the rationale in ``output``, tags included."""
    answer: tuple[int, int] | None = None
    """The same for the answer."""
    think_tokens: int | None = None
    """Tokens of the rationale, tags included."""
    answer_tokens: int | None = None
    """Tokens of the answer, tags included; all tokens where no answer was found."""
    credit: tuple[CreditRun, ...] = ()
    """How the advantage lies on the tokens; empty where it is 0."""
    logp: float | None = None
    """Sum of the response's log-probabilities under the policy before the update."""
    ref_logp: float | None = None
    """The same under the reference policy, where the run has one."""
    embedding: str | None = None
    """``pack_embedding`` of what selection saw, of the original rollout; null where the run did not look at it."""
    data: DataRow | None = None
    repair: RepairRecord | None = None
    """Of the rollout that was sampled in this place, if a repair of it was tried."""

    def line(self) -> str:
        """The record as JSON on one line, without what is null or empty."""
        fields = {name: value for name, value in dataclasses.asdict(self).items() if value not in (None, ())}
        if self.credit:
            fields["credit"] = [dataclasses.astuple(run) for run in self.credit]
        return json.dumps({VERSION_KEY: VERSION, **fields}, allow_nan=False)


def read_record(line: Mapping[str, object]) -> RolloutRecord:
    """Read the object of one line.

    Raises:
        CareDataError: A field is missing or has the wrong type, or the version is a newer one.
    """
    version = line.get(VERSION_KEY)
    if version != VERSION:
        raise CareDataError(f"{VERSION_KEY} is {version!r}; this version of the package reads {VERSION}")
    return _build(RolloutRecord, line)


@dataclass(frozen=True, eq=False)
class StepRows:
    """What a trainer knows of the B rows of a step once they have their advantages, in the order of the batch.

    Attributes:
        step: Number of the step.
        uids: Keys of the rows.
        groups: Prompt of each row.
        inputs: Prompts as text.
        gts: Gold answers.
        scores: Rewards.
        acc: Verdicts, None where there is none.
        formats: 1 for a response in the right format, else 0; None where nobody said.
        rules: Rule behind each verdict, if known.
        response_ids: (B, T) tokens of the responses, as trained.
        response_mask: (B, T) 1 where the policy wrote the token and is trained on it.
        token_advantages: (B, T), before they are scaled for a way to aggregate the loss.
        regions: Rationale and answer in those tokens.
        result: Roles, anchors, advantages.
        distances: (B,) cosine distance to the nearest anchor, infinite where there is none.
        logp: (B,) sums of log-probabilities under the policy before the update, or None.
        embeddings: (B, H) what selection saw, zeros for a row that it had no need to look at; or None.
        data: Row of the training file, where known.
        repairs: Row to the repair that was tried there.
        ref_logp: (B,) sums of log-probabilities under the reference, or None.
    """

    step: int
    uids: Sequence[str]
    groups: Sequence[str]
    inputs: Sequence[str]
    gts: Sequence[str | None]
    scores: Sequence[float]
    acc: Sequence[float | None]
    formats: Sequence[float | None]
    rules: Sequence[str | None]
    response_ids: torch.Tensor
    response_mask: torch.Tensor
    token_advantages: torch.Tensor
    regions: Regions
    result: CareResult
    distances: Sequence[float]
    logp: Sequence[float] | None
    embeddings: np.ndarray | None
    data: Sequence[DataRow | None]
    repairs: Mapping[int, RepairRecord]
    ref_logp: Sequence[float] | None = None


def build_records(
    step: StepRows, rows: Iterable[int], table: TokenBytes, first_row: int = 0
) -> Iterator[RolloutRecord]:
    """The records of some rows of a step: those of groups to be kept, without padding.

    Args:
        step: All rows.
        rows: Which of them.
        table: The policy's tokens (``recipe.care.text.token_bytes``), which spell the responses.
        first_row: How many rows of the step went before these, where the trainer takes it in several parts.
    """
    trained_BT = step.response_mask.cpu().numpy() != 0
    credit_BT = step.token_advantages.double().cpu().numpy()
    ids_BT = step.response_ids.cpu().numpy()
    think_B = (step.regions.think_mask.cpu().numpy() & trained_BT).sum(axis=1)
    answer_B = (step.regions.answer_mask.cpu().numpy() & trained_BT).sum(axis=1)
    short_BW = None if step.embeddings is None else project(step.embeddings)
    for row in rows:
        length = int(trained_BT[row].nonzero()[0].max(initial=-1)) + 1
        text, ends_N = table.spell(ids_BT[row, :length])
        output = text.decode(errors="replace")
        spans = find_spans(output)
        anchor, distance = int(step.result.anchor_of[row]), float(step.distances[row])
        yield RolloutRecord(
            step=step.step,
            uid=step.uids[row],
            group=step.groups[row],
            row=first_row + row,
            input=step.inputs[row],
            output=output,
            gts=step.gts[row],
            score=float(step.scores[row]),
            acc=step.acc[row],
            format=step.formats[row],
            rule=step.rules[row],
            role=str(step.result.role[row]),
            anchor=first_row + anchor if anchor >= 0 else None,
            distance=round(distance, 6) if math.isfinite(distance) else None,
            k_prime=int(step.result.k_prime[row]),
            advantage=float(step.result.advantages[row]),
            tokens=int(trained_BT[row].sum()),
            think=_outer(spans.rationale),
            answer=_outer(spans.answer),
            think_tokens=int(think_B[row]),
            answer_tokens=int(answer_B[row]),
            credit=credit_runs(credit_BT[row, :length], text, ends_N),
            logp=None if step.logp is None else float(step.logp[row]),
            ref_logp=None if step.ref_logp is None else float(step.ref_logp[row]),
            embedding=pack_embedding(short_BW[row]) if short_BW is not None and short_BW[row].any() else None,
            data=step.data[row],
            repair=step.repairs.get(row),
        )


def _outer(span: Span | None) -> tuple[int, int] | None:
    return None if span is None else (span.outer_start, span.outer_end)


def credit_runs(advantages_N: np.ndarray, text: bytes, ends_N: np.ndarray) -> tuple[CreditRun, ...]:
    """Join neighbouring tokens of the same advantage.

    Args:
        advantages_N: (N,) one a token.
        text: The bytes of all N tokens.
        ends_N: (N,) where each token ends in them; ``TokenBytes.spell`` returns both.

    Returns:
        Nothing where every advantage is 0.
    """
    advantages_N = np.asarray(advantages_N, dtype=np.float64)
    if not advantages_N.any():
        return ()
    # A character begins at each byte that does not continue one.
    begins = (np.frombuffer(text, dtype=np.uint8) & 0xC0) != 0x80
    before = np.concatenate([[0], np.cumsum(begins)])
    stops = [*(np.flatnonzero(np.diff(advantages_N)) + 1).tolist(), len(advantages_N)]
    runs, start, written = [], 0, 0
    for stop in stops:
        characters = int(before[ends_N[stop - 1]])
        runs.append(CreditRun(stop - start, characters - written, float(f"{advantages_N[start]:.6g}")))
        start, written = stop, characters
    return tuple(runs)


def keep_group(group: str, share: float) -> bool:
    """Whether a group is among the ``share`` that is recorded; the same groups in every process and every rerun."""
    return zlib.crc32(group.encode(errors="surrogatepass")) < share * 2**32


def project(embeddings_BH: np.ndarray, width: int = EMBEDDING_WIDTH) -> np.ndarray:
    """Shorten embeddings by random signs, the same in every run: (B, width) float32. Short ones stay as they are."""
    if embeddings_BH.shape[1] <= width:
        return np.asarray(embeddings_BH, dtype=np.float32)
    signs_HW = np.random.default_rng(0).integers(0, 2, (embeddings_BH.shape[1], width), dtype=np.int8) * 2 - 1
    return np.asarray(embeddings_BH, dtype=np.float32) @ signs_HW.astype(np.float32)


def pack_embedding(vector_W: np.ndarray) -> str:
    """A vector as base64 of half floats, at unit length."""
    vector_W = np.asarray(vector_W, dtype=np.float64)
    unit_W = vector_W / max(float(np.linalg.norm(vector_W)), 1e-12)
    return base64.b64encode(unit_W.astype("<f2").tobytes()).decode()


def unpack_embedding(packed: str) -> np.ndarray:
    """(W,) float32, of what ``pack_embedding`` made.

    Raises:
        CareDataError: The text is not such a vector.
    """
    try:
        vector_W = np.frombuffer(base64.b64decode(packed, validate=True), dtype="<f2").astype(np.float32)
    except ValueError as error:
        raise CareDataError(f"embedding: not base64 of half floats ({error})") from error
    if not len(vector_W) or not np.isfinite(vector_W).all():
        raise CareDataError("embedding: empty or not finite")
    return vector_W


_Record = TypeVar("_Record")


def _build(kind: type[_Record], values: object, where: str = "") -> _Record:
    if not isinstance(values, Mapping):
        raise CareDataError(f"{where or 'record'}: not an object")
    hints = _hints(typing.cast(typing.Hashable, kind))
    given: dict[str, object] = {}
    for field in dataclasses.fields(typing.cast(typing.Any, kind)):
        name = f"{where}.{field.name}" if where else field.name
        if field.name in values:
            given[field.name] = _typed(values[field.name], hints[field.name], name)
        elif field.default is dataclasses.MISSING and not _optional(hints[field.name]):
            raise CareDataError(f"{name}: missing")
        elif field.default is dataclasses.MISSING:
            given[field.name] = None
    return kind(**given)


@functools.cache
def _hints(kind: typing.Hashable) -> dict[str, object]:
    return typing.get_type_hints(kind)


def _optional(hint: object) -> bool:
    return type(None) in typing.get_args(hint)


def _typed(value: object, hint: object, name: str) -> object:
    """Check one value against a field's annotation."""
    if isinstance(hint, types.UnionType):
        if value is None:
            return None
        (hint,) = (kind for kind in typing.get_args(hint) if kind is not type(None))
    if dataclasses.is_dataclass(hint):
        return _build(typing.cast(type, hint), value, name)
    if typing.get_origin(hint) is tuple:
        return _sequence(value, typing.get_args(hint), name)
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    if hint in (int, str, bool) and type(value) is hint:
        return value
    raise CareDataError(f"{name}: {value!r:.60} is no {getattr(hint, '__name__', hint)}")


def _sequence(value: object, kinds: Sequence[object], name: str) -> tuple[object, ...]:
    if not isinstance(value, list):
        raise CareDataError(f"{name}: not a list")
    if kinds[-1] is Ellipsis:
        return tuple(_run(one, name) for one in value)
    if len(value) != len(kinds):
        raise CareDataError(f"{name}: {len(value)} entries in place of {len(kinds)}")
    return tuple(_typed(one, kind, name) for one, kind in zip(value, kinds, strict=True))


def _run(value: object, name: str) -> CreditRun:
    fields = [field.name for field in dataclasses.fields(CreditRun)]
    if not isinstance(value, list) or len(value) != len(fields):
        raise CareDataError(f"{name}: a run is a list of {', '.join(fields)}")
    return _build(CreditRun, dict(zip(fields, value, strict=True)), name)
