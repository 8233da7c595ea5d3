# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Write the marked tables of the pages in this folder from the code; the tests compare.

    python docs/generate.py          # rewrites the tables, and leaves everything around them

A table stands between ``<!-- generated: NAME -->`` and ``<!-- end -->``; ``TABLES`` knows the names.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import re
import typing
from collections.abc import Callable, Mapping
from pathlib import Path

from data_prep.file.report import DROPS, LISTED, REPAIRS
from recipe.alarms.table import WATCHERS
from recipe.care import config as care_config
from recipe.care.config import ROOT, CareConfig
from recipe.care.method.metrics import METRICS, REGION_METRICS
from recipe.care.presets import PRESETS, flat
from recipe.care.repair.choose import RGR_METRICS
from verl_ext.checks.memory_estimate import Settings
from verl_ext.checks.memory_estimate import table as memory_table
from verl_ext.step.alarms import ALARM_METRICS
from verl_ext.step.compute import STEP_METRICS
from verl_ext.step.groups import ESTIMATOR_METRICS
from verl_ext.step.records import RECORD_METRICS
from verl_ext.step.skip import SKIP_METRICS

DOCS = Path(__file__).parent
_TAG = re.compile("(<[a-z]+>)")
_TABLE = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

WHEN: dict[str, str] = {
    "k": "Only with a larger `rollout.n`: a group with fewer than K failures uses all it has.",
    "m": "Raise with `k`; at least `k`. Larger spreads the picks further, equal to `k` takes the k nearest.",
    "near_share": "0.5 contrasts with failures up to the group's median distance only (no setting of the paper's).",
    "neg_scale": "Lower if the policy unlearns (entropy or accuracy falls), raise to learn more from failures.",
    "eps": "Leave it.",
    "equalize": "False for the paper's ablation, or if small subgroups should count less.",
    "anchor": "`multi` when discarding all but one positive costs too much signal; the others for ablations.",
    "selector": "`mixed` and `farthest` are the paper's ablations; `random` needs no distances at all.",
    "distance": "`lexical` where the backend returns no hidden states (Megatron, bypass mode).",
    "skip_dead_rows": "`false` to have verl's metrics of the update speak of all rows; `true` to be told why not.",
    "kl_taught_rows_only": "With `actor.use_kl_loss=true`, to leave dead rows out all the same; look at the KL then.",
    "positive_threshold": "Only for a reward function that cannot return `acc` ([data](data.md)).",
    "rescue.enable": "False to leave all-wrong groups out; likelihood alone can reinforce a wrong habit.",
    "rescue.delta": "Scales how much all-wrong groups count: 0.1 against about 2 for a verified anchor.",
    "rescue.normalize": "True for the letter of the paper, which cancels `delta`.",
    "rescue.logp": "`sum` for the letter of the paper; it favours short failures.",
    "regions.enable": "False for the ablation, or when responses have no `<answer>` region.",
    "regions.gamma_pos": "Leave it for long rationales; for short ones set `rationale_share`.",
    "regions.rationale_share": "For short rationales. At 300 tokens the paper's `gamma_pos` comes to 0.1 to 0.3.",
    "regions.blame": "A run has `response` by its preset; `answer` decays within some sixty steps in our runs.",
    "regions.include_tags": "False if a template or a constraint writes the tags, so that there is nothing to learn.",
    "alarms.enable": "False to spare the milliseconds, or if another tool watches.",
    "alarms.stop": "In runs that nobody looks at; `[policy_broken,rollout_apart]` were never wrong in ours.",
    "rgr.enable": "False for CARE without repairs.",
    "rgr.groups": "`failed` or `all` where many groups have no correct rollout and repairs pass (not in the paper).",
    "rgr.target": "`continue` for a strictly on-policy row.",
    "rgr.on_fail": "`original` to train the failure the policy made by itself.",
    "rgr.importance": "`none` for the letter of the paper and the public code; expect long runs to decay.",
    "rgr.neg_scale": "The paper's is half of `neg_scale`; keep the ratio when that changes.",
    "rgr.template": "Your own text for another language or domain. It may hold no field and none of the four tags.",
    "rgr.candidates": "More for a choice nearer to the embeddings' and more decoding; `all` with `fill_to`.",
    "rgr.fill_to": "0.5 repairs failed and hard groups more, easy ones not at all (not in the paper).",
    "rgr.temperature": "0.6 for the authors' public code; the paper repairs with the rollout's own.",
    "rgr.top_p": "0.95 for the authors' public code; the paper repairs with the rollout's own.",
    "rgr.max_tokens": "Enough for a short second rationale and the answer; less saves decoding time.",
    "records.folder": "Our scripts set it to `records` in the run's folder; `null` where the disk is too small.",
    "records.share": "A step of 512 x 8 responses of 2,048 tokens is some 40 MB; less where that is too much.",
    "records.embeddings": "False to save space; `care replay` then measures distances by words in common.",
}
"""When to change each key; a key without a line fails the tests."""


def render(text: str) -> str:
    """The text of a page with its tables as the code has them."""
    return _TABLE.sub(lambda mark: f"{mark[1]}{TABLES[mark[2]]()}\n{mark[3]}", text)


def _settings(section: str) -> str:
    """The keys of one section of the configuration, or with an empty name those outside of any."""
    cls = typing.cast(type, typing.get_type_hints(CareConfig)[section]) if section else CareConfig
    notes, hints = _field_docs(cls), typing.get_type_hints(cls)
    rows = ["| key | type | default | meaning | when to change it |", "|---|---|---|---|---|"]
    for field in dataclasses.fields(cls):
        if dataclasses.is_dataclass(hints[field.name]):
            continue
        name = f"{section}.{field.name}".lstrip(".")
        kind = str(field.type).replace("|", "or").replace("None", "null").replace("tuple[str, ...]", "list of names")
        rows.append(f"| `{ROOT}.{name}` | {kind} | `{_yaml(field.default)}` | {notes[field.name]} | {WHEN[name]} |")
    return "\n".join(rows)


def _yaml(value: object) -> str:
    """A default as Hydra takes it."""
    if value is None:
        return "null"
    if isinstance(value, tuple):
        return f"[{','.join(value)}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _presets() -> str:
    """What each preset sets."""
    rows = ["| `algorithm.care.preset` | sets |", "|---|---|"]
    for name, settings in PRESETS.items():
        keys = ", ".join(f"`{key}={_yaml(value)}`" for key, value in flat(settings).items())
        rows.append(f"| `{name}` | {keys or 'nothing: the defaults below'} |")
    return "\n".join(rows)


def _field_docs(cls: type) -> dict[str, str]:
    """The string under each field, which Python does not keep."""
    tree = ast.parse(inspect.getsource(care_config))
    (body,) = (node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == cls.__name__)
    notes = {}
    for field, note in itertools.pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(note, ast.Expr) and isinstance(note.value, ast.Constant):
            # A note may go over several lines; a cell of a table may not.
            text = " ".join(str(note.value.value).split()).replace("``", "`").replace("|", "or")
            notes[typing.cast(ast.Name, field.target).id] = text
    return notes


def _glossary(metrics: Mapping[str, str]) -> str:
    rows = ["| metric | meaning |", "|---|---|"]
    rows += ["| `{}` | {} |".format(name, note.replace("|", "\\|")) for name, note in metrics.items()]
    return "\n".join(rows)


def _alarms() -> str:
    rows = ["| alarm | means | fires at | why there | what to do |", "|---|---|---|---|---|"]
    for one in WATCHERS:
        rows.append(f"| `{one.name}` | {one.means} | {one.threshold} | {one.why} | {one.remedy} |")
    return "\n".join(rows)


def _reasons(reasons: Mapping[str, str]) -> str:
    rows = ["| reason | meaning |", "|---|---|"]
    rows += ["| `{}` | {} |".format(name, _TAG.sub(r"`\1`", note)) for name, note in reasons.items()]
    return "\n".join(rows)


TABLES: dict[str, Callable[[], str]] = {
    "presets": _presets,
    "top": lambda: _settings(""),
    "rescue": lambda: _settings("rescue"),
    "regions": lambda: _settings("regions"),
    "rgr": lambda: _settings("rgr"),
    "records": lambda: _settings("records"),
    "alarm_settings": lambda: _settings("alarms"),
    "alarms": _alarms,
    "alarm_metrics": lambda: _glossary(ALARM_METRICS),
    "report": lambda: _glossary(METRICS),
    "rgr_metrics": lambda: _glossary(RGR_METRICS),
    "region_metrics": lambda: _glossary(REGION_METRICS),
    "drops": lambda: _reasons(DROPS),
    "repairs": lambda: _reasons(REPAIRS),
    "listed": lambda: _reasons(LISTED),
    "step": lambda: _glossary(STEP_METRICS),
    "skip": lambda: _glossary(SKIP_METRICS),
    "estimator": lambda: _glossary(ESTIMATOR_METRICS),
    "record_metrics": lambda: _glossary(RECORD_METRICS),
    "memory": lambda: memory_table(Settings()),
}
"""What may stand between the marks."""


if __name__ == "__main__":
    for page in sorted(DOCS.glob("*.md")):
        page.write_text(render(page.read_text()))
