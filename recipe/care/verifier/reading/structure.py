# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Taking maths apart: brackets, lists, ranges, matrices. Text in, pieces out; nothing here decides."""

from __future__ import annotations

import re
from dataclasses import dataclass

_OPENING, _CLOSING = "([{", ")]}"
SYMBOL = re.compile(r"(?:[A-Za-z]|\\[A-Za-z]+)'?(?:\s*\(\s*[A-Za-z]\s*\))?")
"""One symbol, such as ``x``, ``\\alpha`` or ``f(x)``."""
_POINT_NAME = re.compile(r"[A-Z]'?\s*(?=\()")
_ORDER = re.compile("([<>≤≥≠])")
_MIRRORED = {">": "<", "≥": "≤"}
_RELATION = re.compile(r"(.+?)\\(perp|parallel|cong|sim)(?![A-Za-z])(.+)")
_CONJUNCTION = re.compile(r"\s*,?\s+(?:and|or)\s+")
_MATRIX = re.compile(r"\\begin\{([pbv]?)matrix\}(.+)\\end\{\1matrix\}")
_LABEL = re.compile(r"\(([0-9]{1,2})\)")
_LABELS = re.compile(r"\([0-9]{1,2}\)(?:(?:\s|,|;|and)*\([0-9]{1,2}\))+")
MOST_ELEMENTS = 20


@dataclass(frozen=True)
class Sequence:
    """Several elements, in brackets or bare."""

    opening: str
    """``(``, ``[``, ``{``, or empty for a bare list."""
    closing: str
    """``)``, ``]``, ``}``, or empty."""
    elements: tuple[str, ...]

    @property
    def is_set(self) -> bool:
        """Whether the order does not count."""
        return self.opening == "{"


def read_sequence(spelled: str) -> Sequence | None:
    """Read a tuple, an interval, a set or a bare list; None where the text has no comma between elements."""
    text = _POINT_NAME.sub("", spelled.replace(r"\{", "{").replace(r"\}", "}").strip(), count=1)
    opening, closing = text[:1], text[-1:]
    inside = text[1:-1]
    is_bracketed = opening in _OPENING and closing in _CLOSING and bool(text) and _is_balanced(inside)
    if is_bracketed:
        elements = split_top(inside, ",")
        is_set = opening == "{" and closing == "}"
        if is_set or (len(elements) > 1 and "{" not in (opening, closing) and "}" not in (opening, closing)):
            return _sequence(opening, closing, elements)
    elements = split_top(_CONJUNCTION.sub(", ", text).replace(";", ","), ",")
    return _sequence("", "", elements) if len(elements) > 1 else None


def _sequence(opening: str, closing: str, elements: list[str]) -> Sequence | None:
    stripped = tuple(element.strip() for element in elements)
    return Sequence(opening, closing, stripped) if all(stripped) and len(stripped) <= MOST_ELEMENTS else None


def read_matrix(spelled: str) -> tuple[str, tuple[tuple[str, ...], ...]] | None:
    r"""Read a matrix as its kind, ``matrix`` or ``vmatrix`` for a determinant, and its rows."""
    match = _MATRIX.fullmatch(spelled)
    if match is None:
        return None
    rows = (row.strip() for row in match[2].split(r"\\"))
    cells = tuple(tuple(cell.strip() for cell in row.split("&")) for row in rows if row)
    return ("vmatrix" if match[1] == "v" else "matrix"), cells


@dataclass(frozen=True)
class Chain:
    """``a < b <= c``, turned so that it reads from small to large."""

    terms: tuple[str, ...]
    signs: tuple[str, ...]


def read_labels(spelled: str) -> frozenset[str] | None:
    """The labels of ``(1)(3)``, as ①③ are spelled; None where there are not at least two."""
    return frozenset(_LABEL.findall(spelled)) if _LABELS.fullmatch(spelled) else None


def is_list(spelled: str) -> bool:
    """Whether the text has elements side by side, in no brackets."""
    return len(split_top(_CONJUNCTION.sub(",", spelled), ",")) > 1


def read_chain(spelled: str) -> Chain | None:
    """Read inequalities; None without any, or where they point both ways."""
    pieces = _ORDER.split(spelled)
    signs = tuple(pieces[1::2])
    terms = tuple(term.strip() for term in pieces[::2])
    if not signs or not all(terms):
        return None
    if set(signs) <= {"<", "≤"} or signs == ("≠",):
        return Chain(terms, signs)
    if set(signs) <= {">", "≥"}:
        return Chain(terms[::-1], tuple(_MIRRORED[sign] for sign in reversed(signs)))
    return None


def read_relation(spelled: str) -> tuple[str, str, str] | None:
    r"""Read a statement such as ``AB \perp CD`` as left side, relation and right side."""
    match = _RELATION.fullmatch(spelled)
    return (match[1], match[2], match[3]) if match else None


def split_top(text: str, separator: str) -> list[str]:
    """Split at the separators that stand outside all brackets."""
    parts, depth, start = [], 0, 0
    for index, char in enumerate(text):
        if char in _OPENING:
            depth += 1
        elif char in _CLOSING:
            depth -= 1
        elif char == separator and depth == 0:
            parts.append(text[start:index])
            start = index + 1
    return [*parts, text[start:]]


def _is_balanced(text: str) -> bool:
    depth = 0
    for char in text:
        depth += (char in _OPENING) - (char in _CLOSING)
        if depth < 0:
            return False
    return depth == 0
