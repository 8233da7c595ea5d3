# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""``care dry-run-sft OVERRIDES...``: resolve and validate an SFT command without running it.

Takes the overrides of ``python -m verl.trainer.sft_trainer``. Needs no GPU, model or data. With
``--show KEY`` it prints a part of the result.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from omegaconf import DictConfig

from verl_ext.checks.dry_run import check_numbers, dry_run


def validate(config: DictConfig) -> None:
    """What verl checks when it builds its settings, and what it would stumble over later.

    Raises:
        ValueError: A setting cannot work.
    """
    from verl.utils.config import omega_conf_to_dataclass

    check_numbers(config)
    # Not the model's: that one opens the model.
    for part in ("engine", "optim", "checkpoint", "profiler"):
        omega_conf_to_dataclass(config[part])
    ranks = config.trainer.nnodes * config.trainer.n_gpus_per_node
    ranks //= config.engine.get("ulysses_sequence_parallel_size", 1)
    data = config.data
    if data.train_batch_size % ranks:
        raise ValueError(f"data.train_batch_size={data.train_batch_size}: must be a multiple of the {ranks} ranks.")
    if data.truncation != "error":
        raise ValueError(
            f"data.truncation={data.truncation}: a row cut short loses image tokens. Set it to error, and drop long "
            "rows with data_prep's --max-length."
        )
    if data.use_dynamic_bsz and data.max_token_len_per_gpu < data.max_length:
        raise ValueError(
            f"data.max_token_len_per_gpu={data.max_token_len_per_gpu}: a row may have data.max_length="
            f"{data.max_length} tokens. Raise it, or lower data.max_length."
        )


def summary(config: DictConfig) -> str:
    """What a user wants to see before spending GPU hours."""
    data, optim, trainer = config.data, config.optim, config.trainer
    micro = f"{data.max_token_len_per_gpu} tokens" if data.use_dynamic_bsz else f"{data.micro_batch_size_per_gpu} rows"
    return "\n".join(
        [
            "method          supervised fine-tuning",
            f"model           {config.model.path}",
            f"train files     {data.train_files}",
            f"devices         {trainer.nnodes} node(s) x {trainer.n_gpus_per_node} {trainer.device}",
            f"batch           {data.train_batch_size} rows of at most {data.max_length} tokens, micro-batch {micro}",
            f"optimizer       lr {optim.lr}, {optim.lr_scheduler_type}, warm-up {optim.lr_warmup_steps_ratio}, weight "
            f"decay {optim.weight_decay}",
            f"length          {trainer.total_epochs} epoch(s)",
        ]
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="care dry-run-sft", usage="%(prog)s [-h] [--show KEY] [OVERRIDE ...]", description=__doc__
    )
    return dry_run(arguments, parser, "sft_trainer_engine", validate, summary)


if __name__ == "__main__":
    sys.exit(main())
