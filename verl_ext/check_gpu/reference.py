# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Run by the check in a process of its own: computes again what two steps of the measured run left.

    python -m verl_ext.check_gpu.reference LEFT MODEL RESULT.json --groups 512 --micro-tokens 16384 [--packed]

Both steps' weights are those of the model's folder. The plain model takes one row at a time, in fp32, without verl.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from recipe.care.method.credit import scale_for_loss_agg
from verl_ext.engine.engine import EMBEDDINGS, POOL_MASK
from verl_ext.step.compute import Step, compute_step, finish_step
from verl_ext.step.rollouts import Rollouts

ROUNDS = 5
Left = Mapping[str, Any]


def advantages_again(left: Left, tokenizer: Any) -> dict[str, float]:
    """CARE's token advantages of a step from its rollouts, against those that verl trained with."""
    rollouts: Rollouts = left["rollouts"]
    step = dataclasses.replace(Step.begin(rollouts, tokenizer, left["care"]), repairs=left["repairs"])
    ours = scale_for_loss_agg(
        finish_step(step, left["care"]).token_advantages, rollouts.response_mask, left["loss_agg_mode"]
    )
    theirs = left["advantages"]
    width = min(ours.shape[1], theirs.shape[1])
    apart = (ours[:, :width] - theirs[:, :width]).abs().max()
    rest = [part[:, width:].abs().max() for part in (ours, theirs) if part.shape[1] > width]
    return {"largest difference": float(max([apart, *rest])), "largest": float(ours.abs().max())}


@torch.no_grad()
def plain_answers(model: Any, columns: Left, device: str) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Pooled final states and response log-probabilities of the plain model, one row at a time."""
    pooled, log_probs = [], []
    for row in range(len(columns["input_ids"])):
        ids, response = columns["input_ids"][row].to(device), columns["responses"][row].to(device)
        start = len(ids) - len(response)
        media = {name: value.to(device) for name, value in (columns["multi_modal_inputs"][row] or {}).items()}
        types = (ids == model.config.image_token_id).long()[None]
        mask = torch.ones_like(ids)[None]
        output = model(
            input_ids=ids[None], attention_mask=mask, mm_token_type_ids=types, output_hidden_states=True, **media
        )
        chosen = columns[POOL_MASK][row].to(device) == 1
        pooled.append(output.hidden_states[-1][0][start:][chosen].float().mean(dim=0).cpu())
        logits = output.logits[0, start - 1 : -1].float()
        log_probs.append(logits.log_softmax(-1).gather(-1, response[:, None])[:, 0].cpu())
    return torch.stack(pooled), log_probs


def compare_rows(model: Any, left: Left, device: str) -> dict[str, float]:
    """Embeddings and log-probabilities of a step's kept rows against the plain model's."""
    columns = left["rows"]
    pooled_BH, plain = plain_answers(model, columns, device)
    original_B = ~left["repaired"]
    found = {}
    if original_B.any():
        # A repaired row keeps the embedding of the text it replaced.
        hooks_BH = torch.stack(columns[EMBEDDINGS])[original_B]
        error = (hooks_BH - pooled_BH[original_B]).norm(dim=-1) / pooled_BH[original_B].norm(dim=-1)
        found["embeddings, largest relative error"] = float(error.max())
    for name, rows in (("actor", original_B), ("actor, repaired rows", ~original_B)):
        if rows.any():
            found[f"{name} against the plain model"] = _apart(columns["old_log_probs"], plain, rows)
    every = torch.ones_like(original_B)
    found["vLLM against the actor"] = _apart(columns["rollout_log_probs"], columns["old_log_probs"], every & original_B)
    return found


def _apart(ours: Sequence[torch.Tensor], theirs: Sequence[torch.Tensor], rows: torch.Tensor) -> float:
    """Mean absolute difference of log-probabilities over the tokens of some rows."""
    chosen = rows.nonzero()[:, 0].tolist()
    if not chosen:
        return float("nan")
    return float(torch.cat([(ours[row].float() - theirs[row].float()).abs() for row in chosen]).mean())


def driver_seconds(left: Left, tokenizer: Any, groups: int) -> dict[str, float]:
    """Seconds of CARE's arithmetic on the driver for a batch of so many groups, made of copies of a step's own."""
    rollouts: Rollouts = left["rollouts"]
    names = list(dict.fromkeys(rollouts.group))
    rows, keys, group = [], [], []
    for copy in range(groups):
        name = names[copy % len(names)]
        for row in (place for place, one in enumerate(rollouts.group) if one == name):
            rows.append(row)
            keys.append(f"{copy}_{rollouts.keys[row].split('_', 1)[1]}")
            group.append(str(copy))
    wide = dataclasses.replace(
        rollouts,
        keys=keys,
        group=group,
        response_ids=rollouts.response_ids[rows],
        response_mask=rollouts.response_mask[rows],
        response_len=rollouts.response_len[rows],
        rewards=rollouts.rewards[rows],
        acc=rollouts.acc[rows],
        left_out=[rollouts.left_out[row] for row in rows],
        session_row=torch.arange(len(rows)),
        old_logp=None if rollouts.old_logp is None else rollouts.old_logp[rows],
        think_embeddings=None if rollouts.think_embeddings is None else rollouts.think_embeddings[rows],
    )
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        compute_step(wide, tokenizer, left["care"])
        seconds.append(time.perf_counter() - began)
    return {
        "groups": groups,
        "rows": len(rows),
        "tokens": rollouts.response_ids.shape[1],
        "s": statistics.median(seconds),
    }


def hook_cost(model: Path, columns: Left, micro_tokens: int, *, packed: bool) -> dict[str, float]:
    """The old-log-prob pass over some rows with and without the request for embeddings, in turn."""
    import verl  # noqa: F401  (the plugin, as in a run)

    from verl_ext.check_gpu.engine_pass import alternate, batch_of, make_engine

    on_gpu = torch.cuda.is_available()
    with tempfile.TemporaryDirectory() as place:
        backend = "cuda:nccl,cpu:gloo" if on_gpu else "cpu:gloo"
        torch.distributed.init_process_group(backend, init_method=f"file://{place}/meet", rank=0, world_size=1)
        engine = make_engine(model, on_gpu=on_gpu, packed=packed)
        batches = {
            kind: batch_of(columns, micro_tokens, asks=asks, packed=packed)
            for kind, asks in (("without", False), ("with", True))
        }
        passes = alternate(engine, batches, ROUNDS)
        torch.distributed.destroy_process_group()
    return {
        "s without": passes["without"].seconds,
        "s with": passes["with"].seconds,
        "GiB without": passes["without"].peak_gib,
        "GiB with": passes["with"].peak_gib,
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Command line; the result is written after each part, so that it is kept if a later one fails."""
    parser = argparse.ArgumentParser(prog="python -m verl_ext.check_gpu.reference")
    parser.add_argument("run", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("result", type=Path)
    parser.add_argument("--groups", type=int, required=True)
    parser.add_argument("--micro-tokens", type=int, required=True)
    parser.add_argument("--packed", action="store_true")
    options = parser.parse_args(argv)

    from recipe.tiny.models import ensure_torchvision_ops

    ensure_torchvision_ops()
    from transformers import AutoModelForImageTextToText, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(options.model)
    steps = {number: torch.load(options.run / f"step{number}.pt", weights_only=False) for number in (1, 2)}
    result: dict[str, dict[str, float]] = {}

    def keep(name: str, part: dict[str, float]) -> None:
        result[name] = part
        options.result.write_text(json.dumps(result, indent=2) + "\n")

    keep("advantages", advantages_again(steps[2], tokenizer))
    keep("driver", driver_seconds(steps[1], tokenizer, options.groups))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = AutoModelForImageTextToText.from_pretrained(options.model, dtype=torch.float32, attn_implementation="sdpa")
    model.to(device).eval()
    for number, left in steps.items():
        keep(f"step {number}", compare_rows(model, left, device))
    del model
    if device == "cuda":
        torch.cuda.empty_cache()
    # Last: verl replaces classes of transformers in this process.
    keep("hook", hook_cost(options.model, steps[1]["rows"], options.micro_tokens, packed=options.packed))


if __name__ == "__main__":
    main()
