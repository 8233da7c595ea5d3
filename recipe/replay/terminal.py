# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The summary as a page for the terminal.

Texts of a dump are a model's: they are shown escaped, so that none of them can drive the terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from recipe.replay.embeddings import MODEL, RECORDED, WORDS
from recipe.replay.methods import Method
from recipe.replay.summary import GroupCounts, MethodCounts, Summary

PAPER_WIDTH = 120
"""Columns where there is no terminal."""
WIDEST = 48
"""Characters of a text that is shown."""


def console(file: object = None) -> Console:
    """Where a page goes; standard output by default."""
    made = Console(file=file, highlight=False, markup=False, emoji=False)  # type: ignore[arg-type]
    if not made.is_terminal:
        made.width = PAPER_WIDTH
    return made


def show(summary: Summary, out: Console) -> None:
    """Print the page."""
    for line in _what_there_is(summary):
        out.print(line)
    out.print(_methods(summary))
    for line in _notes(summary):
        out.print(line)
    if len(summary.methods) > 1:
        out.print("Rows that two methods push opposite ways / that only one of them pushes:")
        out.print(_disagreements(summary))
    for line in _repairs(summary):
        out.print(line)
    if summary.verdicts.compared or summary.verdicts.failed:
        _verifier(summary, out)


def _what_there_is(summary: Summary) -> Iterator[str]:
    counts, read = summary.groups, summary.read
    origins = ", ".join(f"{origin} ({rows:,})" for origin, rows in summary.verdicts.origins.most_common())
    yield f"{counts.steps:,} steps, {counts.groups:,} groups, {counts.rows:,} rollouts. Right or wrong by: {origins}."
    verified = max(1, counts.right + counts.wrong)
    yield (
        f"Right: {counts.right / verified:.1%}. Groups: {_of(counts.mixed, counts.groups)} mixed, "
        f"{_of(counts.all_right, counts.groups)} all right, {_of(counts.all_wrong, counts.groups)} all wrong."
    )
    for number, what in (
        (read.damaged, "damaged lines were skipped"),
        (read.padding, "rows that verl had added to fill a batch were skipped"),
        (read.earlier_outputs, "outputs before the last of a conversation were skipped"),
        (counts.unverified, "rollouts have no verdict; CARE leaves them out"),
        (counts.sizes[1], "groups have a single rollout, which no group method can learn from"),
    ):
        if number:
            yield f"{number:,} {what}."
    for damage in read.damages[:3]:
        yield f"  {_escaped(damage, 100)}"
    if read.without_uid:
        yield (
            "The dump has no uid: rollouts of equal prompt and gold answer are taken for a group, so two prompts that "
            "differ in their images alone are one."
        )


def _repairs_asked(method: Method, own: MethodCounts, rows: int) -> str:
    return f"{100 * own.repairs / rows:.1f}" if method.care else "-"


_LINES: tuple[tuple[str, Callable[[Method, MethodCounts, GroupCounts], str]], ...] = (
    ("groups without signal", lambda _, own, all: _of(own.silent_groups, all.groups)),
    ("rows that teach", lambda _, own, all: _of(own.taught, all.rows)),
    ("  pushed up", lambda _, own, all: _of(own.pushed_up, all.rows)),
    ("  pushed down", lambda _, own, all: _of(own.pushed_down, all.rows)),
    ("wrong rows pushed up", lambda _, own, all: _of(own.wrong_pushed_up, all.rows)),
    ("gradient on failures", lambda _, own, all: _of(own.mass_of_failures, own.mass)),
    ("gradient on rationales", lambda _, own, all: _of(own.mass_of_rationales, own.mass)),
    ("rows in the log-prob pass", lambda _, own, all: _of(own.before_update, all.rows)),
    ("rows in the update", lambda _, own, all: _of(own.taught, all.rows)),
    ("decoded per row", lambda _, own, all: f"{all.rows / own.kept:.2f}" if own.kept else "-"),
    ("repairs per 100 rows", lambda method, own, all: _repairs_asked(method, own, all.rows)),
)
"""The lines of the table of methods."""


def _methods(summary: Summary) -> Table:
    table = _table("", *summary.methods)
    for title, value in _LINES:
        cells = (value(summary.methods[name], own, summary.groups) for name, own in summary.of_method.items())
        table.add_row(title, *cells)
    return table


def _notes(summary: Summary) -> Iterator[str]:
    counts = summary.groups
    yield (
        "The gradient is that of the first update of a batch, before any clipping, which is where gspo would differ "
        "from grpo. Rows in the passes: those that cannot be left out without changing the update, with no KL term. "
        "verl itself computes all of them."
    )
    if any(method.care for method in summary.methods.values()):
        yield "CARE is shown before repairs, with its presets' settings."
        for origin, steps in counts.distances.items():
            yield f"Distances in {steps:,} of {counts.steps:,} steps: {_DISTANCES[origin]}."
        rescuing = [name for name, one in summary.methods.items() if one.care and one.care.rescue.enable]
        if counts.guessed_likeliest and rescuing:
            yield (
                f"No log-probabilities in {counts.guessed_likeliest:,} all-wrong groups: there the shortest response "
                f"stands in for the likeliest, which CARE pushes up ({', '.join(rescuing)}). Numbers of rows do not "
                "depend on it."
            )


_DISTANCES = {
    RECORDED: "those of the run",
    WORDS: "by words in common, so which failures are near is a stand-in for hidden states; how many is not",
    MODEL: "by hidden states of the model, without the images, which a dump does not have",
}
"""What is said of each origin of embeddings."""


def _disagreements(summary: Summary) -> Table:
    table = _table("", *list(summary.methods)[1:])
    names = list(summary.methods)
    for place, first in enumerate(names[:-1]):
        cells = []
        for second in names[1:]:
            pair = summary.of_pair.get((first, second))
            rows = summary.groups.rows
            cells.append(f"{pair.opposite / rows:.1%} / {pair.only_one / rows:.1%}" if pair else "")
        table.add_row(names[place], *cells)
    return table


def _repairs(summary: Summary) -> Iterator[str]:
    counts = summary.groups
    yield (
        f"What a repair could change: {_of(counts.all_wrong, counts.groups)} of the groups are all wrong; a repair "
        "that passes gives them a right answer to learn from. "
        f"{_of(counts.one_wrong, counts.groups)} have one failure; a repair that passes takes it away, and nothing is "
        "left to contrast."
    )
    for kind, tried in summary.repairs.tried.items():
        passed = _of(summary.repairs.passed[kind], tried)
        yield f"Repairs recorded in {kind} groups: {tried:,}, of which {passed} passed."


def _verifier(summary: Summary, out: Console) -> None:
    counts = summary.verdicts
    out.print(
        f"The verifier and the dump's own score: {counts.compared:,} compared, {counts.only_verifier:,} right by the "
        f"verifier only, {counts.only_dump:,} right by the dump only, {counts.failed:,} verifications failed."
    )
    if counts.disputes:
        table = _table("where", "verifier", "score", "rule", "gold", "answer")
        for one in counts.disputes[:10]:
            texts = _escaped(one.gold, WIDEST), _escaped(one.pred, WIDEST)
            table.add_row(_escaped(one.where, WIDEST), one.verifier, f"{one.score:g}", one.rule, *texts)
        out.print(table)


def _table(first: str, *others: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")
    return table


def _of(part: float, whole: float) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def _escaped(text: str, widest: int) -> Text:
    """A text without anything a terminal would act on; the end of a path says more than its beginning."""
    shown = "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text[-widest:])
    return Text(shown if len(text) <= widest else f"…{shown}")
