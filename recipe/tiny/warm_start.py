# Copyright 2026 The CARE-verl authors
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""Plain supervised training of a tiny model, stopped while it is still often wrong.

Reinforcement learning needs a policy that answers in the right form and is right now and then: at the default target
most prompts have both right and wrong samples, which is where a group-relative method learns.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from transformers import PreTrainedModel, ProcessorMixin

from recipe.tiny import store
from recipe.tiny.dataset import content_hashes, draw, read_questions, rng_for
from recipe.tiny.generate import GroupReport, Sampling, evaluate, report_groups
from recipe.tiny.models import load, save
from recipe.tiny.prompts import chat, target_text
from recipe.tiny.tasks import TASKS, Question

IGNORED = -100
RESULT = "warm_start.json"


@dataclass(frozen=True)
class WarmStartSettings:
    """What the warm-started model depends on, besides the model and the data it starts from."""

    task: str
    seed: int
    target_accuracy: float = 0.35
    """Stop once this share of the probe is answered correctly, greedily."""
    max_steps: int = 1000
    """Give up after this many steps."""
    batch_size: int = 64
    learning_rate: float = 1e-3
    ramp_steps: int = 20
    """Steps over which the learning rate rises to its value."""
    eval_every: int = 5
    """Steps between two looks at the probe. Accuracy rises from 0.2 to 0.6 in some thirty steps: look often."""
    averaging: float = 0.9
    """Decay of the running average of the weights. The average is what is judged and saved: the accuracy of the weights
    themselves jumps by 0.3 between two looks, so training would stop anywhere but at the target."""
    probe: int = 256
    """Questions of the probe, which appear nowhere else."""
    samples: int = 8
    """Samples a prompt in the closing report on groups."""

    def __post_init__(self) -> None:
        if not 0 <= self.target_accuracy <= 1:
            raise ValueError(f"target_accuracy={self.target_accuracy}: must lie between 0 and 1.")


@dataclass(frozen=True)
class WarmStartResult:
    """How the warm start ended."""

    steps: int
    seconds: float
    accuracy: float
    """Greedy, on the probe."""
    groups: GroupReport
    """Groups of samples at temperature 1.0 on training prompts."""

    def __str__(self) -> str:
        return (
            f"accuracy {self.accuracy:.2f} after {self.steps} steps in {self.seconds:.0f} s; "
            f"groups sampled at temperature 1.0: {self.groups}"
        )


def warm_start(base: Path, data: Path, out: Path, settings: WarmStartSettings) -> WarmStartResult:
    """Train the model in ``base`` to the target accuracy and save it to ``out``, complete or not at all.

    Args:
        base: Checkpoint folder to start from.
        data: Folder of the parquet files; none of their questions is trained on.
        out: Folder for the new checkpoint. When it is there already, made the same way, nothing is done.
        settings: Everything else.

    Returns:
        How it ended, now or when ``out`` was made.

    Raises:
        RuntimeError: The target was not reached within ``max_steps``; nothing is saved.
    """
    if store.is_finished(out, settings, [base, data]):
        return _read_result(out)
    train_prompts = read_questions(data / "train.parquet")
    taken = content_hashes(train_prompts)
    for split in ("val", "test"):
        taken |= content_hashes(read_questions(data / f"{split}.parquet"))
    with store.making(out, settings, [base, data]) as draft:
        model, processor = load(base)
        averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(settings.averaging))
        result = _train(model, averaged, processor, train_prompts, taken, settings)
        save(averaged.module, processor, draft)
        (draft / RESULT).write_text(json.dumps(dataclasses.asdict(result), indent=2) + "\n")
    return result


def collate(processor: ProcessorMixin, questions: Sequence[Question]) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Turn questions into one training batch.

    Args:
        processor: Makes the inputs.
        questions: B questions.

    Returns:
        The model's inputs, padded on the right to length T, and the labels, (B, T): the response and its end-of-turn
        token, everything else ignored.
    """
    tokenizer = processor.tokenizer
    responses = [target_text(question) + tokenizer.eos_token for question in questions]
    prompts = [processor.apply_chat_template(chat(q), tokenize=False, add_generation_prompt=True) for q in questions]
    inputs = processor(
        text=[prompt + response for prompt, response in zip(prompts, responses, strict=True)],
        images=[question.image for question in questions],
        padding=True,
        padding_side="right",
        return_tensors="pt",
    )
    ends = inputs["attention_mask"].sum(dim=1, keepdim=True)
    lengths = torch.tensor([[len(ids)] for ids in tokenizer(responses)["input_ids"]])
    position = torch.arange(inputs["input_ids"].shape[1])
    in_response = (position >= ends - lengths) & (position < ends)
    return dict(inputs), inputs["input_ids"].masked_fill(~in_response, IGNORED)


def _train(
    model: PreTrainedModel,
    averaged: AveragedModel,
    processor: ProcessorMixin,
    train_prompts: Sequence[Question],
    taken: set[str],
    settings: WarmStartSettings,
) -> WarmStartResult:
    """Train ``model`` until the averaged weights reach the target, then describe the groups they would give."""
    began = time.monotonic()
    task = TASKS[settings.task]
    probe = draw(task, settings.probe, rng_for(settings.seed, "probe"), taken)
    for step, loss in _steps(model, processor, taken, settings):
        averaged.update_parameters(model)
        if step % settings.eval_every:
            continue
        accuracy = evaluate(averaged.module, processor, probe)
        seconds = time.monotonic() - began
        print(f"  step {step:4d}  loss {loss:.3f}  accuracy {accuracy:.3f}  {seconds:3.0f} s", flush=True)
        if accuracy >= settings.target_accuracy:
            sampling = Sampling(temperature=1.0, seed=settings.seed)
            groups = report_groups(averaged.module, processor, train_prompts[:64], settings.samples, sampling)
            return WarmStartResult(step, round(seconds, 1), accuracy, groups)
    raise RuntimeError(
        f"the warm start did not reach accuracy {settings.target_accuracy} in {settings.max_steps} steps; "
        "allow more with --max-steps, or ask for less with --target-accuracy."
    )


def _steps(
    model: PreTrainedModel, processor: ProcessorMixin, taken: set[str], settings: WarmStartSettings
) -> Iterator[tuple[int, float]]:
    """Take one optimizer step after another, each on new questions; yields its number and its loss."""
    rng = rng_for(settings.seed, "warm_start")
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings.learning_rate, betas=(0.9, 0.98), weight_decay=0.01)
    ramp = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / settings.ramp_steps))
    for step in range(1, settings.max_steps + 1):
        inputs, labels = collate(processor, draw(TASKS[settings.task], settings.batch_size, rng, taken))
        logits = model(**inputs).logits
        loss = torch.nn.functional.cross_entropy(
            logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=IGNORED
        )
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        ramp.step()
        yield step, loss.item()


def _read_result(folder: Path) -> WarmStartResult:
    fields = json.loads((folder / RESULT).read_text())
    return WarmStartResult(**{**fields, "groups": GroupReport(**fields["groups"])})
