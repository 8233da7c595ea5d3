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
"""Paths in overrides: Hydra reads back what was meant, whether the shell or Python wrote it."""

import subprocess
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser

from recipe.tiny.overrides import hydra_value

COMMON = Path(__file__).parents[3] / "examples" / "lib" / "common.sh"
PLAIN = ["/data/train.parquet", "Qwen/Qwen2.5-VL-7B-Instruct", "a_b.c/d:e@f%g+h-i"]
ODD = [
    "/data/lr=1e-6/model",
    "a b,c/t.parquet",
    "sp dir (1)/x",
    "~/{a}",
    "/with [b]",
    "it's",
    "\\'",
    "end\\",
    "a\\b",
    'q"q',
]


def _shell(values):
    script = f'source "{COMMON}"; for value; do hydra_value "$value"; echo; done'
    done = subprocess.run(["bash", "-c", script, "_", *values], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_hydra_reads_back_what_was_written():
    parser = OverridesParser.create()
    written = [hydra_value(value) for value in (*PLAIN, *ODD)]
    assert [parser.parse_override(f"key={one}").value() for one in written] == [*PLAIN, *ODD]
    assert written[: len(PLAIN)] == PLAIN
    assert _shell([*PLAIN, *ODD]) == written


def test_a_list_of_the_user_stays_a_list():
    lists = ["[a.parquet,b.parquet]", '["console","tensorboard"]']
    assert _shell(lists) == lists
