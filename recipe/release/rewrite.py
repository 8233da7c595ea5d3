# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Put a checkpoint's own weights into the folder verl's merger has made of it.

    care rewrite-model SHARDS MODEL --dtype float32

For two things that verl 0.9.1's merger does not do. It rounds to bfloat16 whatever the run computed in, and it writes a
LoRA adapter beside the base weights, with the target modules reduced to their last name, by which PEFT does not find
those of the vision tower again. It can go when verl's merger keeps the precision and folds adapters.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import AutoModelForImageTextToText

from recipe.release.checkpoint import full_state

PRECISIONS = {"bfloat16": torch.bfloat16, "float32": torch.float32}


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="care rewrite-model",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("shards", type=Path, help="folder of the checkpoint's shards")
    parser.add_argument("model", type=Path, help="folder that verl's merger has made")
    parser.add_argument("--dtype", choices=PRECISIONS, default="bfloat16", help="precision (default: %(default)s)")
    options = parser.parse_args(argv)
    model = AutoModelForImageTextToText.from_pretrained(options.model, dtype=PRECISIONS[options.dtype])
    model.load_state_dict(full_state(options.shards))
    model.save_pretrained(options.model)
    shutil.rmtree(options.model / "lora_adapter", ignore_errors=True)
    print(f"{options.model}: the checkpoint's own weights, in {options.dtype}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
