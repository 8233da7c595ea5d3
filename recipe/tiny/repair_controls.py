# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""How often does a repair succeed, against two controls on the same failures?

    care tiny-repair --model runs/tiny_data_qwen2_5_vl

Takes failures of mixed groups and answers each again in three ways: with RGR's cue after the failed rationale, without
the cue (the failed rationale goes on), and from scratch (a fresh rollout). The requests are made by the code that the
rollout workers use, the verdicts by the verifier. The paper reports 76.6, 19.3 and 12.8%.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from recipe.care.config import RgrConfig
from recipe.care.repair.cue import CUES
from recipe.care.repair.plan import LengthLimits, RepairText, Sampled, plan_repair
from recipe.care.reward import compute_score
from recipe.tiny.dataset import read_questions
from recipe.tiny.generate import Request, Sampling, complete, prompt_ids
from recipe.tiny.models import load
from recipe.tiny.tasks import Question

if TYPE_CHECKING:
    from transformers import PreTrainedModel, ProcessorMixin

ARMS = ("cue", "no cue", "fresh")
LIMITS = LengthLimits(response=128, model=512)
Z = 1.96


@dataclass(frozen=True)
class Failure:
    """A wrong rollout of a group that has a right one too."""

    question: Question
    sampled: Sampled


@dataclass(frozen=True)
class Arm:
    """One way to answer the failures again."""

    name: str
    tried: int
    right: int

    @property
    def rate(self) -> float:
        """Share of right answers."""
        return self.right / self.tried

    @property
    def interval(self) -> tuple[float, float]:
        """95% interval of the rate (Wilson's)."""
        n, rate = self.tried, self.rate
        middle = (rate + Z**2 / (2 * n)) / (1 + Z**2 / n)
        reach = Z / (1 + Z**2 / n) * math.sqrt(rate * (1 - rate) / n + Z**2 / (4 * n**2))
        return middle - reach, middle + reach

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.name:>7}  {self.right:4d} of {self.tried:4d}  {self.rate:6.1%}  (95%: {low:.1%} to {high:.1%})"


def find_failures(
    model: PreTrainedModel, processor: ProcessorMixin, questions: Sequence[Question], samples: int, sampling: Sampling
) -> list[Failure]:
    """Sample a group for each question and take the failures of those that also hold a right answer."""
    repeated = [question for question in questions for _ in range(samples)]
    requests = [Request(prompt_ids(processor, question), question.image) for question in repeated]
    responses = complete(model, processor, requests, sampling)
    failures = []
    for start in range(0, len(repeated), samples):
        group = range(start, start + samples)
        wrong = [row for row in group if not is_right(processor, repeated[row], responses[row])]
        if len(wrong) < samples:
            failures += [Failure(repeated[row], Sampled(requests[row].ids, responses[row], None)) for row in wrong]
    return failures


def compare(
    model: PreTrainedModel, processor: ProcessorMixin, failures: Sequence[Failure], template: str, sampling: Sampling
) -> list[Arm]:
    """Answer every failure again in the three ways.

    Args:
        model: The policy.
        processor: Its processor.
        failures: What to repair.
        template: ``algorithm.care.rgr.template``.
        sampling: How to draw.

    Returns:
        One arm per entry of ``ARMS``.
    """
    tokenizer = processor.tokenizer
    text = RepairText.encode(template, tokenizer)
    silent = dataclasses.replace(text, cue_ids=())
    arms = []
    for number, name in enumerate(ARMS):
        requests, openings = [], []
        for failure in failures:
            plan = plan_repair(failure.sampled, silent if name == "no cue" else text, tokenizer, RgrConfig(), LIMITS)
            if plan is None:
                continue
            fresh = name == "fresh"
            requests.append(Request(failure.sampled.prompt_ids if fresh else plan.request_ids, failure.question.image))
            openings.append([] if fresh else plan.prefix.response_ids)
        # Draws of their own: with the same noise a fresh rollout would repeat the failure it is compared with.
        drawn = complete(model, processor, requests, dataclasses.replace(sampling, seed=sampling.seed + 1 + number))
        rows = [[*opening, *ids] for opening, ids in zip(openings, drawn, strict=True)]
        right = sum(is_right(processor, one.question, ids) for one, ids in zip(failures, rows, strict=True))
        arms.append(Arm(name, len(rows), right))
    return arms


def is_right(processor: ProcessorMixin, question: Question, response_ids: Sequence[int]) -> bool:
    """The verifier's verdict on a response."""
    response = processor.tokenizer.decode(response_ids, skip_special_tokens=True)
    extra = {"answer_type": question.answer_type, "options": list(question.options), "question": question.question}
    return compute_score("tiny_repair", response, question.answer, extra)["acc"] == 1.0


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line; see ``--help``."""
    parser = _parser()
    options = parser.parse_args(argv)
    data = options.model / "data" / "train.parquet"
    absent = next((one for one in (options.model / "model" / "config.json", data) if not one.is_file()), None)
    if absent is not None:
        parser.error(f"--model {options.model}: there is no {absent}. care tiny-prepare makes such folders")
    torch.set_num_threads(options.threads)
    model, processor = load(options.model / "model")
    questions = read_questions(data)[: options.prompts]
    sampling = Sampling(temperature=1.0, max_tokens=64, seed=options.seed)
    failures = find_failures(model, processor, questions, options.samples, sampling)
    if not failures:
        raise SystemExit(f"no mixed group among {options.prompts} prompts; raise --prompts")
    print(f"{len(failures)} failures in mixed groups of {options.prompts} prompts x {options.samples} samples")
    arms = compare(model, processor, failures, options.template, sampling)
    print("\n".join(map(str, arms)))
    if options.out:
        records = [{**dataclasses.asdict(arm), "rate": arm.rate, "interval": arm.interval} for arm in arms]
        options.out.write_text(json.dumps(records, indent=2) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="care tiny-repair",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", type=Path, required=True, help="folder made by recipe.tiny.prepare")
    parser.add_argument("--prompts", type=int, default=64, help="training prompts (default: %(default)s)")
    parser.add_argument("--samples", type=int, default=8, help="rollouts per prompt (default: %(default)s)")
    parser.add_argument("--template", default="plain", help=f"{', '.join(CUES)} or a text (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the draws (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="also write the table here, as JSON")
    return parser


if __name__ == "__main__":
    main()
