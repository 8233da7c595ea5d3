# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""A whole CARE loop in one file: ``recipe.care`` around Hugging Face's ``generate``, without verl, Ray or vLLM.

    care tiny-prepare --out runs/count_add
    python examples/care_loop.py --start runs/count_add
    python examples/care_loop.py --start runs/count_add --method grpo
    python examples/care_loop.py --start runs/count_add preset=best rgr.groups=failed     # algorithm.care, dotted

A step reads like the method: rollouts -> verdicts -> selection -> repairs -> advantages -> tokens -> update.
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import torch
from omegaconf import OmegaConf

from recipe.care.config import CareConfig
from recipe.care.method.advantage import CareResult, care_advantages
from recipe.care.method.credit import token_advantages
from recipe.care.method.off_policy import importance_weights, weigh_failed_repairs
from recipe.care.repair.choose import Outcome, RepairReport, choose_representatives
from recipe.care.repair.joint import natural_joint
from recipe.care.repair.plan import LengthLimits, RepairText, Sampled, failures_to_repair, plan_repair
from recipe.care.reward import compute_score
from recipe.care.text.regions import Regions, find_regions
from recipe.tiny.dataset import read_questions
from recipe.tiny.generate import Request, Sampling, complete, evaluate, prompt_ids
from recipe.tiny.models import load
from recipe.tiny.tasks import Question

if TYPE_CHECKING:
    from transformers import PreTrainedModel

PROMPTS, GROUP, LOOK_EVERY = 16, 8, 20
LIMITS = LengthLimits(response=96, model=512)
Asked = tuple[Sequence[int], Question]


@dataclass(frozen=True, eq=False)
class Row:
    """A response to a question, with its verdict. ``trained`` is 1 for the tokens that the policy wrote."""

    question: Question
    prompt: list[int]
    ids: list[int]
    trained: list[int]
    reward: float
    acc: float


@dataclass(frozen=True, eq=False)
class Reading:
    """What a forward pass says of B rows: (B, T) mask and log-probabilities, (B, H) mean states, and their regions."""

    mask: torch.Tensor
    logp: torch.Tensor
    embeddings: torch.Tensor
    regions: Regions


@dataclass(frozen=True, eq=False)
class Lesson:
    """What a step trains: B rows, (B, T) token advantages, and numbers for the log."""

    rows: list[Row]
    advantages: torch.Tensor
    log: dict[str, float]


class Policy:
    """The model, its processor, and what a rollout worker and an actor do with them."""

    def __init__(self, folder: Path, learning_rate: float) -> None:
        self.model, self.processor = load(folder)
        self.tokenizer = self.processor.tokenizer
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=learning_rate, weight_decay=0.01)

    def sample(self, asked: Sequence[Asked], seed: int, temperature: float) -> list[list[int]]:
        """Go on from tokens."""
        requests = [Request(ids, question.image) for ids, question in asked]
        return complete(self.model, self.processor, requests, Sampling(temperature, LIMITS.response, seed=seed))

    def judge(self, question: Question, prompt: list[int], ids: list[int], trained: list[int]) -> Row:
        """The response with the verifier's verdict."""
        extra = {"answer_type": question.answer_type, "question": question.question, "options": list(question.options)}
        text = self.tokenizer.decode(ids, skip_special_tokens=True)
        score = compute_score(f"tiny_{question.family}", text, question.answer, extra)
        return Row(question, prompt, ids, trained, score["score"], score["acc"])

    def read(self, rows: Sequence[Row], care: CareConfig, model: PreTrainedModel | None = None) -> Reading:
        """One forward pass over the rows, by another model than the policy's if one is given."""
        whole = [torch.tensor([*row.prompt, *row.ids]) for row in rows]
        ids_BL = torch.nn.utils.rnn.pad_sequence(whole, batch_first=True, padding_value=self.tokenizer.pad_token_id)
        mask_BT = torch.nn.utils.rnn.pad_sequence([torch.tensor(row.trained) for row in rows], batch_first=True)
        first_B1 = torch.tensor([[len(row.prompt)] for row in rows])
        place_BT = (first_B1 + torch.arange(mask_BT.shape[1])).clamp(max=ids_BL.shape[1] - 1)
        output = (model or self.model)(
            input_ids=ids_BL,
            attention_mask=(torch.arange(ids_BL.shape[1]) < torch.tensor([[len(ids)] for ids in whole])).long(),
            mm_token_type_ids=(ids_BL == self.processor.image_token_id).long(),
            output_hidden_states=True,
            **self.processor.image_processor(images=[row.question.image for row in rows], return_tensors="pt"),
        )
        logp_BL = output.logits[:, :-1].log_softmax(dim=-1).gather(2, ids_BL[:, 1:, None]).squeeze(2)
        hidden_BLH, ids_BT = output.hidden_states[-1], ids_BL.gather(1, place_BT)
        hidden_BTH = hidden_BLH.gather(1, place_BT[:, :, None].expand(-1, -1, hidden_BLH.shape[2]))
        inner_BT = find_regions(ids_BT, mask_BT, self.tokenizer, include_tags=False).think_mask
        pooled_BT = torch.where(inner_BT.any(dim=1, keepdim=True), inner_BT, mask_BT != 0).float()
        mean_BH = torch.einsum("bt,bth->bh", pooled_BT, hidden_BTH) / pooled_BT.sum(dim=1, keepdim=True).clamp(min=1)
        regions = find_regions(ids_BT, mask_BT, self.tokenizer, care.regions.include_tags)
        return Reading(mask_BT, logp_BL.gather(1, place_BT - 1) * mask_BT, mean_BH, regions)


def grpo_lesson(rows: list[Row], group: list[int]) -> Lesson:
    """Rewards, normalised over the group, on every token alike; a row's token advantages add up to its own."""
    rewards: dict[int, list[float]] = {}
    for row, one in zip(rows, group, strict=True):
        rewards.setdefault(one, []).append(row.reward)
    tokens = []
    for row, one in zip(rows, group, strict=True):
        mean, deviation = fmean(rewards[one]), torch.tensor(rewards[one]).std().item()
        tokens.append(torch.full((len(row.ids),), (row.reward - mean) / (deviation + 1e-6) / len(row.ids)))
    return Lesson(rows, torch.nn.utils.rnn.pad_sequence(tokens, batch_first=True), {})


@torch.no_grad()
def care_lesson(policy: Policy, rows: list[Row], group: list[int], care: CareConfig, seed: int) -> Lesson:
    """One step of CARE: select, repair, select again with the repairs in place, and spread the advantages."""
    before = policy.read(rows, care)
    selection = select(rows, group, before, care, torch.zeros(len(rows), dtype=torch.bool))
    reports, repairs = repair(policy, rows, group, before, care, seed) if care.rgr.enable else ([None] * len(rows), {})
    acc = [row.acc for row in rows]
    chosen = choose_representatives(selection, acc, group, reports, care.rgr).rows
    replaced = [row for row in chosen if repairs[row][0].acc > 0.5 or care.rgr.on_fail == "reflected"]
    now = [repairs[number][0] if number in replaced else row for number, row in enumerate(rows)]
    after = policy.read(now, care) if replaced else before
    # Where the rollouts had an anchor, the selection that chose the repairs stands: it looks at what it saw then.
    mixed = {one for one, row in zip(group, rows, strict=True) if row.acc > 0.5}
    stands_B = torch.tensor([one in mixed for one in group])
    think_len = torch.where(stands_B, before.regions.think_len, after.regions.think_len)
    answer_len = torch.where(stands_B, before.regions.answer_len, after.regions.answer_len)
    lengths = Regions(after.regions.think_mask, after.regions.answer_mask, think_len, answer_len)
    repaired_B = torch.tensor([number in chosen for number in range(len(rows))])
    selection = select(now, group, Reading(after.mask, after.logp, before.embeddings, lengths), care, repaired_B)
    acc_B = torch.tensor([row.acc for row in now])
    tokens_BT = token_advantages(selection.advantages, after.mask, after.regions, acc_B, care)
    apart = {row: (after.logp[row, : len(repairs[row][1])], repairs[row][1]) for row in replaced}
    if care.rgr.importance == "truncated":
        tokens_BT = weigh_failed_repairs(tokens_BT, {row: importance_weights(*pair) for row, pair in apart.items()})
    outcomes = [one.outcome for one in reports if one is not None]
    log = {"repairs": float(len(outcomes)), "pass_rate": outcomes.count(Outcome.PASSED) / max(1, len(outcomes))}
    if apart:
        log["mismatch"] = torch.cat([(old - sampled).abs() for old, sampled in apart.values()]).mean().item()
    return Lesson(now, tokens_BT, log)


def select(rows: list[Row], group: list[int], seen: Reading, care: CareConfig, repaired_B: torch.Tensor) -> CareResult:
    """Anchors, hard negatives, advantages."""
    total_B = seen.logp.sum(dim=1)
    return care_advantages(
        acc=[row.acc for row in rows],
        rewards=[row.reward for row in rows],
        group=group,
        think_len=seen.regions.think_len,
        answer_len=seen.regions.answer_len,
        embeddings=seen.embeddings,
        seq_logp=total_B if care.rescue.logp == "sum" else total_B / seen.mask.sum(dim=1).clamp(min=1),
        config=care,
        repaired=repaired_B,
    )


def repair(
    policy: Policy, rows: list[Row], group: list[int], reading: Reading, care: CareConfig, seed: int
) -> tuple[list[RepairReport | None], dict[int, tuple[Row, torch.Tensor]]]:
    """Let the policy repair some failures of each group.

    Returns:
        A report per row, None where nothing was tried, and the repaired rows with their sampled log-probabilities.
    """
    text = RepairText.encode(care.rgr.template, policy.tokenizer)
    sampled = [Sampled(row.prompt, row.ids, reading.logp[n, : len(row.ids)].tolist()) for n, row in enumerate(rows)]
    picked = []
    for one in dict.fromkeys(group):
        members = [number for number, other in enumerate(group) if other == one]
        right, wrong = ([n for n in members if (rows[n].acc > 0.5) == passed] for passed in (True, False))
        order, most = failures_to_repair(
            [sampled[n] for n in right], [sampled[n] for n in wrong], policy.tokenizer, care
        )
        for rank, position in enumerate(order[:most]):
            plan = plan_repair(sampled[wrong[position]], text, policy.tokenizer, care.rgr, LIMITS)
            if plan is not None:
                picked.append((wrong[position], rank, plan))
    reports: list[RepairReport | None] = [None] * len(rows)
    if not picked:
        return reports, {}
    repairs = {}
    asked = [(plan.request_ids, rows[number].question) for number, _, plan in picked]
    written = policy.sample(asked, seed, 1.0 if care.rgr.temperature is None else care.rgr.temperature)
    as_asked = [Row(q, list(ids), new, [1] * len(new), 0.0, 0.0) for (ids, q), new in zip(asked, written, strict=True)]
    logp_NT = policy.read(as_asked, care).logp
    for (number, rank, plan), new, logp_T in zip(picked, written, logp_NT, strict=True):
        row = plan.row(new, logp_T[: len(new)].tolist())
        if care.rgr.target == "rewrite":
            row = natural_joint(row, len(plan.prefix.response_ids), policy.tokenizer)
        judged = policy.judge(rows[number].question, rows[number].prompt, row.response_ids, row.response_mask)
        outcome = Outcome.PASSED if judged.acc > 0.5 else Outcome.FAILED
        reports[number] = RepairReport(outcome, rank, len(new), 0.0, 0.0, 0.0)
        repairs[number] = (judged, torch.tensor(row.log_probs))
    return reports, repairs


def update(policy: Policy, lesson: Lesson, care: CareConfig, reference: PreTrainedModel | None) -> float:
    """One optimizer step, with KL to ``reference`` (coefficient 0.01) if there is one; returns the gradient's norm."""
    live = [n for n in range(len(lesson.rows)) if reference is not None or lesson.advantages[n].any()]
    if not live:
        return 0.0
    rows = [lesson.rows[number] for number in live]
    reading = policy.read(rows, care)
    advantages_BT = lesson.advantages[live][:, : reading.logp.shape[1]]
    loss = -(advantages_BT * reading.logp).sum() / len(lesson.rows)
    if reference is not None:
        with torch.no_grad():
            reference_BT = policy.read(rows, care, reference).logp
        apart_BT = reference_BT - reading.logp
        loss = loss + 0.01 * ((apart_BT.exp() - apart_BT - 1).sum(dim=1) / reading.mask.sum(dim=1)).mean()
    policy.optimizer.zero_grad()
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(policy.model.parameters(), 1.0)
    policy.optimizer.step()
    return norm.item()


def train(options: argparse.Namespace) -> Iterator[dict[str, float]]:
    """Take one step after another; yields what is worth knowing of each."""
    care = CareConfig.of_run(OmegaConf.from_dotlist(options.settings))
    policy, draw = Policy(options.start / "model", options.learning_rate), random.Random(options.seed)
    reference = copy.deepcopy(policy.model) if options.kl else None
    questions, held_out = (read_questions(options.start / "data" / f"{name}.parquet") for name in ("train", "val"))
    group = [prompt for prompt in range(PROMPTS) for _ in range(GROUP)]
    for step in range(1, options.steps + 1):
        began, seed = time.monotonic(), 2 * (options.seed * 1_000_003 + step)
        drawn = [(prompt_ids(policy.processor, question), question) for question in draw.sample(questions, PROMPTS)]
        asked = [drawn[prompt] for prompt in group]
        written = policy.sample(asked, seed, temperature=1.0)
        rows = [policy.judge(q, prompt, ids, [1] * len(ids)) for (prompt, q), ids in zip(asked, written, strict=True)]
        is_care = options.method == "care"
        lesson = care_lesson(policy, rows, group, care, seed + 1) if is_care else grpo_lesson(rows, group)
        norm = update(policy, lesson, care, reference)
        log = {"step": step, "acc": fmean(row.acc for row in rows), "length": fmean(len(row.ids) for row in rows)}
        if step % LOOK_EVERY == 0 or step == options.steps:
            log["greedy"] = evaluate(policy.model, policy.processor, held_out)
        yield log | {"grad_norm": norm, **lesson.log, "seconds": time.monotonic() - began}


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--start", type=Path, required=True, help="folder that recipe.tiny.prepare has filled")
    parser.add_argument("--method", choices=("care", "grpo"), default="care", help="default: %(default)s")
    parser.add_argument("--steps", type=int, default=60, help="updates (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of prompts and sampling")
    parser.add_argument("--learning-rate", type=float, default=1e-4, help="default: %(default)s; mixed needs 5e-5")
    parser.add_argument("--kl", action="store_true", help="KL to the model of the start, coefficient 0.01")
    parser.add_argument("--out", type=Path, default=Path("runs/loop.jsonl"), help="default: %(default)s")
    parser.add_argument("settings", nargs="*", help="algorithm.care, dotted: preset=best rgr.enable=false")
    options = parser.parse_args(arguments)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with open(options.out, "w") as out:
        for log in train(options):
            print(json.dumps(log), file=out, flush=True)
            if log["step"] % 10 == 0 or log["step"] == options.steps:
                print("  ".join(f"{name} {value:.3g}" for name, value in log.items()), flush=True)


if __name__ == "__main__":
    main()
