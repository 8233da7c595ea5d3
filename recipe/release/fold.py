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
"""Put a checkpoint's weights, LoRA adapter included, into the folder verl's merger has made of it.

    python -m recipe.release.fold SHARDS MODEL

verl's merger writes the base weights and the adapter side by side (``lora_adapter``), with the adapter's target modules
reduced to their last name, by which PEFT does not find those of the vision tower again. One folder with one set of
weights is what every inference engine loads. It can go when verl's merger folds adapters.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from transformers import AutoModelForImageTextToText

from recipe.release.checkpoint import full_state


def main(argv: Sequence[str]) -> int:
    """Command line; returns the exit status."""
    shards, folder = map(Path, argv)
    model = AutoModelForImageTextToText.from_pretrained(folder, dtype="auto")
    model.load_state_dict(full_state(shards))
    model.save_pretrained(folder)
    shutil.rmtree(folder / "lora_adapter")
    print(f"the LoRA adapter is part of the weights in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
