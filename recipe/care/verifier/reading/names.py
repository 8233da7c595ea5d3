# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What letters side by side mean: a product, or the name of a segment, an angle, an index, a function.

A product does not care about order; ``AC·BD`` is not ``AB·CD``, ``f(2x)`` not ``2f(x)``, ``A'`` not ``A``. Which of the
two a text means shows in both sides of a comparison together, so the names are read once for a pair of texts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from recipe.care.verifier.reading.tokens import FUNCTIONS, GREEK, Token

_ACCENTS = {"overline": "line", "bar": "line", "overrightarrow": "vector", "vec": "vector", "hat": "hat"}
_MARKS = frozenset(("angle", "triangle"))
_EITHER_WAY = frozenset(("line", "angle"))
"""Names that may be read backwards: the segment AB is BA, the angle ABC is CBA. A triangle's order is its matching."""
_FUNCTION_LETTERS = frozenset(("f", "g", "h", "F", "G", "H", "phi", "varphi"))
_NEVER_A_FACTOR = "f"
_RARELY_POINTS = frozenset("IUVW")
"""Three or more capitals with one of these are a product of physics: the force ``BIL``."""


@dataclass(frozen=True)
class Names:
    """How the letters of two texts are meant."""

    variables: frozenset[str] = frozenset()
    """Capitals that stand alone somewhere, so that they may be factors elsewhere."""
    factors: frozenset[str] = frozenset()
    """Letters such as ``h`` that stand somewhere without an argument, so that ``h(a+b)`` is a product."""


@dataclass(frozen=True)
class _Piece:
    """A name of one letter, or any other token, with what stood at its place."""

    token: Token
    is_name: bool
    after_function: bool

    @property
    def is_point(self) -> bool:
        """Whether it is a capital, perhaps with an index and primes."""
        return self.is_name and self.token.kind == "letter" and self.token.text[0].isupper()


def names_of(*texts: Sequence[Token]) -> Names:
    """Read from the texts of a comparison how their letters are meant.

    Args:
        *texts: The tokens of the gold and of the answer.

    Returns:
        What ``merge_names`` needs to know.
    """
    variables: set[str] = set()
    factors: set[str] = set()
    for tokens in texts:
        pieces = list(_pieces(tokens))
        for start, end in _runs(pieces):
            if end - start == 1 and not pieces[start].after_function:
                variables.add(pieces[start].token.text)
        for index, piece in enumerate(pieces):
            name = piece.token.text
            is_always_function = name[0] == _NEVER_A_FACTOR or name.endswith("'")
            if piece.is_name and not is_always_function and not _applied(pieces, index):
                factors.add(name)
    return Names(frozenset(variables), frozenset(factors))


def merge_names(tokens: Sequence[Token], names: Names) -> tuple[Token, ...]:
    r"""Make one token of each name.

    Args:
        tokens: As ``tokenize`` returns them.
        names: How the letters are meant.

    Returns:
        The tokens; ``x_1``, ``\vec{a}``, ``A'``, ``\angle ABC`` and the segment ``AB`` are letters, the ``f`` of
        ``f(x)`` is of kind ``function``.
    """
    pieces = list(_pieces(tokens))
    run_ends = dict(_runs(pieces))
    merged: list[Token] = []
    at = 0
    while at < len(pieces):
        end = run_ends.get(at, at)
        run = [piece.token.text for piece in pieces[at:end]]
        if len(run) > 1 and not set(run) <= names.variables and not (len(run) > 2 and _RARELY_POINTS & set(run)):
            merged.append(Token("letter", _oriented("line" if len(run) == 2 else "", run)))
            at = end
            continue
        piece, width = pieces[at], _applied(pieces, at)
        if piece.is_name and width and piece.token.text not in names.factors:
            exponent = "".join(part.token.text for part in pieces[at + 1 : at + width])
            merged.append(Token("function", piece.token.text + exponent))
            at += width
            continue
        merged.append(piece.token)
        at += 1
    return tuple(merged)


def marked_names(tokens: Sequence[Token]) -> Counter[str]:
    """The names with primes, and those of several points: what a parser that multiplies letters takes apart."""
    merged = merge_names(tokens, Names())
    return Counter(token.text for token in merged if token.kind != "command" and _is_marked(token.text))


def _is_marked(name: str) -> bool:
    return "'" in name or sum(char.isupper() for char in name) > 1


def _runs(pieces: Sequence[_Piece]) -> Iterator[tuple[int, int]]:
    """Start and end of every run of capitals."""
    at = 0
    while at < len(pieces):
        end = at
        while end < len(pieces) and pieces[end].is_point:
            end += 1
        if end > at:
            yield at, end
        at = max(end, at + 1)


def _applied(pieces: Sequence[_Piece], index: int) -> int:
    """How many pieces of ``f`` or ``f^{-1}`` an argument in brackets follows; 0 where none does."""
    name = pieces[index].token
    base = name.text.lstrip("\\").rstrip("'").partition("_")[0]
    if not pieces[index].is_name or (base not in _FUNCTION_LETTERS and not name.text.endswith("'")):
        return 0
    end = index + 1
    if _sign(pieces, end) == "^":
        end += 1
        if _sign(pieces, end) == "{":
            while end < len(pieces) and _sign(pieces, end) != "}":
                end += 1
        end += 1
    return end - index if _sign(pieces, end) == "(" else 0


def _sign(pieces: Sequence[_Piece], index: int) -> str:
    return pieces[index].token.text if index < len(pieces) and pieces[index].token.kind == "sign" else ""


def _pieces(tokens: Sequence[Token]) -> Iterator[_Piece]:
    """The tokens with accents, marks, indices and primes taken into the letters that carry them."""
    at = 0
    while at < len(tokens):
        token = tokens[at]
        after_function = at > 0 and tokens[at - 1].kind == "command" and tokens[at - 1].text in FUNCTIONS
        if token.kind == "command" and (token.text in _ACCENTS or token.text in _MARKS):
            end, inner = _named(tokens, at + 1, token.text in _MARKS)
            if inner:
                kind = _ACCENTS.get(token.text, token.text)
                is_segment = kind == "line" and len(inner) == 2
                name = _oriented(kind, inner) if is_segment else f"{kind}_{_oriented(kind, inner)}"
                yield _Piece(Token("letter", name), False, after_function)
                at = end
                continue
        if token.kind == "letter" or (token.kind == "command" and token.text in GREEK):
            end, name = _letter(tokens, at)
            is_plain = end == at + 1 and token.kind == "command"
            yield _Piece(token if is_plain else Token("letter", name), True, after_function)
            at = end
            continue
        yield _Piece(token, False, after_function)
        at += 1


def _named(tokens: Sequence[Token], at: int, is_mark: bool) -> tuple[int, list[str]]:
    """The points or the one letter behind an accent or a mark, and where they end."""
    in_braces = tokens[at : at + 1] == (("sign", "{"),)
    at += in_braces
    names: list[str] = []
    while at < len(tokens) and tokens[at].kind in ("letter", "number", "command"):
        token = tokens[at]
        is_point = token.kind == "letter" and token.text.isupper()
        if (token.kind == "command" and token.text not in GREEK) or (names and not is_point and not in_braces):
            break
        end, name = _letter(tokens, at) if token.kind != "number" else (at + 1, token.text)
        names.append(name)
        at = end
        if not in_braces and not (is_mark and is_point):
            break
    if in_braces and tokens[at : at + 1] != (("sign", "}"),):
        return at, []
    return at + in_braces, names


def _letter(tokens: Sequence[Token], at: int) -> tuple[int, str]:
    """The name of one letter with its indices and primes, and where it ends."""
    name = f"\\{tokens[at].text}" if tokens[at].kind == "command" else tokens[at].text
    at += 1
    primes = 0
    while at < len(tokens) and tokens[at] in (("sign", "_"), ("sign", "'")):
        if tokens[at].text == "'":
            primes += 1
            at += 1
            continue
        end = at + 2
        if tokens[at + 1 : at + 2] == (("sign", "{"),):
            end = next((i for i in range(at, len(tokens)) if tokens[i] == ("sign", "}")), at) + 1
        inner = tokens[at + 1 : end]
        name += "_" + "".join(part.text for part in inner if part.text not in ("{", "}"))
        at = end
    return at, name + "'" * primes


def _oriented(kind: str, points: Sequence[str]) -> str:
    return "".join(min(list(points), list(points)[::-1]) if kind in _EITHER_WAY else points)
