# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The group of a prompt while its rollouts settle, and which of its failures are repaired."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from recipe.care.config import CareConfig
from recipe.care.repair.joint import natural_joint
from recipe.care.repair.plan import (
    EncodingTokenizer,
    LengthLimits,
    RepairedRow,
    RepairPlan,
    RepairText,
    Sampled,
    failures_to_repair,
    plan_repair,
)
from recipe.care.text.token_bytes import token_bytes
from verl_ext.step.rollouts import place_in_group
from verl_ext.step.verdicts import Verdict, read_verdict

if TYPE_CHECKING:
    from verl.experimental.agent_loop import AgentLoopOutput


def verdict_of(output: AgentLoopOutput, positive_threshold: float | None) -> Verdict:
    """What the reward function says of a scored output."""
    extra = cast(Mapping[str, object], output.extra_fields["reward_extra_info"])
    return read_verdict(extra, positive_threshold, cast(float, output.reward_score))


@dataclass(frozen=True, eq=False)
class Sibling:
    """One scored rollout of a group.

    Attributes:
        key: Its key in TransferQueue.
        output: What the agent loop returned, scored.
        row_kwargs: The dataset's fields of the row, which the reward function is given too.
        request_id: What the rollout was routed by, so that its repair lands on the server that holds its prefix.
    """

    key: str
    output: AgentLoopOutput
    row_kwargs: Mapping[str, object]
    request_id: str

    @property
    def sampled(self) -> Sampled:
        """Its tokens."""
        return Sampled(self.output.prompt_ids, self.output.response_ids, self.output.response_logprobs)

    @property
    def is_single_turn(self) -> bool:
        """Whether the policy wrote the whole response; repairs of tool calls are not defined."""
        return bool(self.output.response_ids) and all(self.output.response_mask)


@dataclass
class Group:
    """The rollouts of one training prompt; it lives as long as the task that runs them."""

    size: int
    sampling_params: Mapping[str, object]
    siblings: list[Sibling] = field(default_factory=list)
    _settled: int = 0

    def add(self, sibling: Sibling) -> None:
        """Remember a scored rollout. Those whose agent loop added no images share the prompt's, which saves memory."""
        first = next((one for one in self.siblings if one.is_single_turn), None)
        if first is not None and sibling.is_single_turn:
            sibling.output.multi_modal_data = first.output.multi_modal_data
        self.siblings.append(sibling)

    def settle(self) -> bool:
        """Count a rollout that was scored or has failed; True for the last one."""
        self._settled += 1
        return self._settled == self.size


@dataclass(frozen=True, eq=False)
class Picker:
    """Picks the failures to repair in each group."""

    care: CareConfig
    tokenizer: EncodingTokenizer
    text: RepairText
    limits: LengthLimits

    @classmethod
    def build(cls, care: CareConfig, tokenizer: EncodingTokenizer, limits: LengthLimits) -> Picker:
        """Encode the cue and read the tokenizer's table, before the first group needs them."""
        token_bytes(tokenizer)
        return cls(care, tokenizer, RepairText.encode(care.rgr.template, tokenizer), limits)

    def candidates(self, siblings: list[Sibling]) -> list[tuple[Sibling, RepairPlan | None]]:
        """The failures of a group to repair: the likest to the anchor, up to ``rgr.candidates`` that have room.

        Args:
            siblings: The scored rollouts. Nothing is done without a failure, in groups ``rgr.groups`` leaves out, and
                where ``rgr.fill_to`` has nothing to fill.

        Returns:
            Up to ``rgr.candidates`` with a plan, in the order of their rank; failures passed over for want of room are
            among them, without one.
        """
        positives: list[Sibling] = []
        failures: list[Sibling] = []
        # Scored concurrently, so they come in any order; keys restore the batch's.
        for sibling in sorted(siblings, key=lambda one: place_in_group(one.key)):
            verdict = verdict_of(sibling.output, self.care.positive_threshold)
            if sibling.is_single_turn and verdict.left_out is None:
                (positives if verdict.acc > 0.5 else failures).append(sibling)
        order, wanted = failures_to_repair(
            [one.sampled for one in positives], [one.sampled for one in failures], self.tokenizer, self.care
        )
        picked: list[tuple[Sibling, RepairPlan | None]] = []
        for position in order:
            if wanted == 0:
                break
            plan = plan_repair(failures[position].sampled, self.text, self.tokenizer, self.care.rgr, self.limits)
            picked.append((failures[position], plan))
            wanted -= plan is not None
        return picked

    def row(self, plan: RepairPlan, continuation_ids: Sequence[int], log_probs: Sequence[float] | None) -> RepairedRow:
        """The row that the answer to ``plan`` trains; ``continue`` has the very tokens it was asked with before it."""
        joined = plan.row(continuation_ids, log_probs)
        if self.care.rgr.target == "continue":
            return joined
        return natural_joint(joined, len(plan.prefix.response_ids), self.tokenizer)
