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
"""Write the tables of ``docs/configuration.md`` and ``docs/metrics.md`` from the code; the tests compare.

python docs/generate.py          # rewrites both files
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import re
import typing
from pathlib import Path

from recipe.care import config as care_config
from recipe.care.config import ROOT, CareConfig
from recipe.care.regions import REGION_METRICS
from recipe.care.report import METRICS
from verl_ext.step import STEP_METRICS

DOCS = Path(__file__).parent

CONFIGURATION = """# Configuration

Every key sits under `algorithm.care` of a verl configuration, every key is optional, and the defaults are the paper's.
verl's own configuration does not declare them, so on the command line they take Hydra's `+`:

```bash
python -m verl.trainer.main_ppo ... algorithm.adv_estimator=care +algorithm.care.k=8 +algorithm.care.selector=random
```

A wrong key, type or value stops the run before Ray starts, with the full key and the remedy.

{table}

## `gamma_pos` or `rationale_share`

`gamma_pos` acts relative to length. With a 300-token rationale and a 4-token answer (about 12 with its tags), a
rationale token weighing 0.005 gives the rationale 300 x 0.005 = 1.5 against 4 to 12: a tenth to a quarter of a correct
row's credit. With a 15-token rationale and an 8-token answer it is 0.075 against 8: one percent. So `rationale_share`
may be set instead: the share of a correct row's credit its rationale gets, whatever the lengths. Exactly one is in
force; to set the share, set `+algorithm.care.regions.gamma_pos=null` beside it or leave `gamma_pos` out. The realised
share is logged as `care/region_mass/rationale_of_positives`.

## `algorithm.care.rgr`

Validated, but without effect in this version: repairs of failed rollouts are not part of it yet.
"""

METRICS_PAGE = """# Metrics

All of them go through verl's own tracking, every step, with a fixed set of keys.

{table}

## What to watch

| sign of trouble (the paper's) | metric |
|---|---|
| gradients stall because all-wrong groups dominate | `care/groups_all_wrong` near 1, `care/rescue_rate` |
| rationales grow longer (wrong anchor) | `care/anchor_len` against `care/positive_len` |
| subgroup normalisation is off | `care/advantage/anchor_mean` should be near sqrt(K): 2 for K = 4 |
| too few hard negatives | `care/k_prime/mean`, `care/k_prime/1` |
| format is learned instead of answers | `care/acc` flat while `critic/score/mean` rises |
| the rollout does not see what the actor sees | `training/rollout_actor_probs_pearson_corr` below 0.99 (verl's own) |
"""


def configuration_page() -> str:
    """The text of ``docs/configuration.md``."""
    rows = ["| key | type | default | meaning |", "|---|---|---|---|", *_rows(CareConfig, "")]
    return CONFIGURATION.format(table="\n".join(rows))


def _rows(cls: type, prefix: str) -> list[str]:
    notes = _field_docs(cls)
    hints = typing.get_type_hints(cls)
    rows = []
    for field in dataclasses.fields(cls):
        if dataclasses.is_dataclass(hints[field.name]):
            rows += _rows(typing.cast(type, hints[field.name]), f"{prefix}{field.name}.")
            continue
        kind = re.sub(r"\|", "or", str(field.type)).replace("None", "null")
        default = "null" if field.default is None else field.default
        rows.append(f"| `{ROOT}.{prefix}{field.name}` | {kind} | `{default}` | {notes[field.name]} |")
    return rows


def _field_docs(cls: type) -> dict[str, str]:
    """The string under each field, which Python does not keep."""
    tree = ast.parse(inspect.getsource(care_config))
    (body,) = (node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == cls.__name__)
    notes = {}
    for field, note in itertools.pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(note, ast.Expr) and isinstance(note.value, ast.Constant):
            text = str(note.value.value).replace("``", "`").replace("|", "or")
            notes[typing.cast(ast.Name, field.target).id] = text
    return notes


def metrics_page() -> str:
    """The text of ``docs/metrics.md``."""
    rows = ["| metric | meaning |", "|---|---|"]
    glossary = METRICS | REGION_METRICS | STEP_METRICS
    rows += ["| `{}` | {} |".format(name, note.replace("|", "\\|")) for name, note in glossary.items()]
    return METRICS_PAGE.format(table="\n".join(rows))


if __name__ == "__main__":
    (DOCS / "configuration.md").write_text(configuration_page())
    (DOCS / "metrics.md").write_text(metrics_page())
