# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""verl's real training worker on a tiny model, one rank of it: updates on all rows and on those that teach.

    python skip_probe.py BASE    # with RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT and DIST_INIT_METHOD set

Rank 0 prints one JSON object on the last line: for each case the gradients' relative difference, mini-batch by
mini-batch, and the weights' at the end. ``test_skip.py`` says what they should be.
"""

import json
import os
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from engine_rows import PROMPT_IMAGE, RESPONSES, make_batch, make_rows, plain_answers

from verl_ext.step.live_rows import plan_update
from verl_ext.step.skip import LINEAR_LOSSES

torch.set_num_threads(1)
ROWS, MINI_BATCH = 24, 12


@dataclass(frozen=True)
class Case:
    """One way to train: the loss, how a mini-batch is cut up, and which rows teach."""

    agg: str = "token-mean"
    loss: str = "vanilla"
    dynamic: bool = True
    lora_rank: int = 0
    epochs: int = 1
    updates: int = 1
    live: tuple[int, ...] = (0, 1, 2, 6, 13, 20)
    """Uneven over the ranks and the mini-batches."""


CASES = {
    **{f"agg {agg}": Case(agg=agg) for agg in ("token-mean", "token-sum", "seq-mean-token-sum", "seq-mean-token-mean")},
    **{f"loss {loss}": Case(loss=loss) for loss in LINEAR_LOSSES},
    "sapo, which is not proportional": Case(loss="sapo"),
    "seq-mean-token-sum-norm": Case(agg="seq-mean-token-sum-norm"),
    "five updates": Case(agg="seq-mean-token-mean", updates=5),
    "fixed micro-batches": Case(dynamic=False),
    "adapters": Case(lora_rank=4),
    "two epochs": Case(epochs=2),
    "a mini-batch without a live row": Case(live=(6, 7, 8)),
    "one live row": Case(live=(3,)),
}


def make_worker(base, case):
    """The worker verl would make for the actor."""
    from verl.trainer.config import CheckpointConfig
    from verl.workers.config import FSDPActorConfig, FSDPEngineConfig, FSDPOptimizerConfig, HFModelConfig
    from verl.workers.config.actor import PolicyLossConfig
    from verl.workers.config.engine import TrainingWorkerConfig
    from verl.workers.engine_workers import TrainingWorker
    from verl.workers.utils.losses import ppo_loss

    precision = {"param_dtype": "fp32", "reduce_dtype": "fp32", "buffer_dtype": "fp32"}
    worker = TrainingWorker(
        TrainingWorkerConfig(
            model_type="language_model",
            model_config=HFModelConfig(
                path=str(base),
                use_remove_padding=False,
                enable_gradient_checkpointing=False,
                override_config={"attn_implementation": "eager"},
                lora_rank=case.lora_rank,
                lora_alpha=8,
                target_modules="all-linear",
                exclude_modules=".*visual.*",
            ),
            engine_config=FSDPEngineConfig(strategy="fsdp2", mixed_precision=precision, use_torch_compile=False),
            optimizer_config=FSDPOptimizerConfig(lr=1e-4, total_training_steps=20),
            checkpoint_config=CheckpointConfig(),
        )
    )
    worker.reset()
    actor = FSDPActorConfig(
        strategy="fsdp2",
        rollout_n=1,
        ppo_micro_batch_size_per_gpu=2,
        loss_agg_mode=case.agg,
        loss_scale_factor=50 if case.agg.endswith("norm") else None,
        policy_loss=PolicyLossConfig(loss_mode=case.loss),
        clip_ratio_low=0.05,
        clip_ratio_high=0.05,
    )
    worker.set_loss_fn(partial(ppo_loss, config=actor))
    return worker


def full(tensor):
    """A sharded tensor, whole."""
    return (tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor).detach().double().flatten()


def record_gradients(worker):
    """Keep the gradient of every optimizer step, before it is clipped."""
    gradients, step = [], worker.engine.optimizer_step

    def recording():
        own = [full(p.grad) for p in worker.engine.module.parameters() if p.grad is not None]
        gradients.append(torch.cat(own))
        return step()

    worker.engine.optimizer_step = recording
    return gradients


def update(worker, rows, processor, fields, case, mini_batches, micro_rows, rank, ranks):
    """One update on these rows, of which this rank takes its share."""
    from verl.utils import tensordict_utils as tu

    share = len(rows) // ranks
    own = rows[rank * share : (rank + 1) * share]
    layout = {"tokens": 400} if case.dynamic else {"micro_rows": micro_rows}
    batch = make_batch([row for row, _ in own], processor, **layout)
    for name in fields:
        batch[name] = torch.nested.as_nested_tensor([values[name] for _, values in own], layout=torch.jagged)
    tu.assign_non_tensor(
        batch,
        num_mini_batch=mini_batches,
        global_batch_size=MINI_BATCH,
        epochs=case.epochs,
        dataloader_kwargs={"shuffle": False},
    )
    worker.train_mini_batch(batch)


def compare(base, processor, rows, old, case, rank, ranks):
    """The same updates on all rows and on the live ones."""
    generator = torch.Generator().manual_seed(1)
    columns = []
    for number, (row, logp) in enumerate(zip(rows, old, strict=True)):
        length = len(row["response_ids"])
        strength = torch.randn((), generator=generator)
        columns.append(
            {
                "prompts": row["inputs"]["input_ids"][0, : row["prompt_len"]],
                "response_mask": torch.ones(length, dtype=torch.long),
                # So that ratios are on both sides of the clip range.
                "old_log_probs": logp + 0.05 * torch.randn(length, generator=generator),
                "advantages": strength * torch.ones(length) * (number in case.live),
            }
        )
    lengths = [row["inputs"]["input_ids"].shape[1] for row in rows]
    trained = [len(row["response_ids"]) for row in rows]
    live = [bool(values["advantages"].any()) for values in columns]
    plan = plan_update(live, lengths, ranks, MINI_BATCH, largest_micro_batch=None if case.dynamic else 2)
    pairs = list(zip(rows, columns, strict=True))
    part = []
    for row, kept in zip(plan.rows, plan.tokens_kept(trained), strict=True):
        values = dict(columns[row])
        if case.agg == "token-mean":
            values["advantages"] = values["advantages"] * kept
        part.append((rows[row], values))
    found = {}
    for name, sent, micro_rows in (("all", pairs, 2), ("live", part, plan.micro_batch)):
        torch.manual_seed(0)  # fresh adapters are random
        worker = make_worker(base, case)
        gradients = record_gradients(worker)
        for _ in range(case.updates):
            update(worker, sent, processor, list(columns[0]), case, plan.mini_batches, micro_rows, rank, ranks)
        weights = torch.cat([full(parameter) for parameter in worker.engine.module.parameters()])
        found[name] = gradients, weights
    (whole, weights), (left, weights_left) = found["all"], found["live"]
    first = slice(0, plan.mini_batches * case.epochs)
    return {
        "rows": [len(pairs), len(part)],
        "steps": [len(whole), len(left)],
        "norms": [one.norm().item() for one in whole[first]],
        "gradients": [
            ((a - b).norm() / a.norm().clamp(min=1e-12)).item() for a, b in zip(whole[first], left[first], strict=True)
        ],
        "weights": ((weights - weights_left).norm() / weights.norm()).item(),
    }


def main(base: Path):
    """Run every case."""
    from recipe.tiny.dataset import draw, rng_for
    from recipe.tiny.models import load
    from recipe.tiny.tasks import TASKS

    rank, ranks = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    model, plain_processor = load(base)
    rows = []
    for part in range(ROWS // len(RESPONSES)):
        rows += make_rows(plain_processor, draw(TASKS["count_add"], len(RESPONSES), rng_for(part, "engine"), set()))
    assert len(rows) == ROWS and len(PROMPT_IMAGE) == len(RESPONSES)
    _, old = plain_answers(model, rows)

    import verl  # noqa: F401  (the plugin, as in a run)
    from verl.utils.tokenizer import hf_processor

    processor = hf_processor(str(base))
    return {name: compare(base, processor, rows, old, case, rank, ranks) for name, case in CASES.items()}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
