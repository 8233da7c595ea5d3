# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The allow-list: what maths may consist of. Nothing else is evaluated here or shown to the parser."""

from __future__ import annotations

import re
from typing import NamedTuple

LONGEST = 1000
DEEPEST = 50
LARGEST_EXPONENT = 1000
LARGEST_FACTORIAL = 100
MOST_DIGITS = 40
MOST_COMMANDS = 100
LONGEST_LETTER_RUN = 3
"""Letters side by side are a product (``abc``); more of them are a word, and words are not maths."""

_FUNCTIONS = "sin cos tan cot sec csc arcsin arccos arctan ln log exp sqrt"
FUNCTIONS = frozenset(_FUNCTIONS.split())
_GREEK = (
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi rho sigma tau "
    "upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega"
)
GREEK = frozenset(_GREEK.split())
_OTHERS = (
    "frac sqrt pi infty pm mp cup cap setminus in notin emptyset varnothing mathbb subset subseteq binom vec overline "
    "overrightarrow bar hat angle triangle perp parallel sim cong to land lor quad begin end pmatrix bmatrix vmatrix "
    "matrix prime"
)
_WORDS = frozenset(("or", "and", "is", "in", "to", "no", "not", "if", "of", "the", "yes"))
COMMANDS = FUNCTIONS | GREEK | frozenset(_OTHERS.split())
_MATRIX = re.compile(r"\\(begin|end)\{([pbv]?matrix)\}")

_TOKEN = re.compile(
    r"(?P<mixed>[0-9]+ +[0-9]+/[0-9]+)"
    r"|(?P<number>[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])(?:\.[0-9]+)?|[0-9]+(?:\.[0-9]+)?|\.[0-9]+)"
    r"|\\(?P<command>[A-Za-z]+)"
    r"|(?P<word>[A-Za-z]+)"
    r"|(?P<sign>\\[{}\\|]|[-+*/^!(){}\[\]|°=<>≤≥≠,:;_&'])"
    r"|(?P<space> +)",
)


class Token(NamedTuple):
    """A piece of maths."""

    kind: str
    """``mixed``, ``number``, ``command``, ``letter`` or ``sign``."""
    text: str
    """Its characters; a command's without the backslash."""


class Refused(Exception):
    """The text is not maths of a size and kind that this package handles. Never leaves the package."""


def tokenize(spelled: str) -> tuple[Token, ...]:
    """Split a spelled text into allowed tokens.

    Args:
        spelled: As ``spell`` returns it.

    Returns:
        The tokens, without spaces.

    Raises:
        Refused: It is too long, too deep, has an excessive exponent or factorial, or holds anything not allowed.
    """
    if not spelled or len(spelled) > LONGEST:
        raise Refused("length")
    spelled = _MATRIX.sub(r"\\\1 \\\2 ", spelled)
    tokens: list[Token] = []
    position, after_space = 0, False
    while position < len(spelled):
        match = _TOKEN.match(spelled, position)
        if match is None:
            raise Refused("character")
        position = match.end()
        if match.lastgroup == "space":
            after_space = True
            continue
        kind, text = str(match.lastgroup), match.group(str(match.lastgroup))
        if after_space and kind in ("number", "mixed") and tokens and tokens[-1].kind in ("number", "mixed"):
            raise Refused("two numbers side by side")
        if kind == "number" and tokens and tokens[-1].kind == "letter" and not after_space:
            tokens.append(Token("sign", "_"))  # x2 is an index that lost its sign, N2O a formula: nobody means 2x
        tokens.extend(_words(text) if kind == "word" else [_checked(kind, text)])
        after_space = False
    if sum(token.kind == "command" for token in tokens) > MOST_COMMANDS:
        raise Refused("commands")
    _check_nesting(tokens)
    _check_growth(tokens)
    return tuple(tokens)


def _words(text: str) -> list[Token]:
    if text in FUNCTIONS or text == "pi":
        return [Token("command", text)]
    if len(text) > LONGEST_LETTER_RUN or text in _WORDS:
        raise Refused("word")
    return [Token("letter", letter) for letter in text]


def _checked(kind: str, text: str) -> Token:
    if kind in ("number", "mixed") and sum(char.isdigit() for char in text) > MOST_DIGITS:
        raise Refused("digits")
    if kind == "command" and text not in COMMANDS:
        raise Refused("command")
    return Token(kind, text)


def _check_nesting(tokens: list[Token]) -> None:
    depth = 0
    for token in tokens:
        if token.kind == "sign" and token.text in ("(", "{", "[", r"\{"):
            depth += 1
        elif token.kind == "sign" and token.text in (")", "}", "]", r"\}"):
            depth -= 1
        if depth < 0 or depth > DEEPEST:
            raise Refused("nesting")
    if depth:
        raise Refused("nesting")


def _check_growth(tokens: list[Token]) -> None:
    """No towers of exponents, no exponent or factorial that makes a number nobody can hold."""
    for index, token in enumerate(tokens):
        if token == ("sign", "!"):
            before = tokens[index - 1] if index else token
            is_small = before.kind == "number" and before.text.isdigit() and int(before.text) <= LARGEST_FACTORIAL
            if not is_small and before.kind != "letter":
                raise Refused("factorial")
        if token == ("sign", "^"):
            exponent = tokens[index + 1 : _end_of_argument(tokens, index + 1)]
            following = tokens[index + 1 + len(exponent) : index + 2 + len(exponent)]
            if ("sign", "^") in exponent or following == [("sign", "^")]:
                raise Refused("tower of exponents")
            if any(_size(part) > LARGEST_EXPONENT for part in exponent):
                raise Refused("exponent")


def _size(token: Token) -> float:
    return float(token.text.replace(",", "")) if token.kind == "number" else 0.0


def _end_of_argument(tokens: list[Token], start: int) -> int:
    """Index after the group, or after the signed token, that starts at ``start``."""
    index = start
    while index < len(tokens) and tokens[index].text in ("-", "+"):
        index += 1
    depth = 0
    while index < len(tokens):
        if tokens[index].text in ("(", "{", "["):
            depth += 1
        elif tokens[index].text in (")", "}", "]"):
            depth -= 1
        index += 1
        if depth <= 0:
            break
    return index
