# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Write a model card from what the runs left behind.

    care card --run COLD_START_RUN CARE_RUN --data cold.manifest.json --model MODEL

writes ``MODEL/README.md``: method, base model, resolved settings, data with their licences, scores before and after,
the merge check, commit and versions. ``--run`` takes the runs in the order they were made. What a run did not leave is
listed under "Missing".
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from recipe.release.check import RESULT
from recipe.release.facts import DataFile, Stage, read_data, read_stage

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_PATH = re.compile(r"(?<![\w:/.~])(?:~|\.{1,2})?/(?:[^\s'\",\]]*/)?")


def card(
    name: str,
    stages: Sequence[Stage],
    data: Sequence[DataFile],
    check: Mapping[str, object] | None,
    missing: Sequence[str] = (),
) -> str:
    """The card as Markdown.

    Args:
        name: Of the model.
        stages: The runs, in order.
        data: What they trained on.
        check: The record of ``recipe.release.check``.
        missing: What else is known to be missing.
    """
    gaps = [*(gap for stage in stages for gap in stage.missing), *missing]
    if check is None:
        gaps.append(f"merge check ({RESULT} beside the weights)")
    sections = [
        _front_matter(stages),
        f"# {name}\n\n{_summary(stages)}",
        *(_stage(number, stage) for number, stage in enumerate(stages, start=1)),
        _data(data),
        _scores(stages),
        _check(check),
        _provenance(stages),
        "## Missing\n\n" + ("\n".join(f"- {gap}" for gap in gaps) or "Nothing that this card asks for."),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _front_matter(stages: Sequence[Stage]) -> str:
    base = stages[0].base_model
    lines = [f"base_model: {base}"] if _HUB_ID.fullmatch(base) else []
    lines += ["library_name: transformers", "pipeline_tag: image-text-to-text", "tags:", "- verl", "- care"]
    return "\n".join(["---", *lines, "---"])


def _summary(stages: Sequence[Stage]) -> str:
    methods = ", then ".join(stage.method or "(unknown)" for stage in stages)
    base = without_folders(stages[0].base_model) or "(unknown)"
    text = f"Made from `{base}` by {methods}, with verl and the CARE plugin."
    return f"{text} No licence is declared here: it depends on those of the base model and of the data below."


def _stage(number: int, stage: Stage) -> str:
    lines = [f"## Training {number}: {stage.method or stage.name}", "", f"Run `{stage.name}`"]
    if stage.base_model:
        lines[-1] += f", from `{without_folders(stage.base_model)}`"
    if stage.settings:
        rows = [f"| `{key}` | `{without_folders(str(value))}` |" for key, value in stage.settings.items()]
        lines += ["", "| setting | value |", "|---|---|", *rows]
    if stage.overrides:
        said = [without_folders(override) for override in stage.overrides]
        lines += ["", "What the command line set, folders left out:", "", "```", *said, "```"]
    return "\n".join(lines)


def _data(data: Sequence[DataFile]) -> str:
    if not data:
        return ""
    rows = []
    notes: dict[str, str] = {}
    for file in data:
        sources = ", ".join(f"{source} {count:,}" for source, count in sorted(file.sources.items()))
        terms = ", ".join(f"{source}: {licence['name']}" for source, licence in sorted(file.licences.items()))
        rows.append(f"| `{file.name}` | {file.rows:,} | {sources} | {terms} | `{file.sha256[:16]}` |")
        notes |= {source: licence["note"] for source, licence in file.licences.items() if licence["note"]}
    table = ["| file | rows | data sources | licences | SHA-256 |", "|---|---|---|---|---|", *rows]
    return "\n".join(["## Data", "", *table, *(f"\n{source}: {note}." for source, note in sorted(notes.items()))])


def _scores(stages: Sequence[Stage]) -> str:
    rows = [
        f"| {stage.name} | {score.when} | {score.rows:,} | {score.accuracy:.3f} | {score.format:.3f} |"
        for stage in stages
        for score in stage.scores
    ]
    if not rows:
        return ""
    head = ["| run | when | questions | accuracy | format |", "|---|---|---|---|---|"]
    return "\n".join(
        [
            "## Scores",
            "",
            "Held-out questions, one response each; where a step is given, the run's own validation.",
            "",
            *head,
            *rows,
        ]
    )


def _check(check: Mapping[str, object] | None) -> str:
    if check is None:
        return ""
    weights, outputs = check["weights"], check["outputs"]
    assert isinstance(weights, dict) and isinstance(outputs, dict)
    verdict = "equal to" if weights["equal"] else "**different from**"
    lines = [
        f"Step {check['step']}: {weights['parameters']} parameters in {weights['precision']}, {verdict} the trainer's "
        "checkpoint after rounding."
    ]
    lines += [
        f"Greedy responses ({name}): {report['identical']:.1%} of {report['prompts']} identical to the trainer's, "
        f"{report['same_answer']:.1%} with the same answer."
        for name, report in outputs.items()
    ]
    return "\n".join(["## Merge check", "", *lines])


def _provenance(stages: Sequence[Stage]) -> str:
    lines = []
    for stage in (stage for stage in stages if stage.attempts):
        last = stage.attempts[-1]
        commit = (
            f"commit `{last.commit}`{' with local changes' if last.changed else ''}" if last.commit else "no commit"
        )
        versions = ", ".join(f"{name} {version}" for name, version in last.versions.items())
        lines.append(
            f"- {stage.name}: {commit}, started {len(stage.attempts)} time(s), last {last.started}; {versions}"
        )
    return "\n".join(["## Code and versions", "", *lines]) if lines else ""


def without_folders(text: str) -> str:
    """``text`` with every local path reduced to its last component."""
    return _PATH.sub("", text)


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="care card", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--run", type=Path, nargs="+", required=True, help="run folders, in the order they were made")
    add("--data", type=Path, nargs="*", default=[], help="manifests that do not lie beside the training files")
    add("--model", type=Path, required=True, help="folder of the merged model")
    add("--name", help="name of the model (default: the folder's)")
    add("--out", type=Path, help="file to write (default: README.md in the model's folder)")
    options = parser.parse_args(argv)
    try:
        stages = [read_stage(run) for run in options.run]
        data, missing = read_data(stages, options.data)
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 2
    result = options.model / RESULT
    check = json.loads(result.read_text()) if result.is_file() else None
    out = options.out or options.model / "README.md"
    out.write_text(card(options.name or options.model.resolve().name, stages, data, check, missing), encoding="utf-8")
    print(f"{out}: written; under Missing: {sum(len(stage.missing) for stage in stages) + len(missing)} item(s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
