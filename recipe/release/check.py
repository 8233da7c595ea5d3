# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Is a merged model the one the trainer had?

    care check-model --checkpoint RUN --model MODEL --prompts val.parquet

compares every parameter of the merged folder, loaded as anyone would load it, with the checkpoint's shards: they must
be equal after rounding to the merged precision (verl's merger writes bfloat16). With ``--prompts``, the validation file
of the run, it also answers the first questions greedily with the merged model and compares the responses with those in
verl's own validation dump of that step (``trainer.validation_data_dir``). Rounding and other kernels change a response
now and then, so that is a share; ``--unrounded`` repeats it with the checkpoint's own precision, to tell the two apart.
Writes ``merge_check.json`` into the model's folder; exit status 1 if the weights differ or too few responses agree.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from transformers import AutoModelForImageTextToText, PreTrainedModel, ProcessorMixin

from recipe.care.verifier.extraction import extract_answer
from recipe.evaluation.generate import answer_with, in_batches, load_model, load_processor
from recipe.evaluation.questions import Asked, read_asked, render
from recipe.release.checkpoint import Checkpoint, full_state, locate

RESULT = "merge_check.json"


@dataclass(frozen=True)
class WeightReport:
    """How the merged weights compare with the checkpoint's."""

    parameters: int
    precision: str
    """Of the merged weights."""
    differing: Sequence[str]
    """Parameters that are not the checkpoint's, rounded."""
    absent: Sequence[str]
    """Parameters of the checkpoint that the merged model does not have."""
    invented: Sequence[str]
    """Parameters of the merged model that the checkpoint does not have; those tied to another one do not count."""

    @property
    def equal(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.differing or self.absent or self.invented)

    def __str__(self) -> str:
        wrong = {"differ": self.differing, "are absent": self.absent, "are invented": self.invented}
        found = [f"{len(names)} {what} ({', '.join(names[:3])}, ...)" for what, names in wrong.items() if names]
        verdict = "; ".join(found) or "all equal to the checkpoint's"
        return f"{self.parameters} parameters in {self.precision}: {verdict}"


@dataclass(frozen=True)
class OutputReport:
    """How greedy responses compare with those the trainer logged."""

    prompts: int
    identical: float
    """Share of responses that are the same text."""
    same_answer: float
    """Share that give the same answer."""

    def __str__(self) -> str:
        return f"{self.identical:.1%} of {self.prompts} responses identical, {self.same_answer:.1%} the same answer"


def compare_weights(state: Mapping[str, torch.Tensor], merged: Mapping[str, torch.Tensor]) -> WeightReport:
    """Compare parameter by parameter.

    Args:
        state: The checkpoint's parameters.
        merged: The merged model's, by the same names.
    """
    shared = [name for name in state if name in merged]
    known = {merged[name].data_ptr() for name in shared}
    precisions = sorted({str(tensor.dtype).removeprefix("torch.") for tensor in merged.values()})
    return WeightReport(
        parameters=len(shared),
        precision=" and ".join(precisions),
        differing=[name for name in shared if not torch.equal(state[name].to(merged[name].dtype), merged[name])],
        absent=[name for name in state if name not in merged],
        invented=[name for name, t in merged.items() if name not in state and t.data_ptr() not in known],
    )


Key = tuple[str, str]
"""Prompt, without special tokens, and gold: all that verl's dump says about a question."""


def read_dump(path: Path) -> dict[Key, list[str]]:
    """The trainer's responses by question. Questions that differ in their image only share a key."""
    responses: dict[Key, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        responses.setdefault((row["input"], str(row["gts"])), []).append(row["output"])
    return responses


def compare_outputs(logged: Mapping[Key, Sequence[str]], ours: Mapping[Key, Sequence[str]]) -> OutputReport:
    """Compare responses; those of one key as a set, in which each may be used once.

    Args:
        logged: The trainer's.
        ours: The merged model's, to some or all of the same questions.

    Raises:
        ValueError: A question is not in the trainer's dump.
    """
    unknown = [key for key in ours if key not in logged]
    if unknown:
        raise ValueError(
            f"{len(unknown)} of the prompts are not in the trainer's validation dump, for example {unknown[0][0]!r}; "
            "give --prompts the run's data.val_files"
        )
    prompts = sum(map(len, ours.values()))
    return OutputReport(
        prompts=prompts,
        identical=sum(_in_common(logged[key], ours[key], str) for key in ours) / prompts,
        same_answer=sum(_in_common(logged[key], ours[key], _answer) for key in ours) / prompts,
    )


def _in_common(logged: Sequence[str], ours: Sequence[str], view: Callable[[str], str]) -> int:
    return (Counter(map(view, logged)) & Counter(map(view, ours))).total()


def _answer(response: str) -> str:
    return extract_answer(response).body.strip()


def answers_by_key(
    model: PreTrainedModel, processor: ProcessorMixin, questions: Sequence[Asked], max_tokens: int, batch_size: int
) -> dict[Key, list[str]]:
    """Answer the questions greedily; the keys are those of ``read_dump``."""
    answered: dict[Key, list[str]] = {}
    for batch in in_batches(questions, batch_size):
        for asked, response in zip(batch, answer_with(model, processor, batch, max_tokens), strict=True):
            ids = processor.tokenizer(render(processor, asked).text)["input_ids"]
            prompt = processor.tokenizer.decode(ids, skip_special_tokens=True)
            answered.setdefault((prompt, asked.ground_truth), []).append(response)
    return answered


def check_outputs(
    options: argparse.Namespace, checkpoint: Checkpoint, state: Mapping[str, torch.Tensor]
) -> dict[str, OutputReport]:
    """Compare the merged model's responses with the trainer's, and the unrounded ones if asked for.

    Raises:
        ValueError: The run kept no validation dump of this step.
    """
    if not checkpoint.validation.is_file():
        raise ValueError(
            f"{checkpoint.validation} is not there, so there are no responses of the trainer to compare with. Train "
            f"with trainer.validation_data_dir={checkpoint.run / 'validation'} and a trainer.test_freq that meets the "
            "checkpoint's step, or leave --prompts out."
        )
    logged = read_dump(checkpoint.validation)
    questions = read_asked(options.prompts, options.limit)
    processor, model = load_processor(options.model), load_model(options.model)
    settings = (questions, options.max_tokens, options.batch_size)
    reports = {"merged": compare_outputs(logged, answers_by_key(model, processor, *settings))}
    if options.unrounded:
        model = model.float()
        model.load_state_dict(dict(state))
        reports["unrounded"] = compare_outputs(logged, answers_by_key(model, processor, *settings))
    return reports


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit status."""
    options = _parser().parse_args(argv)
    try:
        checkpoint = locate(options.checkpoint)
        state = full_state(checkpoint.folder)
        merged = AutoModelForImageTextToText.from_pretrained(options.model, dtype="auto").state_dict()
        weights = compare_weights(state, merged)
        print(f"weights: {weights}")
        outputs = check_outputs(options, checkpoint, state) if options.prompts else {}
    except (ValueError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 2
    for name, report in outputs.items():
        print(f"greedy outputs, {name}: {report}")
    agreed = all(report.identical >= options.min_agreement for report in outputs.values())
    record = {
        "step": checkpoint.step,
        "weights": {**asdict(weights), "equal": weights.equal},
        "outputs": {name: asdict(report) for name, report in outputs.items()},
    }
    (options.model / RESULT).write_text(json.dumps(record, indent=2) + "\n")
    return 0 if weights.equal and agreed else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="care check-model", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--checkpoint", type=Path, required=True, help="the run, or one of its checkpoints")
    add("--model", type=Path, required=True, help="folder of the merged model")
    add("--prompts", type=Path, help="the run's validation file, to compare greedy responses too")
    add("--limit", type=int, default=256, help="compare the first N prompts (default: %(default)s)")
    add("--max-tokens", type=int, default=2048, help="the run's data.max_response_length (default: %(default)s)")
    add("--batch-size", type=int, default=32, help="prompts at a time (default: %(default)s)")
    add("--unrounded", action="store_true", help="compare in the checkpoint's own precision too; small models only")
    add("--min-agreement", type=float, default=0.0, help="least share of identical responses (default: %(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
