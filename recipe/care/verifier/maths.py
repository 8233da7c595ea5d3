# Copyright 2026 The CARE-verl authors
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""Mathematical answers: the cheap readings first, the LaTeX parser last and only for what it alone can settle."""

from __future__ import annotations

import re
from dataclasses import dataclass

from recipe.care.verifier.arithmetic import size
from recipe.care.verifier.equations import (
    Equation,
    as_pair,
    numeric_sides,
    read_equation,
    settle,
    without_approximation,
)
from recipe.care.verifier.evaluate import Expression, read_expression
from recipe.care.verifier.lanes import ask_parser
from recipe.care.verifier.numbers_agree import NumberPolicy, judge_numbers
from recipe.care.verifier.problem import Problem, Verdict
from recipe.care.verifier.quantity import Quantity, read_quantity
from recipe.care.verifier.spelling import exact_key, spell
from recipe.care.verifier.structure import (
    Chain,
    Sequence,
    as_interval,
    is_clock,
    read_chain,
    read_ratio,
    read_relation,
    read_sequence,
    split_top,
)
from recipe.care.verifier.symbolic import same_equation, same_expression, to_latex
from recipe.care.verifier.text import text_key
from recipe.care.verifier.tokens import Refused, Token, tokenize

_ORDER = re.compile("[<>≤≥≠]")
_MEMBER = re.compile(r"^[A-Za-z]\s*\\in\s*(?=[(\[{\\])")
_PLUS_MINUS = r"\pm"
_READ_HERE = frozenset(("frac", "sqrt", "pi"))
"""Commands that cannot make a number of what the evaluation here has declined."""
_LETTER = re.compile("[A-Za-z]")
_LETTERS_ONLY = re.compile("[A-Za-z]{2,}")


@dataclass(frozen=True)
class Finding:
    """What comparing two spelled texts came to."""

    same: bool | None
    """None where only the parser can tell."""
    rule: str


def judge_maths(problem: Problem, body: str, policy: NumberPolicy) -> Verdict:
    """Compare an answer with a gold that is a number, an expression or a structure of them."""
    gold, pred = spell(problem.gold), spell(body)
    found = compare(gold, pred, policy)
    if found.same is None:
        return _ask(gold, pred)
    return Verdict(found.same, found.rule, pred)


def compare(gold: str, pred: str, policy: NumberPolicy) -> Finding:
    """Compare two spelled texts without the parser."""
    if exact_key(gold) == exact_key(pred):
        return Finding(True, "exact")
    if "≈" in pred and "≈" not in gold:
        return compare(gold, without_approximation(pred), policy)
    gold, pred = _MEMBER.sub("", gold), _MEMBER.sub("", pred)
    if (_PLUS_MINUS in gold) != (_PLUS_MINUS in pred):
        pairs = as_pair(gold), as_pair(pred)
        if pairs[0] and pairs[1]:
            return _compare_sets(pairs[0], pairs[1], policy)
    if "=" in gold or "=" in pred:
        return _compare_stated(gold, pred, policy)
    return _compare_values(gold, pred, policy)


def _compare_stated(gold: str, pred: str, policy: NumberPolicy) -> Finding:
    """Compare where a side says what something equals."""
    left, settled = read_equation(gold), settle(pred)
    if settled is None:
        return Finding(False, "equation")
    wanted, given = numeric_sides(gold), numeric_sides(pred)
    if wanted and given:  # both are true, and say the same only side by side
        agree = all(judge_numbers(a, b, policy)[0] for a, b in zip(wanted, given, strict=False))
        return Finding(agree and len(wanted) == len(given), "equation")
    if left or "=" not in gold:
        pred = settled
    right = read_equation(pred)
    if left and right and _same_name(left.name, right.name):
        return compare(left.value, right.value, policy)
    same = _compare_equations(left, pred) if left else None
    if same is not None:
        return Finding(same, "equation")
    if left and right:
        are_values = read_quantity(left.value) is not None and read_quantity(right.value) is not None
        return Finding(False if are_values else None, "equation")
    if right:
        if "=" in gold:
            return Finding(False if read_sequence(gold) else None, "equation")
        return compare(gold, right.value, policy)
    if left and (left.is_symbol or left.is_quantity) and "=" not in pred:
        return compare(left.value, pred, policy)
    return _compare_values(gold, pred, policy)


def _same_name(gold: str, pred: str) -> bool:
    """Whether two left sides are the same, or the same sum or product in another order."""
    wanted, given = _expression(gold), _expression(pred)
    return gold == pred or (wanted is not None and given is not None and same_expression(wanted, given) is True)


def _compare_equations(gold: Equation, pred: str) -> bool | None:
    """Whether the answer is another form of the gold's ``y = ...``; None where that needs solving."""
    sides = [_expression(side) for side in split_top(pred, "=")]
    value = _expression(gold.value)
    if len(sides) != 2 or not (value and sides[0] and sides[1]) or gold.name in value.letters:
        return None
    if gold.name not in sides[0].letters | sides[1].letters:
        return None
    return same_equation(gold.name, value, sides[0], sides[1])


def _compare_values(gold: str, pred: str, policy: NumberPolicy) -> Finding:
    wanted, given = read_quantity(gold), read_quantity(pred)
    if wanted and given:
        return Finding(*judge_numbers(wanted, given, policy))
    if ":" in gold or ":" in pred:
        return _compare_ratios(gold, pred, given)
    if _ORDER.search(gold) or _ORDER.search(pred):
        return _compare_chains(gold, pred, wanted is not None, policy)
    relation = read_relation(gold)
    if relation:
        return _compare_relations(relation, read_relation(pred))
    wanted_parts, given_parts = None if wanted else read_sequence(gold), read_sequence(pred)
    if wanted_parts and given_parts:
        return _compare_sequences(wanted_parts, given_parts, policy)
    if wanted_parts or given_parts:
        return Finding(False, "list")
    if "=" in pred and "=" not in gold:
        return Finding(False, "equation")
    return _compare_expressions(gold, pred, wanted is not None)


def _compare_ratios(gold: str, pred: str, given: Quantity | None) -> Finding:
    """Ratios by proportion; a time of day only as it is written; 8:5 may be given as 8/5."""
    wanted_parts, given_parts = read_ratio(gold), read_ratio(pred)
    if is_clock(gold) or is_clock(pred) or wanted_parts is None or not (given_parts or given):
        return Finding(False, "ratio")
    left = [read_quantity(part) for part in wanted_parts]
    right = [read_quantity(part) for part in given_parts or (pred, "1")]
    if len(left) != len(right):
        return Finding(False, "ratio")
    values = [part.value for part in (*left, *right) if part is not None and part.value != 0]
    if len(values) != len(left) + len(right):
        return Finding(False, "ratio")
    first, second = values[: len(left)], values[len(left) :]
    same = all(
        size(a * second[0] - b * first[0]) <= 1e-9 * size(a * second[0]) for a, b in zip(first, second, strict=True)
    )
    return Finding(same, "ratio")


def _compare_chains(gold: str, pred: str, gold_is_number: bool, policy: NumberPolicy) -> Finding:
    """Inequalities term by term; where that does not show them equal, the parser may know better."""
    wanted, given = read_chain(gold), read_chain(pred)
    if wanted is None or given is None:
        intervals = [_interval(wanted, gold), _interval(given, pred)]
        if intervals[0] and intervals[1]:
            return _compare_sequences(intervals[0], intervals[1], policy)
    if gold_is_number or wanted is None or given is None:
        return Finding(False if gold_is_number else None, "order")
    same = wanted.signs == given.signs and all(
        compare(a, b, policy).same for a, b in zip(wanted.terms, given.terms, strict=True)
    )
    is_final = same or (_bounds_one_letter(wanted) and _bounds_one_letter(given))
    return Finding(same if is_final else None, "order")


def _bounds_one_letter(chain: Chain) -> bool:
    """Whether the terms are one letter and numbers: two such chains say the same only if they are the same."""
    others = [term for term in chain.terms if not _LETTER.fullmatch(term)]
    return len(others) == len(chain.terms) - 1 and all(read_quantity(term) is not None for term in others)


def _interval(chain: Chain | None, spelled: str) -> Sequence | None:
    """A range as an interval, whichever way it is written."""
    if chain is None:
        sequence = read_sequence(spelled)
        return sequence if sequence and sequence.opening in "([" and len(sequence.elements) == 2 else None
    return as_interval(chain) if _bounds_one_letter(chain) else None


def _compare_relations(gold: tuple[str, str, str], pred: tuple[str, str, str] | None) -> Finding:
    """Both sides as they are written, in either order: the parser knows nothing of perpendicular lines."""
    if pred is None or pred[1] != gold[1]:
        return Finding(False, "relation")
    wanted, given = [[exact_key(side) for side in (a, b)] for a, _, b in (gold, pred)]
    return Finding(given in (wanted, wanted[::-1]), "relation")


def _compare_sequences(gold: Sequence, pred: Sequence, policy: NumberPolicy) -> Finding:
    """Same brackets, same length, equal elements; in any order only inside braces."""
    same_brackets = (gold.opening, gold.closing) == (pred.opening, pred.closing)
    if not same_brackets or len(gold.elements) != len(pred.elements):
        return Finding(False, "list")
    if gold.is_set:
        return _compare_sets(gold, pred, policy)
    verdicts = [compare(a, b, policy).same for a, b in zip(gold.elements, pred.elements, strict=True)]
    return Finding(False if False in verdicts else None if None in verdicts else True, "list")


def _compare_sets(gold: Sequence, pred: Sequence, policy: NumberPolicy) -> Finding:
    left_over = list(pred.elements)
    for element in gold.elements:
        verdicts = [compare(element, other, policy).same for other in left_over]
        if True not in verdicts:
            return Finding(None if None in verdicts else False, "list")
        left_over.pop(verdicts.index(True))
    return Finding(True, "list")


def _compare_expressions(gold: str, pred: str, gold_is_number: bool) -> Finding:
    if _LETTERS_ONLY.fullmatch(gold):
        return Finding(text_key(gold) == text_key(pred), "text")
    wanted, given = _expression(gold), _expression(pred)
    if wanted and given:
        if bool(wanted.letters) != bool(given.letters) and (gold_is_number or not given.letters):
            return Finding(False, "not_a_number" if gold_is_number else "symbolic")
        return Finding(same_expression(wanted, given), "symbolic")
    if _tokens(gold) is None:  # prose is compared as text; LaTeX that nobody can read settles nothing
        same_text = text_key(gold) == text_key(pred)
        return Finding(same_text if same_text or "\\" not in gold else None, "text")
    tokens = _tokens(pred)
    if tokens is None:
        return Finding(False, "not_a_number" if gold_is_number else "refused")
    if gold_is_number and not any(token.kind == "command" and token.text not in _READ_HERE for token in tokens):
        return Finding(False, "not_a_number")
    if len(split_top(gold, "=")) > 1 and "=" not in pred:  # a value alone does not say what the equation says
        return Finding(False, "equation")
    return Finding(None, "parser")


def _expression(spelled: str) -> Expression | None:
    try:
        return read_expression(spelled)
    except Refused:
        return None


def _tokens(spelled: str) -> tuple[Token, ...] | None:
    try:
        return tokenize(spelled)
    except Refused:
        return None


_REPLIES = {
    "equal": (True, "parser", True),
    "different": (False, "parser", True),
    "numeric": (False, "parser_numeric", True),
    "unparsed_gold": (False, "gold_unparsed", False),
    "timeout": (False, "parser_timeout", False),
    "crash": (False, "parser_crash", False),
    "busy": (False, "parser_busy", False),
}


def _ask(gold: str, pred: str) -> Verdict:
    """The last resort; what the parser could not finish says nothing about the answer."""
    wanted, given = _tokens(gold), _tokens(pred)
    if wanted is None:
        return Verdict(False, "gold_unparsed", pred, verified=False)
    if given is None:
        return Verdict(False, "refused", pred)
    correct, rule, verified = _REPLIES[ask_parser(to_latex(wanted), to_latex(given))]
    return Verdict(correct, rule, pred, verified)
