# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Batched generation and exact-match accuracy outside verl: quick and plain, for the warm start and for tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from PIL import Image

from recipe.tiny.prompts import answered_correctly, chat
from recipe.tiny.tasks import Question

if TYPE_CHECKING:
    from transformers import PreTrainedModel, ProcessorMixin


@dataclass(frozen=True)
class Sampling:
    """How responses are drawn."""

    temperature: float = 0.0
    """0 is greedy; above 0, plain sampling from the whole vocabulary, as verl's rollouts do."""
    max_tokens: int = 40
    """Longest response; a count_add response has about 23 tokens."""
    batch_size: int = 256
    """Questions answered at a time."""
    seed: int = 0
    """Seed of the draws."""


GREEDY = Sampling()


@dataclass(frozen=True)
class GroupReport:
    """What a group-relative method would see: how the samples of one prompt agree."""

    mixed: float
    """Share of prompts with both right and wrong samples: the groups that carry a signal."""
    all_wrong: float
    """Share of prompts whose samples are all wrong."""
    all_right: float
    """Share of prompts whose samples are all right."""
    accuracy: float
    """Share of right samples."""

    def __str__(self) -> str:
        return (
            f"{self.mixed:.0%} mixed, {self.all_wrong:.0%} all wrong, {self.all_right:.0%} all right "
            f"(accuracy {self.accuracy:.2f})"
        )


def respond(
    model: PreTrainedModel, processor: ProcessorMixin, questions: Sequence[Question], sampling: Sampling = GREEDY
) -> list[str]:
    """Answer every question once.

    Args:
        model: A model of ``recipe.tiny.models``.
        processor: Its processor.
        questions: N questions.
        sampling: How to draw.

    Returns:
        N responses, without special tokens.
    """
    responses: list[str] = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(sampling.seed)
        for start in range(0, len(questions), sampling.batch_size):
            responses += _respond(model, processor, questions[start : start + sampling.batch_size], sampling)
    return responses


@torch.no_grad()
def _respond(
    model: PreTrainedModel, processor: ProcessorMixin, questions: Sequence[Question], sampling: Sampling
) -> list[str]:
    prompts = [processor.apply_chat_template(chat(q), tokenize=False, add_generation_prompt=True) for q in questions]
    images = [question.image for question in questions]
    inputs = processor(text=prompts, images=images, padding=True, padding_side="left", return_tensors="pt")
    output = model.generate(**inputs, **_drawing(processor, sampling))
    return processor.batch_decode(output[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)


@dataclass(frozen=True)
class Request:
    """Tokens to go on from, image tokens expanded, and the image they stand for."""

    ids: Sequence[int]
    image: Image.Image


def prompt_ids(processor: ProcessorMixin, question: Question) -> list[int]:
    """The prompt as the model sees it."""
    prompt = processor.apply_chat_template(chat(question), tokenize=False, add_generation_prompt=True)
    return list(processor(text=[prompt], images=[question.image])["input_ids"][0])


def complete(
    model: PreTrainedModel, processor: ProcessorMixin, requests: Sequence[Request], sampling: Sampling
) -> list[list[int]]:
    """Go on from tokens: tokens in, tokens out, as a rollout server does.

    Args:
        model: A model of ``recipe.tiny.models``.
        processor: Its processor.
        requests: N requests.
        sampling: How to draw.

    Returns:
        N continuations, each up to and with its end-of-turn token.
    """
    continuations: list[list[int]] = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(sampling.seed)
        for start in range(0, len(requests), sampling.batch_size):
            continuations += _complete(model, processor, requests[start : start + sampling.batch_size], sampling)
    return continuations


@torch.no_grad()
def _complete(
    model: PreTrainedModel, processor: ProcessorMixin, requests: Sequence[Request], sampling: Sampling
) -> list[list[int]]:
    width = max(len(request.ids) for request in requests)
    end = processor.tokenizer.eos_token_id
    ids_NL = torch.full((len(requests), width), processor.tokenizer.pad_token_id)
    mask_NL = torch.zeros_like(ids_NL)
    for row, request in enumerate(requests):
        ids_NL[row, width - len(request.ids) :] = torch.tensor(request.ids)
        mask_NL[row, width - len(request.ids) :] = 1
    output_NL = model.generate(
        input_ids=ids_NL,
        attention_mask=mask_NL,
        mm_token_type_ids=(ids_NL == processor.image_token_id).long(),
        **processor.image_processor(images=[request.image for request in requests], return_tensors="pt"),
        **_drawing(processor, sampling),
    )[:, width:]
    return [_up_to(row, end) for row in output_NL.tolist()]


def _up_to(ids: list[int], end: int) -> list[int]:
    return ids[: ids.index(end) + 1] if end in ids else ids


def _drawing(processor: ProcessorMixin, sampling: Sampling) -> dict[str, object]:
    draw = {"do_sample": True, "temperature": sampling.temperature, "top_k": 0, "top_p": 1.0}
    return {
        **(draw if sampling.temperature > 0 else {"do_sample": False}),
        "max_new_tokens": sampling.max_tokens,
        # A generated image token has no image behind it and breaks the next forward; verl masks them in vLLM too.
        "suppress_tokens": [processor.image_token_id, processor.video_token_id],
    }


def evaluate(
    model: PreTrainedModel, processor: ProcessorMixin, questions: Sequence[Question], sampling: Sampling = GREEDY
) -> float:
    """Share of ``questions`` answered correctly, one response each; see ``respond``."""
    responses = respond(model, processor, questions, sampling)
    return sum(map(_is_right, responses, questions)) / len(questions)


def report_groups(
    model: PreTrainedModel, processor: ProcessorMixin, questions: Sequence[Question], samples: int, sampling: Sampling
) -> GroupReport:
    """Draw ``samples`` responses to each question and count how many groups are mixed, all wrong and all right."""
    repeated = [question for question in questions for _ in range(samples)]
    right = torch.tensor(list(map(_is_right, respond(model, processor, repeated, sampling), repeated)))
    rate = right.view(len(questions), samples).float().mean(dim=1)
    none, every = (rate == 0).float().mean().item(), (rate == 1).float().mean().item()
    return GroupReport(mixed=1 - none - every, all_wrong=none, all_right=every, accuracy=rate.mean().item())


def _is_right(response: str, question: Question) -> bool:
    return answered_correctly(response, question.answer)
