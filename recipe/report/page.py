# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The page: one HTML file that needs no other file and no network, and in which no text of a model can act.

Data stand as JSON in a script element that browsers do not run, without a ``<`` in it, and the page's script writes
them as text only. A content security policy admits that one script and that one style sheet by their hashes, and
nothing from anywhere else; so even a mistake there would have nothing to run.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from importlib import resources

from recipe.care.verifier.rules import RULES
from recipe.report.curves import PANELS, Curve
from recipe.report.groups import Kept
from recipe.report.signs import Sign

ROLES: dict[str, tuple[str, str]] = {
    "anchor": ("anchor", "Verified right; the group's failures are contrasted with it"),
    "hard_negative": ("hard negative", "A failure chosen for its nearness to the anchor; pushed down"),
    "repaired_positive": ("repaired", "Its repair passed and takes its place; pushed up"),
    "repaired_negative": ("repair failed", "Its repair failed and takes its place; pushed down half as much"),
    "rescue_anchor": ("rescue anchor", "The likeliest failure of a group that failed throughout; pushed up a little"),
    "rescue_negative": ("rescue negative", "A failure that the rescue anchor is contrasted with; pushed down a little"),
    "unused": ("unused", "Not in the subgroup: teaches nothing"),
    "invalid": ("left out", "Padding, or without a verdict"),
}
"""What a role is called on the page, and what it means."""


@dataclass(frozen=True)
class RunView:
    """One run as it is shown."""

    name: str
    method: str
    last_step: int
    curves: Mapping[str, Curve]
    signs: Sequence[Sign]
    groups_seen: int
    notes: Sequence[str]
    """What a reader has to know about the data."""


@dataclass(frozen=True)
class Content:
    """Everything on a page."""

    runs: Sequence[RunView]
    groups: Sequence[Sequence[Kept]]
    """Of each run."""
    pictures: Sequence[Mapping[int, Sequence[str]]]
    """Of each run: by row of its training files."""
    written: str
    """When, for a person."""
    refresh: int
    """Seconds after which an open page loads itself anew; 0 for never."""


def page(content: Content) -> Iterator[str]:
    """Write the page, piece by piece."""
    style, script = _asset("report.css"), _asset("report.js")
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    title = " and ".join(run.name for run in content.runs)
    body = _asset("report.html")
    yield '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
    yield f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield f"<title>{escape(title)} - care report</title>\n<style>{style}</style></head>\n{body}\n"
    yield '<script type="application/json" id="data">'
    yield from map(inert, _json(content))
    yield f"</script>\n<script>{script}</script></body></html>\n"


def inert(text: str) -> str:
    """JSON with nothing in it that could end its element or begin another."""
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _json(content: Content) -> Iterator[str]:
    """The data. ``json`` writes ASCII only, so a text can hold no character that a parser of HTML treats specially."""
    head = {
        "runs": [asdict(run) for run in content.runs],
        "panels": [asdict(panel) for panel in PANELS],
        "roles": ROLES,
        "rules": RULES,
        "written": content.written,
        "refresh": content.refresh,
    }
    yield json.dumps(head, separators=(",", ":"), allow_nan=False)[:-1]
    yield ',"pictures":'
    yield json.dumps(
        [{str(row): list(images) for row, images in one.items()} for one in content.pictures], separators=(",", ":")
    )
    yield ',"groups":['
    for number, groups in enumerate(content.groups):
        yield ",[" if number else "["
        yield from _joined(kept.text for kept in groups)
        yield "]"
    yield "]}"


def _joined(texts: Iterable[str]) -> Iterator[str]:
    for number, text in enumerate(texts):
        yield f",{text}" if number else text


def _asset(name: str) -> str:
    return (resources.files("recipe.report") / "assets" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
