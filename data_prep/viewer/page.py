# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The viewer's page: one HTML file, nothing outside it, and no text of a dataset that is not escaped."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from data_prep.file.review import Exhibit
from data_prep.row.schema import IMAGE

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SPECIAL = re.compile(r"&lt;\|[\w ]{1,40}\|&gt;|&lt;/?(?:think|answer)&gt;")


@dataclass(frozen=True)
class Card:
    """A row as it is shown."""

    data_source: str
    qid: str
    images: tuple[str, ...]
    """Data URIs; empty for an image that cannot be decoded."""
    prompt: str
    placeholder: str
    """What stands for an image in ``prompt``; empty where a chat template has been applied."""
    response: str
    """The target of an SFT row, else empty."""
    gold: str
    raw_gold: str
    options: tuple[str, ...]
    rule: str
    """The rule the verifier judges the gold by; empty for an SFT row."""
    accepted: bool
    facts: Mapping[str, str]


_STYLE = """
:root { color-scheme: light; --ink: #1d2430; --soft: #667085; --line: #e2e5ea; --page: #f4f5f7; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 14px/1.5 system-ui, "DejaVu Sans", sans-serif; }
header { position: sticky; top: 0; z-index: 1; background: #fff; border-bottom: 1px solid var(--line);
  padding: 12px 24px; }
h1 { margin: 0 0 8px; font-size: 17px; }
h1 small { color: var(--soft); font-weight: normal; font-size: 13px; margin-left: 8px; }
button { font: inherit; padding: 3px 12px; margin: 0 6px 4px 0; border: 1px solid var(--line); border-radius: 14px;
  background: #fff; cursor: pointer; }
button.on { background: var(--ink); color: #fff; border-color: var(--ink); }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(430px, 1fr)); gap: 16px;
  padding: 16px 24px; align-items: start; }
article { background: #fff; border: 1px solid var(--line); border-radius: 8px; padding: 14px; min-width: 0;
  display: flex; flex-direction: column; gap: 10px; }
article.bad { border: 2px solid #c0362c; }
section { background: #fff; border: 1px solid #d9a441; border-radius: 8px; padding: 14px; min-width: 0;
  display: flex; flex-direction: column; gap: 10px; }
section.pair { grid-column: span 2; }
.sides { display: grid; grid-template-columns: repeat(auto-fit, minmax(0, 1fr)); gap: 14px; }
.sides > div { display: flex; flex-direction: column; gap: 8px; min-width: 0; }
select { font: inherit; padding: 3px 8px; margin: 0 6px 4px 0; border: 1px solid var(--line); border-radius: 14px; }
article[hidden], section[hidden] { display: none; }
.top { display: flex; justify-content: space-between; gap: 12px; font-size: 12px; color: var(--soft); }
.top b { color: var(--ink); }
.top span { overflow-wrap: anywhere; text-align: right; }
.images { display: flex; flex-wrap: wrap; gap: 8px; justify-content: center; background: var(--page); padding: 8px;
  border-radius: 6px; }
img { max-width: 100%; max-height: 300px; background: #fff; }
.none { color: var(--soft); font-style: italic; }
pre { margin: 0; padding: 10px; background: var(--page); border-radius: 6px; max-height: 330px; overflow: auto;
  white-space: pre-wrap; overflow-wrap: anywhere; font: 12.5px/1.45 ui-monospace, "DejaVu Sans Mono", monospace; }
mark { background: #dbe7ff; color: #1f4b99; border-radius: 3px; padding: 0 2px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 12px; margin: 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
dd.gold { font-weight: 600; }
.ok { color: #1a7f4b; } .no { color: #c0362c; font-weight: 600; }
li.right { font-weight: 600; } ol { margin: 0; padding-left: 22px; list-style: upper-alpha; }
footer { color: var(--soft); padding: 0 24px 24px; font-size: 12px; }
"""

_SCRIPT = """
const buttons = document.querySelectorAll("button"), selects = [...document.querySelectorAll("select")];
function filter() {
  const button = document.querySelector("button.on"), wanted = button.dataset.source, bad = "bad" in button.dataset;
  document.querySelectorAll("article, section").forEach(card => {
    const others = selects.some(select => select.value && card.dataset[select.dataset.by] !== select.value);
    const source = bad ? !card.classList.contains("bad") : Boolean(wanted) && card.dataset.source !== wanted;
    card.hidden = others || source;
  });
}
buttons.forEach(button => button.onclick = () => {
  buttons.forEach(other => other.classList.toggle("on", other === button));
  filter();
});
selects.forEach(select => select.onchange = filter);
"""


def page(
    cards: Sequence[Card], exhibits: Sequence[Exhibit], totals: Mapping[str, int], files: Sequence[str], model: str
) -> Iterator[str]:
    """Write the page.

    Args:
        cards: The rows.
        exhibits: Rows that were dropped, changed or suspected.
        totals: How many rows the files have of each data source.
        files: Names of the files.
        model: Whose chat template was applied; empty for none.

    Yields:
        Pieces of HTML.
    """
    shown = Counter(card.data_source for card in cards)
    rejected = sum(not card.accepted for card in cards)
    template = f"chat template of {model}" if model else "no chat template applied; give --model"
    yield '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
    yield f"<title>{escape(', '.join(files))}</title><style>{_STYLE}</style></head><body>\n<header>"
    yield f"<h1>{escape(', '.join(files))}<small>{escape(template)}</small></h1>"
    yield f'<button class="on" data-source="">all {len(cards)}</button>'
    for source, count in sorted(shown.items()):
        text = f"{source} {count} of {totals[source]:,}"
        yield f'<button data-source="{escape(source)}">{escape(text)}</button>'
    if rejected:
        yield f'<button data-bad="">gold not accepted {rejected}</button>'
    yield from _filters(cards, exhibits)
    yield "</header>\n<main>\n"
    for card in cards:
        yield from _article(card)
    for exhibit in exhibits:
        yield from _section(exhibit)
    yield "</main>\n<footer>Made by care view. Images are small copies.</footer>"
    yield f"<script>{_SCRIPT}</script></body></html>\n"


def _article(card: Card) -> Iterator[str]:
    state = "" if card.accepted else ' class="bad"'
    facts = _data("", card.facts.get("source", ""), card.facts.get("answer_type", ""))
    yield f'<article data-source="{escape(card.data_source)}"{facts}{state}>'
    yield f'<div class="top"><b>{escape(card.data_source)}</b><span>{escape(card.qid)}</span></div>'
    pictures = [f'<img alt="" src="{image}">' if image else _NO_PICTURE for image in card.images]
    yield f'<div class="images">{"".join(pictures) or _NO_IMAGE}</div>'
    yield f"<pre>{_highlighted(card.prompt, card.placeholder)}</pre>"
    if card.response:
        yield f"<pre>{_highlighted(card.response, '')}</pre>"
    yield "<dl>"
    if card.rule or not card.response:
        yield f'<dt>gold</dt><dd class="gold">{escape(card.gold)}</dd>'
        verdict = (
            '<span class="ok">accepts it</span>' if card.accepted else '<span class="no">does not accept it</span>'
        )
        yield f"<dt>verifier</dt><dd>{escape(card.rule)}: {verdict}</dd>"
    if card.raw_gold and card.raw_gold != card.gold:
        yield f"<dt>as it came</dt><dd>{escape(card.raw_gold)}</dd>"
    if card.options:
        yield f"<dt>options</dt><dd>{_options(card)}</dd>"
    for name, value in card.facts.items():
        yield f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>"
    yield "</dl></article>\n"


def _filters(cards: Sequence[Card], exhibits: Sequence[Exhibit]) -> Iterator[str]:
    """A choice for each of reason, source and answer type, with the number of rows."""
    reasons = Counter(f"{exhibit.action}: {exhibit.reason}" for exhibit in exhibits)
    sources = Counter(card.facts.get("source", "") for card in cards) + Counter(e.source for e in exhibits)
    types = Counter(card.facts.get("answer_type", "") for card in cards) + Counter(e.answer_type for e in exhibits)
    kept = {"kept": len(cards)} if exhibits else {}
    for name, every, counts in (
        ("reason", "kept and not", kept | dict(sorted(reasons.items()))),
        ("origin", "all sources", dict(sorted(sources.items()))),
        ("kind", "all answer types", dict(sorted(types.items()))),
    ):
        known = {value: count for value, count in counts.items() if value}
        options = [
            f'<option value="{escape(value)}">{escape(value)} {count}</option>' for value, count in known.items()
        ]
        if len(options) > 1:
            yield f'<select data-by="{name}"><option value="">{every}</option>{"".join(options)}</select>'


def _data(reason: str, source: str, answer_type: str) -> str:
    """What the filters go by."""
    values = {"reason": reason or "kept", "origin": source, "kind": answer_type}
    return "".join(f' data-{name}="{escape(value)}"' for name, value in values.items())


def _raw(text: str) -> str:
    """A dataset's own text; its images are shown above it."""
    return escape(text.replace(IMAGE, "[image] "))


def _section(exhibit: Exhibit) -> Iterator[str]:
    """A row that was dropped, changed or suspected, beside what it was taken for."""
    reason = f"{exhibit.action}: {exhibit.reason}"
    facts = _data(reason, exhibit.source, exhibit.answer_type)
    wide = ' class="pair"' if len(exhibit.sides) > 1 else ""
    yield f'<section data-source="{escape(exhibit.data_source)}"{facts}{wide}>'
    yield f'<div class="top"><b>{escape(reason)}</b><span>{escape(exhibit.data_source)}</span></div>'
    yield '<div class="sides">'
    for side in exhibit.sides:
        pictures = [f'<img alt="" src="{image}">' if image else _NO_PICTURE for image in side.images]
        yield f'<div><b>{escape(side.title)}</b><div class="images">{"".join(pictures) or _NO_IMAGE}</div>'
        yield f"<pre>{_raw(side.question)}</pre>"
        yield f"<dl><dt>gold</dt><dd>{_raw(side.gold)}</dd></dl></div>"
    yield f"</div><dl><dt>why</dt><dd>{_raw(exhibit.detail)}</dd></dl></section>\n"


_NO_PICTURE = '<span class="none">cannot be decoded</span>'
_NO_IMAGE = '<span class="none">no image</span>'


def _options(card: Card) -> str:
    items = [
        f"<li{' class=right' if letter == card.gold else ''}>{escape(option)}</li>"
        for letter, option in zip(LETTERS, card.options, strict=False)
    ]
    return f"<ol>{''.join(items)}</ol>"


def _highlighted(text: str, placeholder: str) -> str:
    """The text, escaped, with the tokens that are no ordinary words marked."""
    shown = _SPECIAL.sub(lambda found: f"<mark>{found.group()}</mark>", escape(text))
    return shown.replace(escape(placeholder), f"<mark>{escape(placeholder)}</mark>") if placeholder else shown
