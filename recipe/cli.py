# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""``care <command>``: every tool of the package under one name.

A table, and nothing but the standard library until a command is called, so that ``care --help`` answers at once. Each
entry runs as ``python -m <module>`` would, with the same options.
"""

from __future__ import annotations

import difflib
import runpy
import sys
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """One entry: what a person types, the module it runs, and what it is for."""

    name: str
    module: str
    purpose: str


GROUPS: dict[str, tuple[Command, ...]] = {
    "Will it run here?": (
        Command("doctor", "verl_ext.checks.doctor", "would algorithm.adv_estimator=care run here, and if not, why not"),
        Command("check-gpu", "verl_ext.check_gpu", "ten minutes on one GPU: correct, how fast, how much memory"),
        Command("dry-run", "verl_ext.checks.dry_run", "resolve and validate a training command without running it"),
        Command("dry-run-sft", "verl_ext.checks.dry_run_sft", "the same for a cold start"),
        Command("memory", "verl_ext.checks.memory_estimate", "does LoRA training fit one GPU"),
        Command("preflight", "verl_ext.checks.preflight", "everything that a GPU run needs, before it starts"),
        Command("cluster", "verl_ext.checks.cluster", "wait until a Ray cluster is complete, and examine its nodes"),
        Command("lock", "verl_ext.checks.lock", "compare what is installed with what the tests ran with"),
    ),
    "Data": (
        Command("data-virl39k", "data_prep.virl39k", "ViRL39K to verl's parquet"),
        Command("data-geometry3k", "data_prep.geometry3k", "Geometry3K to verl's parquet"),
        Command("data-chartqa", "data_prep.chartqa", "ChartQA to verl's parquet"),
        Command("data-own", "data_prep.own", "rows of your own to verl's parquet"),
        Command("data-cold-start", "data_prep.vision_r1_cold", "Vision-R1-cold to verl's SFT parquet"),
        Command("mix", "data_prep.mix", "several files to one, without duplicates and benchmark items"),
        Command("view", "data_prep.viewer", "a page with random rows, for a person to look at"),
        Command("verify", "recipe.care.reward", "score a file of predictions, and say which rule decided"),
    ),
    "Look at a run": (
        Command("watch", "recipe.alarms", "does a run go wrong, and what to do; live or afterwards"),
        Command("replay", "recipe.replay", "what each method would do with the rollouts of a run, from its dump"),
        Command("report", "recipe.report", "a page about a run or two: curves, failure signs, groups with images"),
    ),
    "After training": (
        Command("evaluate", "recipe.evaluation.run", "the benchmarks, a model against another"),
        Command("evaluate-report", "recipe.evaluation.report", "the tables of an evaluation, with intervals"),
        Command("evaluate-held-out", "recipe.evaluation.held_out", "answers to held-out questions, before RL or after"),
        Command("checkpoint", "recipe.release.checkpoint", "find what is to be merged"),
        Command("check-model", "recipe.release.check", "is a merged model what was trained"),
        Command("rewrite-model", "recipe.release.rewrite", "another tokenizer or chat template for a merged model"),
        Command("card", "recipe.release.card", "the model card, from the run's own record"),
        Command("record", "verl_ext.checks.record", "note in a run's folder which code and versions it ran with"),
    ),
    "Tiny models on a CPU": (
        Command("tiny-prepare", "recipe.tiny.prepare", "a warm-started tiny model and its data"),
        Command("tiny-run", "recipe.tiny.run", "start a training command and show its progress"),
        Command("tiny-plot", "recipe.tiny.plot", "the curves of a run"),
        Command("tiny-suite", "recipe.tiny.suite.runs", "methods against each other, several seeds each"),
        Command("tiny-suite-page", "recipe.tiny.suite.page", "the results page of the suite"),
        Command("tiny-repair", "recipe.tiny.repair_controls", "do repairs pass because of the cue"),
        Command("tiny-benchmarks", "recipe.evaluation.tiny_sets", "small benchmark sets in the real schemas"),
        Command("tiny-cold-start", "recipe.tiny.cold_start", "a tiny model and data for a cold start"),
    ),
}
"""What ``care --help`` shows, in its order."""

COMMANDS = {command.name: command for group in GROUPS.values() for command in group}

COMPLETION = {
    "bash": "complete -W '{names}' care",
    "zsh": 'compdef \'_arguments "1:command:({names})" "*:file:_files"\' care',
    "fish": "complete -c care -n __fish_use_subcommand -f -a '{names}'",
}
"""What ``care completion SHELL`` prints."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: The command and its own options; those of the process by default.

    Returns:
        The exit status, where the command does not exit by itself.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or given[0] in ("-h", "--help", "help"):
        print(overview())
        return 0
    name, *rest = given
    if name == "completion":
        return _completion(rest)
    if name not in COMMANDS:
        close = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f"did you mean `care {close[0]}`?" if close else "`care --help` lists them."
        print(f"care {name}: there is no such command; {hint}", file=sys.stderr)
        return 2
    sys.argv = [f"care {name}", *rest]
    runpy.run_module(COMMANDS[name].module, run_name="__main__")
    return 0


def overview() -> str:
    """The help page: every command in a line."""
    width = max(map(len, COMMANDS))
    lines = ["usage: care COMMAND [OPTION ...]", "", "CARE for verl. `care COMMAND --help` says more of each."]
    for title, commands in GROUPS.items():
        lines += ["", f"{title}", *(f"  {command.name:{width}}  {command.purpose}" for command in commands)]
    return "\n".join([*lines, "", 'Completion: eval "$(care completion bash)", or zsh, or fish.'])


def _completion(arguments: Sequence[str]) -> int:
    shell = arguments[0] if len(arguments) == 1 else ""
    if shell not in COMPLETION:
        print(f"care completion: name a shell: {', '.join(COMPLETION)}", file=sys.stderr)
        return 2
    print(COMPLETION[shell].format(names=" ".join(COMMANDS)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
