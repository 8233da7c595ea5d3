# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Greedy answers outside verl, from an ordinary checkpoint folder, with transformers or with vLLM.

transformers needs nothing but the model and is what the tests use; vLLM is what makes thousands of questions bearable
for a model of billions of parameters. Both get what verl's validation gives its engine: the same prompt and images,
temperature 0, no repetition penalty whatever the checkpoint's generation settings say, and no image tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch

from recipe.evaluation.questions import Asked, render
from verl_ext.cpu.torchvision_ops import ensure_torchvision_ops

ensure_torchvision_ops()  # before the image processors import torchvision

from transformers import (  # noqa: E402
    AutoModelForImageTextToText,
    AutoProcessor,
    PreTrainedModel,
    ProcessorMixin,
)

Answer = Callable[[Sequence[Asked]], list[str]]
"""Answers a batch of questions, one response each, without special tokens."""


def load_model(folder: Path) -> PreTrainedModel:
    """The model on the device there is; in float32 on a CPU, where bfloat16 is slow and its weights fit exactly."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    dtype = "auto" if device == "cuda" else torch.float32
    return AutoModelForImageTextToText.from_pretrained(folder, dtype=dtype).to(device).eval()


def load_processor(folder: Path) -> ProcessorMixin:
    """The processor beside a model."""
    return AutoProcessor.from_pretrained(folder)


def unwanted_tokens(processor: ProcessorMixin) -> list[int]:
    """Image and video tokens: nothing stands behind a generated one, and verl masks them too."""
    return [processor.image_token_id, processor.video_token_id]


@torch.no_grad()
def answer_with(
    model: PreTrainedModel, processor: ProcessorMixin, questions: Sequence[Asked], max_tokens: int
) -> list[str]:
    """Answer a batch greedily with a transformers model.

    Args:
        model: The model.
        processor: Its processor.
        questions: N questions.
        max_tokens: Longest response.

    Returns:
        N responses.
    """
    rendered = [render(processor, question) for question in questions]
    inputs = processor(
        text=[one.text for one in rendered],
        images=[image for one in rendered for image in one.images] or None,
        padding=True,
        padding_side="left",
        return_tensors="pt",
    ).to(model.device)
    output = model.generate(
        **inputs,
        do_sample=False,
        temperature=None,
        top_p=None,
        top_k=None,
        repetition_penalty=1.0,
        max_new_tokens=max_tokens,
        suppress_tokens=unwanted_tokens(processor),
    )
    return processor.batch_decode(output[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)


def hf_engine(folder: Path, max_tokens: int) -> Answer:
    """Answers from transformers."""
    model, processor = load_model(folder), load_processor(folder)
    return lambda questions: answer_with(model, processor, questions, max_tokens)


def vllm_engine(folder: Path, max_tokens: int) -> Answer:
    """Answers from vLLM, on one GPU: models of up to 8B parameters fit, and tensor parallelism has to suit a model."""
    from verl_ext import hooks

    # On a CPU, vLLM needs the workarounds that a run has.
    hooks.arm()
    from vllm import LLM, SamplingParams

    on_cpu = {} if torch.cuda.is_available() else {"dtype": "float32", "enforce_eager": True}
    processor = load_processor(folder)
    engine = LLM(str(folder), seed=0, **on_cpu)
    never = dict.fromkeys(unwanted_tokens(processor), -100.0)
    greedy = SamplingParams(temperature=0.0, max_tokens=max_tokens, logit_bias=never, repetition_penalty=1.0)

    def answer(questions: Sequence[Asked]) -> list[str]:
        requests = []
        for one in (render(processor, question) for question in questions):
            pictures = {"multi_modal_data": {"image": list(one.images)}} if one.images else {}
            requests.append({"prompt": one.text, **pictures})
        return [output.outputs[0].text for output in engine.generate(requests, greedy, use_tqdm=False)]

    return answer


ENGINES: dict[str, Callable[[Path, int], Answer]] = {"hf": hf_engine, "vllm": vllm_engine}


def in_batches(questions: Sequence[Asked], size: int) -> Iterator[Sequence[Asked]]:
    """Cut ``questions`` into batches."""
    for start in range(0, len(questions), size):
        yield questions[start : start + size]
