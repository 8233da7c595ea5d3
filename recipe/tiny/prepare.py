# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Make everything the tiny demo needs, offline: data, tokenizer, model, warm start.

    care tiny-prepare --out runs/tiny

writes

    runs/tiny/data/{train,val,test}.parquet   questions in verl's RL format, no question in two of them
    runs/tiny/base/                           the model with random weights, its tokenizer and processor
    runs/tiny/model/                          the same after the warm start: what reinforcement learning starts from

Each folder is finished or absent: an interrupted run leaves nothing half-written. A folder that was made with the same
settings is kept, one made with other settings is made again. It takes about a minute and a half, on one CPU core.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from recipe.tiny import store
from recipe.tiny.dataset import DataSettings, draw, rng_for, write_splits
from recipe.tiny.prompts import texts
from recipe.tiny.settings import ARCHITECTURES, BaseSettings, WarmStartSettings
from recipe.tiny.tasks import TASKS


def prepare_data(out: Path, settings: DataSettings) -> None:
    """Make the data folder, unless it is there."""
    if _kept(out, store.is_finished(out, settings)):
        return
    with store.making(out, settings) as draft:
        write_splits(settings, draft)


def prepare_base(out: Path, settings: BaseSettings) -> None:
    """Make the tokenizer and the untrained model, unless they are there."""
    if _kept(out, store.is_finished(out, settings)):
        return
    # torch and transformers take seconds to load, and every run of the demo asks for folders that are mostly there.
    from recipe.tiny.models import build
    from recipe.tiny.tokenizer import train_tokenizer

    rng = rng_for(settings.seed, "tokenizer")
    questions = draw(TASKS[settings.task], settings.tokenizer_questions, rng, set())
    with store.making(out, settings) as draft:
        build(settings.family, draft, settings.seed, train_tokenizer(texts(questions)))


def prepare_model(base: Path, data: Path, out: Path, settings: WarmStartSettings) -> None:
    """Make the warm-started model, unless it is there."""
    if _kept(out, store.is_finished(out, settings, [base, data])):
        return
    import torch
    from transformers.utils import logging

    from recipe.tiny.warm_start import warm_start

    logging.disable_progress_bar()
    # At this size a second thread saves a third of the time at best; on a busy machine the threads' waiting for each
    # other makes training five times slower instead.
    torch.set_num_threads(1)
    print(f"warm start: {warm_start(base, data, out, settings)}")


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line; see ``--help``."""
    arguments = _parser().parse_args(argv)
    began = time.monotonic()
    out, task, seed = arguments.out, arguments.task, arguments.seed
    data, base, model = out / "data", out / "base", out / "model"
    prepare_data(data, DataSettings(task, arguments.train, arguments.val, arguments.test, seed))
    prepare_base(base, BaseSettings(arguments.family, task, seed))
    settings = WarmStartSettings(
        task, seed, arguments.steps, learning_rate=arguments.learning_rate, careful_share=arguments.careful_share
    )
    prepare_model(base, data, model, settings)
    print(f"ready in {time.monotonic() - began:.0f} s. Train from it with")
    print(f"  actor_rollout_ref.model.path={model}")
    print(f"  data.train_files={data}/train.parquet data.val_files={data}/val.parquet")


def _kept(folder: Path, finished: bool) -> bool:
    """Say whether ``folder`` is kept as it is or made now, and pass the verdict on."""
    print(f"{folder}: {'kept, made with the same settings' if finished else 'making'}", flush=True)
    return finished


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="care tiny-prepare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("runs/tiny"), help="folder to fill (default: %(default)s)")
    parser.add_argument(
        "--family", choices=ARCHITECTURES, default="qwen2_5_vl", help="architecture (default: %(default)s)"
    )
    parser.add_argument("--task", choices=sorted(TASKS), default="count_add", help="questions (default: %(default)s)")
    parser.add_argument("--train", type=int, default=2048, help="training questions (default: %(default)s)")
    parser.add_argument("--val", type=int, default=256, help="validation questions (default: %(default)s)")
    parser.add_argument("--test", type=int, default=256, help="test questions (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=200, help="warm-start steps (default: %(default)s)")
    parser.add_argument(
        "--learning-rate", type=float, default=1e-3, help="of the warm start (default: %(default)s; mixed needs less)"
    )
    parser.add_argument(
        "--careful-share",
        type=float,
        default=0.0,
        help="share of the warm start, its beginning, in which the teacher makes no mistakes (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of everything (default: %(default)s)")
    return parser


if __name__ == "__main__":
    main()
