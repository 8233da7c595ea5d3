# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What the check found, as ``report.json``, ``report.md`` and ``report.html`` with a picture, after each stage."""

from __future__ import annotations

import base64
import enum
import html
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

PARTS = ("gen", "old_log_prob", "adv", "update_actor", "update_weights")
"""Parts of a step that verl times."""
STYLE = "body{font:15px sans-serif;max-width:60em;margin:2em auto}td{padding:.2em .8em;border-top:1px solid #ccc}"
NAMES = {
    "grpo": "GRPO",
    "grpo_live": "GRPO, live rows only",
    "care_no_rgr": "CARE without repairs",
    "care_no_rgr_live": "CARE without repairs, live rows only",
    "care": "CARE",
    "care_live": "CARE, live rows only",
}
"""The default of a run leaves dead rows out for CARE, and not for verl's own estimators."""


class State(str, enum.Enum):
    """How a stage ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    OUT_OF_TIME = "out of time"


@dataclass(frozen=True)
class Check:
    """Something that is right or wrong, with its figure."""

    name: str
    passed: bool
    figure: str


@dataclass(frozen=True)
class Stage:
    """A part of the check.

    Attributes:
        name: What was done.
        state: How it ended; failed if one of its checks did.
        seconds: How long it took.
        checks: What was right or wrong.
        figures: What was measured: name and value.
        note: Why it did not pass, or what to know of it.
    """

    name: str
    state: State
    seconds: float
    checks: tuple[Check, ...] = ()
    figures: tuple[tuple[str, str], ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Method:
    """Medians over the measured steps of a method."""

    method: str
    steps: int
    seconds: dict[str, float]
    """Of the step, under ``step``, and of its parts."""
    tokens_per_second: float
    mfu: float
    peak_gib: float


@dataclass
class Report:
    """The whole check; stages and methods are added while it runs."""

    size: str
    device: str
    versions: dict[str, str]
    commit: str
    minutes: float
    stages: list[Stage] = field(default_factory=list)
    methods: list[Method] = field(default_factory=list)

    @property
    def failed(self) -> list[str]:
        """Names of the stages that failed."""
        return [stage.name for stage in self.stages if stage.state is State.FAILED]

    def verdict(self) -> str:
        """The outcome in a sentence."""
        checks = [check for stage in self.stages for check in stage.checks]
        passed = sum(check.passed for check in checks)
        text = f"{passed} of {len(checks)} checks passed"
        missing = [stage.name for stage in self.stages if stage.state in (State.SKIPPED, State.OUT_OF_TIME)]
        if missing:
            text += f"; not done: {', '.join(missing)}"
        return f"{text}; failed: {', '.join(self.failed)}." if self.failed else f"{text}."

    def write(self, folder: Path) -> None:
        """Write all of it as it is now; what the picture needs may be missing, and the picture then is."""
        (folder / "report.json").write_text(json.dumps(asdict(self), indent=2) + "\n")
        (folder / "report.md").write_text(self.markdown())
        picture = draw(self.methods, folder / "report.png")
        (folder / "report.html").write_text(self.page(picture))

    def markdown(self) -> str:
        """For an issue."""
        lines = [f"# CARE on {self.device}", "", self.verdict(), "", *self._facts(), ""]
        if self.methods:
            lines += [*_table(self._steps()), ""]
        for stage in self.stages:
            lines += [f"## {stage.name}: {stage.state.value} ({stage.seconds:.0f} s)", ""]
            if stage.note:
                lines += ["```", stage.note, "```", ""] if "\n" in stage.note else [stage.note, ""]
            rows = [[check.name, "passed" if check.passed else "FAILED", check.figure] for check in stage.checks]
            rows += [[name, "", value] for name, value in stage.figures]
            if rows:
                lines += [*_table([["", "", ""], *rows]), ""]
        return "\n".join(lines)

    def page(self, picture: Path | None) -> str:
        """The same as a page of its own, with the picture in it."""
        shown = ""
        if picture is not None:
            data = base64.b64encode(picture.read_bytes()).decode()
            shown = f'<img alt="Seconds of a step by method" src="data:image/png;base64,{data}">'
        stages = []
        for stage in self.stages:
            rows = [[check.name, "passed" if check.passed else "FAILED", check.figure] for check in stage.checks]
            rows += [[name, "", value] for name, value in stage.figures]
            note = f"<pre>{html.escape(stage.note)}</pre>" if stage.note else ""
            stages.append(
                f"<h2>{html.escape(stage.name)}: {stage.state.value} ({stage.seconds:.0f} s)</h2>{note}{_html(rows)}"
            )
        facts = "".join(f"<li>{html.escape(fact.removeprefix('- '))}</li>" for fact in self._facts())
        steps = _html(self._steps()) if self.methods else ""
        title = html.escape(f"CARE on {self.device}")
        return (
            f"<!doctype html><meta charset=utf-8><title>{title}</title><style>{STYLE}</style>"
            f"<h1>{title}</h1><p>{html.escape(self.verdict())}</p><ul>{facts}</ul>"
            f"{steps}{shown}{''.join(stages)}\n"
        )

    def _facts(self) -> list[str]:
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        return [
            f"- Qwen2.5-VL of size {self.size}, random weights; {self.minutes:.1f} minutes",
            f"- {versions}",
            f"- commit {self.commit or 'unknown'}",
        ]

    def _steps(self) -> list[list[str]]:
        head = ["median of a step", "steps", "seconds", *PARTS, "tokens/s/GPU", "MFU", "peak GiB so far"]
        return [head, *(_method_row(one) for one in self.methods)]


def _method_row(one: Method) -> list[str]:
    seconds = [f"{one.seconds.get(part, float('nan')):.2f}" for part in ("step", *PARTS)]
    tokens, mfu = f"{one.tokens_per_second:.0f}", f"{one.mfu:.3f}"
    return [NAMES[one.method], str(one.steps), *seconds, tokens, mfu, f"{one.peak_gib:.1f}"]


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    lines = [f"| {' | '.join(row)} |" for row in cells]
    return [lines[0], "|" + "---|" * len(rows[0]), *lines[1:]]


def _html(rows: Sequence[Sequence[str]]) -> str:
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table>{body}</table>"


def draw(methods: Sequence[Method], path: Path) -> Path | None:
    """Draw the parts of a step by method; None where there is nothing to draw, or nothing to draw with."""
    if not methods:
        return None
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return None
    figure = Figure(figsize=(8, 1.2 + 0.6 * len(methods)), layout="constrained")
    axes = figure.add_subplot()
    labels = [NAMES[one.method] for one in methods]
    left = [0.0] * len(methods)
    for part in PARTS:
        widths = [one.seconds.get(part, 0.0) for one in methods]
        axes.barh(labels, widths, left=left, label=part)
        left = [start + width for start, width in zip(left, widths, strict=True)]
    rest = [max(0.0, one.seconds["step"] - start) for one, start in zip(methods, left, strict=True)]
    axes.barh(labels, rest, left=left, label="rest", color="#cccccc")
    axes.invert_yaxis()
    axes.set_xlabel("seconds a step (medians)")
    axes.legend(ncols=6, fontsize="small", loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False)
    figure.savefig(path, dpi=120)
    return path
