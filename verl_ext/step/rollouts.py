# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Read a step's rollouts from TransferQueue, and write fields back. The only module of the trainer side that knows it.

verl's data plane may change (verl#6988); everything else works on the plain tensors of ``Rollouts``, and names what
verl hands around ``Batch``: keys, a tag for each, and the settings of the next pass (``extra_info``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, cast

import torch
import transfer_queue as tq
from tensordict import TensorDict

from verl_ext.repair.record import SCORED
from verl_ext.step.verdicts import LeftOut, Verdict, read_verdict

Batch: TypeAlias = tq.KVBatchMeta
Tag: TypeAlias = Mapping[str, object]
PASS_FIELDS = ("old_log_probs", "think_embeddings")
"""What the log-prob pass writes, of which CARE reads."""
COLOCATED_EXTRAS = ("score", "acc", "verified")
"""What CARE reads of the fields a colocated reward model writes. Others leave a dict in ``extra_fields``, which goes
first: a dataset may have columns of these names, and verl makes fields of them too."""


@dataclass(frozen=True)
class Rollouts:
    """The rows of one step, in the order of the batch's keys. B rows, T columns, H hidden.

    Attributes:
        keys: TransferQueue keys, ``{prompt}_{session}_{output}``.
        group: Prompt of each row.
        response_ids: (B, T) sampled tokens, right-padded with 0.
        response_mask: (B, T) 1 where the policy wrote the token.
        response_len: (B,) int64 tokens of the response, also those that the policy did not write.
        rewards: (B,) the reward function's score.
        acc: (B,) 1.0 for a verified-correct row; 0.0 where there is no verdict.
        left_out: Why a row takes no part, or None.
        session_row: (B,) row that carries the session's verdict: itself, or a later output of the same session.
        old_logp: (B, T) log-probabilities under the policy that is about to be updated, or None before that pass.
        think_embeddings: (B, H), or None when nobody asked for them.
    """

    keys: Sequence[str]
    group: Sequence[str]
    response_ids: torch.Tensor
    response_mask: torch.Tensor
    response_len: torch.Tensor
    rewards: torch.Tensor
    acc: torch.Tensor
    left_out: Sequence[LeftOut | None]
    session_row: torch.Tensor
    old_logp: torch.Tensor | None
    think_embeddings: torch.Tensor | None

    @property
    def valid(self) -> torch.Tensor:
        """(B,) True for rows that take part."""
        return torch.tensor([reason is None for reason in self.left_out], dtype=torch.bool)

    @property
    def session_order(self) -> torch.Tensor:
        """(B,) int64 rows sorted by session and output within it, whatever order verl's balancing left them in.

        CARE breaks ties by row order, and two ranks balance a batch otherwise than one does.
        """
        return torch.tensor(sorted(range(len(self.keys)), key=lambda row: place_in_group(self.keys[row])))


def write_response_field(batch: Batch, name: str, values_BT: torch.Tensor, lengths_B: torch.Tensor) -> None:
    """Store (B, T) ``values_BT`` as a field, of each row as many values as its response has tokens."""
    jagged = torch.nested.as_nested_tensor(
        [row[:length] for row, length in zip(values_BT, lengths_B.tolist(), strict=True)], layout=torch.jagged
    )
    fields = TensorDict({name: jagged}, batch_size=len(batch))
    tq.kv_batch_put(keys=batch.keys, partition_id=batch.partition_id, fields=fields)


def read_extra_fields(batch: Batch) -> list[dict[str, object]]:
    """Fetch what each row carries besides its tensors."""
    return [dict(fields) for fields in read_objects(batch, "extra_fields")]


def read_objects(batch: Batch, field: str) -> list[Any]:
    """Fetch a field that holds no tensors, a value per row."""
    data = tq.kv_batch_get(keys=batch.keys, partition_id=batch.partition_id, select_fields=[field])
    return [getattr(value, "data", value) for value in data[field]]


@dataclass(frozen=True, eq=False)
class Prompt:
    """What the training file has of a prompt, and the prompt itself.

    Attributes:
        ids: Its tokens as the policy saw them.
        ground_truth: The gold answer.
        data_source: Where the row comes from.
        extra_info: What else its row has.
    """

    ids: torch.Tensor
    ground_truth: object
    data_source: object
    extra_info: Mapping[str, object]


def read_prompts(batch: Batch) -> list[Prompt]:
    """Fetch the prompt of each row."""
    names = ("reward_model", "data_source", "extra_info")
    data = tq.kv_batch_get(keys=batch.keys, partition_id=batch.partition_id, select_fields=["prompts", *names])
    columns = {
        name: [getattr(value, "data", value) for value in data[name]] if name in data else [None] * len(batch)
        for name in names
    }
    return [
        Prompt(ids, (of_model or {}).get("ground_truth"), source, extra or {})
        for ids, of_model, source, extra in zip(data["prompts"].unbind(), *columns.values(), strict=True)
    ]


def read_reward_extras(batch: Batch) -> list[Mapping[str, object]]:
    """Fetch what the reward function said of each row besides the score."""
    fields = ["extra_fields", *COLOCATED_EXTRAS]
    return _reward_extras(tq.kv_batch_get(keys=batch.keys, partition_id=batch.partition_id, select_fields=fields))


def read_rows(batch: Batch, field: str) -> list[torch.Tensor]:
    """Fetch one field as a tensor per row, each of its own length."""
    data = tq.kv_batch_get(keys=batch.keys, partition_id=batch.partition_id, select_fields=[field])
    return list(data[field].unbind())


def read_padded(batch: Batch, field: str) -> torch.Tensor:
    """Fetch one field of the responses as (B, T), padded with 0."""
    data = tq.kv_batch_get(keys=batch.keys, partition_id=batch.partition_id, select_fields=[field])
    return _padded(data[field])


def write_rows(
    batch: Batch, keys: Sequence[str], fields: Sequence[Mapping[str, object]], tags: Sequence[Tag] | None = None
) -> None:
    """Overwrite the named fields, and tags if given, of some rows; ``batch`` learns of the tags too.

    Args:
        batch: The step's rows.
        keys: The rows to write.
        fields: The same fields for each of them.
        tags: What to change in the tags of each of them.
    """
    from verl.utils.tensordict_utils import list_of_dict_to_tensordict

    if not keys:
        return
    place = {key: row for row, key in enumerate(batch.keys)}
    if tags is not None:
        for key, changed in zip(keys, tags, strict=True):
            batch.tags[place[key]].update(changed)
    tq.kv_batch_put(
        keys=list(keys),
        partition_id=batch.partition_id,
        fields=list_of_dict_to_tensordict([dict(row) for row in fields]),
        tags=None if tags is None else [batch.tags[place[key]] for key in keys],
    )


def read_rollouts(batch: Batch, positive_threshold: float | None) -> Rollouts:
    """Fetch what CARE needs of ``batch``, before the log-prob pass or after it.

    Args:
        batch: The step's rows, padding rows included.
        positive_threshold: Score from which a bare-float reward counts as correct; None insists on ``acc``.
    """
    fields = ["responses", "response_mask", "rm_scores", *PASS_FIELDS, "extra_fields", *COLOCATED_EXTRAS]
    data = tq.kv_batch_get(keys=batch.keys, partition_id=batch.partition_id, select_fields=fields)
    mask_BT = _padded(data["response_mask"])
    rewards_B = _padded(data["rm_scores"]).sum(dim=-1).float()
    prompts, session_row_B = _sessions(batch.keys)
    old_logp_BT, embeddings_BH = _of_the_pass(data)
    verdicts = _verdicts(data, batch.tags, mask_BT, rewards_B, session_row_B, positive_threshold)
    return Rollouts(
        keys=list(batch.keys),
        group=prompts,
        response_ids=_padded(data["responses"]),
        response_mask=mask_BT,
        response_len=data["responses"].offsets().diff().cpu(),
        rewards=rewards_B,
        acc=torch.tensor([verdict.acc for verdict in verdicts], dtype=torch.float32),
        left_out=[verdict.left_out for verdict in verdicts],
        session_row=session_row_B,
        old_logp=old_logp_BT,
        think_embeddings=embeddings_BH,
    )


def read_log_probs(batch: Batch, rollouts: Rollouts) -> Rollouts:
    """``rollouts``, read before the log-prob pass, with what that pass has written."""
    data = tq.kv_batch_get(keys=batch.keys, partition_id=batch.partition_id, select_fields=list(PASS_FIELDS))
    old_logp_BT, embeddings_BH = _of_the_pass(data)
    return replace(rollouts, old_logp=old_logp_BT, think_embeddings=embeddings_BH)


@dataclass(frozen=True)
class ScoredRow:
    """What the reward function made of one row.

    Attributes:
        key: TransferQueue key.
        group: Prompt of the row.
        reward: Its score.
        extras: What the reward function returned besides.
    """

    key: str
    group: str
    reward: float
    extras: Mapping[str, object]


def read_scored_rows(batch: Batch) -> list[ScoredRow]:
    """The rows of a step with their rewards, whatever the estimator; without padding and earlier outputs."""
    fields = ["rm_scores", "extra_fields", *COLOCATED_EXTRAS]
    data = tq.kv_batch_get(keys=batch.keys, partition_id=batch.partition_id, select_fields=fields)
    rewards = _padded(data["rm_scores"]).sum(dim=-1).tolist()
    extras = _reward_extras(data)
    prompts, session_row_B = _sessions(batch.keys)
    last = session_row_B.tolist()
    return [
        ScoredRow(key, prompts[row], rewards[row], extras[row])
        for row, key in enumerate(batch.keys)
        if last[row] == row and not batch.tags[row].get("is_padding", False)
    ]


def _of_the_pass(data: TensorDict) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """Log-probabilities (B, T) and embeddings (B, H), where they have been written."""
    old_logp_BT = _padded(data["old_log_probs"]) if "old_log_probs" in data else None
    embeddings_BH = torch.stack(list(data["think_embeddings"].unbind())) if "think_embeddings" in data else None
    return old_logp_BT, embeddings_BH


def _padded(jagged: torch.Tensor) -> torch.Tensor:
    return torch.nested.to_padded_tensor(jagged, padding=0)


def place_in_group(key: str) -> tuple[int, int]:
    """Session and output of a key, by which the rows of a prompt are ordered."""
    _, session, output = key.rsplit("_", 2)
    return int(session), int(output)


def _sessions(keys: Sequence[str]) -> tuple[list[str], torch.Tensor]:
    """Split the keys; an agent loop may emit several outputs per session, of which the last carries the verdict."""
    prompts: list[str] = []
    last_output: dict[tuple[str, str], tuple[int, int]] = {}
    for row, key in enumerate(keys):
        prompt, session, output = key.rsplit("_", 2)
        prompts.append(prompt)
        candidate = (int(output), row)
        last_output[prompt, session] = max(candidate, last_output.get((prompt, session), candidate))
    session_rows = [last_output[tuple(key.rsplit("_", 2)[:2])][1] for key in keys]  # type: ignore[index]
    return prompts, torch.tensor(session_rows, dtype=torch.int64)


def _verdicts(
    data: TensorDict,
    tags: Sequence[Tag],
    mask_BT: torch.Tensor,
    rewards_B: torch.Tensor,
    session_row_B: torch.Tensor,
    positive_threshold: float | None,
) -> list[Verdict]:
    extras = _reward_extras(data)
    has_tokens_B = mask_BT.sum(dim=-1) > 0
    verdicts = []
    for row, tag in enumerate(tags):
        if tag.get("is_padding", False):
            verdicts.append(Verdict.without(LeftOut.PADDING))
        elif int(session_row_B[row]) != row:
            verdicts.append(Verdict.without(LeftOut.EARLIER_OUTPUT))
        elif not has_tokens_B[row]:
            verdicts.append(Verdict.without(LeftOut.EMPTY))
        else:
            verdicts.append(read_verdict(extras[row], positive_threshold, float(rewards_B[row])))
    return verdicts


def _reward_extras(data: TensorDict) -> list[Mapping[str, object]]:
    """What each row's reward function returned besides the score."""
    extra_fields = cast(list[Mapping[str, Mapping[str, object]]], list(data["extra_fields"]))
    columns = {name: list(data[name]) for name in COLOCATED_EXTRAS if name in data}
    extras = []
    for row, fields in enumerate(extra_fields):
        # A failure may show its repair's to dynamic sampling; its own verdict is what the rollout was given.
        own = fields.get(SCORED, fields.get("reward_extra_info"))
        extras.append({name: values[row] for name, values in columns.items()} if own is None else own)
    return extras
