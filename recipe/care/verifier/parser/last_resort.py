# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The LaTeX parser: what it is asked, and what its replies mean.

It is asked about golds that have no value here, and only about answers made of the same things: an answer that brings
functions, sets or letters of its own is wrong, however long a parser could think about it.
"""

from __future__ import annotations

import functools

from recipe.care.verifier.kinds.expressions import tokens_of
from recipe.care.verifier.kinds.symbolic import to_latex
from recipe.care.verifier.parser.pool import ask_parser
from recipe.care.verifier.problem import Verdict
from recipe.care.verifier.reading.names import marked_names
from recipe.care.verifier.reading.tokens import GREEK, Token

_PLAIN = frozenset(("frac", "sqrt", "pi", "overline", "quad"))
_KINDS = tuple(
    frozenset(kind.split())
    for kind in (
        "cup cap setminus in notin emptyset mathbb subset subseteq lor land infty",
        "sin cos tan cot sec csc arcsin arccos arctan",
        "ln log exp",
        "binom",
    )
)
_REPLIES = {
    "refused": (False, "refused", True),
    "equal": (True, "parser", True),
    "different": (False, "parser", True),
    "numeric": (False, "parser_numeric", True),
    "unparsed_gold": (False, "gold_unparsed", False),
    "gold_timeout": (False, "gold_timeout", False),
    "timeout": (False, "parser_timeout", True),
    "crash": (False, "parser_crash", False),
    "busy": (False, "parser_busy", False),
}


def ask(gold: str, pred: str) -> Verdict:
    """Ask the parser; what it could not finish is wrong where the answer is to blame, and unverified otherwise.

    Args:
        gold: The gold, spelled.
        pred: The answer, spelled.

    Returns:
        The verdict.
    """
    wanted, given = tokens_of(gold), tokens_of(pred)
    if wanted is None:
        return Verdict(False, "gold_unparsed", pred, verified=False)
    if given is not None and _is_made_of(wanted, given):
        reply = ask_parser(to_latex(wanted), to_latex(given))
    else:
        reply = _reply_to_refused(to_latex(wanted))
    correct, rule, verified = _REPLIES[reply]
    return Verdict(correct, rule, pred, verified)


@functools.lru_cache(maxsize=4096)
def _reply_to_refused(gold: str) -> str:
    """What becomes of an answer that is refused: it is wrong, unless its gold can be read by nobody."""
    reply = ask_parser(gold, "0")
    return reply if reply in ("unparsed_gold", "gold_timeout") else "refused"


def _is_made_of(gold: tuple[Token, ...], pred: tuple[Token, ...]) -> bool:
    """Whether an answer has no command, letter or named point of a kind that its gold lacks."""
    allowed = _PLAIN | _commands(gold)
    says_where = any(token.text in "<>≤≥≠[" for token in gold if token.kind == "sign")
    for kind in _KINDS:
        if kind & allowed or (says_where and "cup" in kind):
            allowed |= kind
    return (
        _commands(pred) <= allowed
        and _letters(pred) <= _letters(gold) | {"e", "x"}
        and set(marked_names(gold)) == set(marked_names(pred))
    )


def _commands(tokens: tuple[Token, ...]) -> frozenset[str]:
    return frozenset(token.text for token in tokens if token.kind == "command" and token.text not in GREEK)


def _letters(tokens: tuple[Token, ...]) -> frozenset[str]:
    return frozenset(token.text for token in tokens if token.kind == "letter" or token.text in GREEK)
