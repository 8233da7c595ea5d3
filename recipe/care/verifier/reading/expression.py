# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Values of allow-listed maths: exact where everything is rational, double precision otherwise.

This is arithmetic on tokens, not ``eval``. What it cannot read it declines; the caller then has the parser.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from recipe.care.verifier.reading.arithmetic import (
    Real,
    Undefined,
    bounded,
    mixed_number,
    power,
    root,
    size,
    small_natural,
)
from recipe.care.verifier.reading.names import Names, merge_names
from recipe.care.verifier.reading.tokens import GREEK, Refused, Token, tokenize

DEEPEST_CALL = 100
_RADIANS = math.pi / 180
LOG, END = Token("command", "log"), Token("end", "")
_FUNCTIONS: dict[str, Callable[[float], float]] = {
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "cot": lambda x: 1 / math.tan(x),
    "sec": lambda x: 1 / math.cos(x),
    "csc": lambda x: 1 / math.sin(x),
    "arcsin": math.asin,
    "arccos": math.acos,
    "arctan": math.atan,
    "ln": math.log,
    "exp": math.exp,
}
_CONSTANTS = {"pi": math.pi, "e": math.e}
LOG_BASE = "the base of log"
"""The symbol for the base that ``\\log 5`` leaves out: 10 to some, e to others."""
NO_NAMES = Names()
Point = Mapping[str, float]


@dataclass(frozen=True)
class Expression:
    """Maths that was read, ready to be evaluated."""

    tokens: tuple[Token, ...]
    letters: frozenset[str]
    """The symbols that need a value; ``e`` and pi are constants."""
    has_sum: bool
    """Whether a plus or minus stands between two terms."""

    def value(self, point: Point) -> Real:
        """Evaluate at a point.

        Args:
            point: A value for each of ``letters``.

        Returns:
            A ``Fraction`` where the value is exact, else a float.

        Raises:
            Undefined: Division by zero, root of a negative number, overflow.
            Refused: The syntax is wrong behind a place that had no value so far.
        """
        try:
            return _Reader(self.tokens, point).whole()
        except (ArithmeticError, ValueError) as error:
            raise Undefined(str(error)) from error


def read_expression(spelled: str, names: Names = NO_NAMES) -> Expression:
    """Read maths that denotes a real number or an expression in symbols.

    Args:
        spelled: As ``spell`` returns it.
        names: How its letters are meant; without it letters side by side are points, where they can be.

    Returns:
        The expression.

    Raises:
        Refused: It is not an expression, or not one of the supported kind.
    """
    tokens = merge_names(tokenize(spelled), names)
    letters = {token.text for token in tokens if token.kind in ("letter", "function") and token.text != "e"}
    letters |= {f"\\{token.text}" for token in tokens if token.kind == "command" and token.text in GREEK}
    letters |= {LOG_BASE for token, following in pairwise((*tokens, END)) if token == LOG and following.text != "_"}
    if "i" in letters:
        raise Refused("complex")
    reader = _Reader(tokens, dict.fromkeys(letters, 0.6180339887))
    # Without a value at the probe point, the syntax was fine up to there, and the points to come will tell.
    with contextlib.suppress(ArithmeticError, ValueError, Undefined):
        reader.whole()
    return Expression(tokens, frozenset(letters), reader.has_sum)


def read_or_none(spelled: str, names: Names = NO_NAMES) -> Expression | None:
    """``read_expression``, or None where the text is none."""
    try:
        return read_expression(spelled, names)
    except Refused:
        return None


class _Reader:
    """Recursive descent over the tokens, evaluating on the way. Depth is bounded by the tokenizer."""

    def __init__(self, tokens: tuple[Token, ...], point: Point) -> None:
        self._tokens = tokens
        self._point = point
        self._at = 0
        self._depth = 0
        self._in_bars = False
        self._in_function = False
        self.has_sum = False

    def whole(self) -> Real:
        value = self._sum()
        if self._at != len(self._tokens):
            raise Refused("syntax")
        return value

    def _peek(self) -> str:
        """The next sign, or a stand-in for anything else."""
        if self._at == len(self._tokens):
            return "end"
        token = self._tokens[self._at]
        return token.text if token.kind == "sign" else token.kind

    def _skip(self, sign: str) -> None:
        if self._peek() != sign:
            raise Refused("syntax")
        self._at += 1

    def _sum(self) -> Real:
        value = self._signed_product()
        while self._peek() in ("+", "-"):
            self.has_sum = True
            value = bounded(value + self._signed_product())
        return value

    def _signed_product(self) -> Real:
        negative = False
        while self._peek() in ("+", "-"):
            negative ^= self._peek() == "-"
            self._at += 1
        value = self._product()
        return -value if negative else value

    def _product(self) -> Real:
        value = self._power()
        while True:
            sign = self._peek()
            if sign in ("*", "/"):
                self._at += 1
                negative = self._peek() == "-"
                self._at += negative
                factor = -self._power() if negative else self._power()
                value = bounded(value * factor if sign == "*" else value / factor)
            elif sign in ("letter", "command", "function", "(", "{", "[") or (sign == "|" and not self._in_bars):
                value = bounded(value * self._power())
            else:
                return value

    def _power(self) -> Real:
        base = self._base()
        while self._peek() in ("!", "°"):
            if self._peek() == "!":
                base = Fraction(math.factorial(small_natural(base)))
            elif self._in_function:  # elsewhere the sign is a unit, and units are not converted
                base = base * _RADIANS
            self._at += 1
        if self._peek() != "^":
            return base
        self._at += 1
        return power(base, self._argument())

    def _argument(self) -> Real:
        """An exponent, or what follows a command: a group, or one token with its sign."""
        if self._peek() in ("+", "-"):
            negative = self._peek() == "-"
            self._at += 1
            return -self._base() if negative else self._base()
        return self._base()

    def _base(self) -> Real:
        self._depth += 1
        if self._depth > DEEPEST_CALL:  # commands nest without brackets, as in ln ln ln x
            raise Refused("nesting")
        value = self._one_base()
        self._depth -= 1
        return value

    def _one_base(self) -> Real:
        kind = self._peek()
        if kind in ("number", "mixed", "letter", "command", "function"):
            token = self._tokens[self._at]
            self._at += 1
            match kind:
                case "function":
                    return self._unknown_function(token.text)
                case "number":
                    return Fraction(token.text.replace(",", ""))
                case "mixed":
                    return mixed_number(token.text)
                case "letter":
                    return self._symbol(token.text)
            return self._command(token.text)
        for opening, closing in (("(", ")"), ("{", "}"), ("[", "]")):
            if kind == opening:
                return self._group(opening, closing)
        if kind == "|" and not self._in_bars:
            self._in_bars = True
            value = size(self._group("|", "|"))
            self._in_bars = False
            return value
        raise Refused("syntax")

    def _group(self, opening: str, closing: str) -> Real:
        self._skip(opening)
        value = self._sum()
        self._skip(closing)
        return value

    def _symbol(self, name: str) -> Real:
        return _CONSTANTS[name] if name in _CONSTANTS else self._point[name]

    def _command(self, name: str) -> Real:
        if name == "pi" or name in GREEK:
            return self._symbol(name if name == "pi" else f"\\{name}")
        if name == "frac":
            numerator = self._argument()
            return bounded(numerator / self._argument())
        if name == "sqrt":
            degree = small_natural(self._group("[", "]")) if self._peek() == "[" else 2
            return root(self._argument(), degree)
        if name == "binom":
            above = small_natural(self._argument())
            return Fraction(math.comb(above, small_natural(self._argument())))
        if name == "log":
            return self._logarithm()
        if name in _FUNCTIONS:
            return self._function(_FUNCTIONS[name])
        raise Refused("command")

    def _logarithm(self) -> Real:
        if self._peek() != "_":
            return math.log(float(self._function_argument())) / math.log(abs(self._point[LOG_BASE]) + 1)
        self._at += 1
        base = float(self._argument())
        return math.log(float(self._function_argument())) / math.log(base)

    def _unknown_function(self, name: str) -> Real:
        """A function that nobody defined, as ``f``: some function of its argument, another one at every point."""
        slope, argument = self._point[name], float(self._group("(", ")"))
        return math.sin(5 * slope + 3 * argument) + slope * argument

    def _function(self, function: Callable[[float], float]) -> Real:
        """A function with its argument; the square in ``sin^2 x`` belongs to the result."""
        exponent: Real = Fraction(1)
        if self._peek() == "^":
            self._at += 1
            exponent = self._argument()
            if exponent < 0:
                raise Refused("inverse or reciprocal")
        outer, self._in_function = self._in_function, True
        argument = float(self._function_argument())
        self._in_function = outer
        return power(function(argument), exponent)

    def _function_argument(self) -> Real:
        """What a function is applied to: a group, or a run of factors such as ``2x`` in ``sin 2x``."""
        if self._peek() in ("(", "{", "["):
            return self._base()
        if self._peek() in ("+", "-"):
            raise Refused("syntax")
        value = self._power()
        while self._peek() == "letter":
            value = value * self._power()
        return value
