# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Mathematical answers: the cheap readings first, the LaTeX parser last and only for what it alone can settle."""

from __future__ import annotations

import re

from recipe.care.verifier.kinds.chemistry import formula_key, is_formula
from recipe.care.verifier.kinds.equations import (
    Equation,
    as_pair,
    as_solutions,
    numeric_sides,
    read_assignments,
    read_equation,
    settle,
    without_approximation,
)
from recipe.care.verifier.kinds.expressions import compare_expressions, same_left_side, same_sides, tokens_of
from recipe.care.verifier.kinds.finding import Finding, Terms
from recipe.care.verifier.kinds.numbers import NumberPolicy, judge_numbers
from recipe.care.verifier.kinds.orders import compare_orders
from recipe.care.verifier.kinds.ratios import is_same_ratio
from recipe.care.verifier.parser.last_resort import ask
from recipe.care.verifier.problem import Problem, Verdict
from recipe.care.verifier.reading.intervals import is_infinite
from recipe.care.verifier.reading.quantity import read_quantity
from recipe.care.verifier.reading.spelling import exact_key, spell
from recipe.care.verifier.reading.structure import (
    Sequence,
    is_list,
    read_labels,
    read_matrix,
    read_relation,
    read_sequence,
    split_top,
)

_ORDER = re.compile(r"[<>≤≥≠]|\\(?:cup|mathbb)(?![A-Za-z])")
_SET_OF = re.compile(r"^\\?\{\s*([A-Za-z])\s*[|:]\s*([^|:]*\1[^|:]*?)\\?\}$")
"""``{x | x > 2}`` and what it holds."""
_MEMBER = re.compile(r"^[A-Za-z]\s*\\in\s*(?=[(\[{\\])")
_PLUS_MINUS = re.compile(r"\\(?:pm|mp)(?![A-Za-z])")


def judge_maths(problem: Problem, body: str, policy: NumberPolicy) -> Verdict:
    """Compare an answer with a gold that is a number, an expression or a structure of them."""
    gold, pred = spell(problem.gold), spell(body)
    found = compare(gold, pred, Terms(policy, problem.asks_for_ratio, problem.any_order))
    if found.same is None and read_quantity(gold):  # what is no number here is none to the parser either
        return Verdict(False, "not_a_number", pred)
    if found.same is None:
        return ask(gold, pred)
    return Verdict(found.same, found.rule, pred)


def compare(gold: str, pred: str, terms: Terms) -> Finding:
    """Compare two spelled texts without the parser."""
    if exact_key(gold) == exact_key(pred):
        return Finding(True, "exact")
    if is_formula(gold):
        return Finding(formula_key(gold) == formula_key(pred), "text")
    if "≈" in pred and "≈" not in gold:
        return compare(gold, without_approximation(pred), terms)
    labels = read_labels(gold), read_labels(pred)
    if labels[0] or labels[1]:
        return Finding(labels[0] == labels[1], "list")
    gold, pred = _MEMBER.sub("", _SET_OF.sub(r"\2", gold)), _MEMBER.sub("", _SET_OF.sub(r"\2", pred))
    if _PLUS_MINUS.search(gold) or _PLUS_MINUS.search(pred):
        pairs = as_pair(gold), as_pair(pred)
        if pairs[0] and pairs[1]:
            return _compare_sets(pairs[0], pairs[1], terms)
        return Finding(False if tokens_of(gold) else None, "list")
    named = read_assignments(gold), read_assignments(pred)
    if named[0] and named[1]:
        return _compare_assignments(named[0], named[1], terms)
    solutions = as_solutions(gold)
    if solutions:
        given = as_solutions(pred) or read_sequence(pred)
        is_bare = given is not None and (given.is_set or not given.opening)
        return _compare_sets(solutions, given, terms) if given and is_bare else Finding(False, "list")
    if "=" in gold or "=" in pred:
        return _compare_stated(gold, pred, terms)
    return _compare_values(gold, pred, terms)


def _compare_stated(gold: str, pred: str, terms: Terms) -> Finding:
    """Compare where a side says what something equals."""
    left, settled = read_equation(gold), settle(pred)
    if settled is None:
        return Finding(False, "equation")
    wanted, given = numeric_sides(gold), numeric_sides(pred)
    if wanted and given:  # both are true, and say the same only side by side
        agree = all(judge_numbers(a, b, terms.numbers)[0] for a, b in zip(wanted, given, strict=False))
        return Finding(agree and len(wanted) == len(given), "equation")
    if left or "=" not in gold:
        pred = settled
    right = read_equation(pred)
    if left and right and (left.name == right.name or same_left_side(left.name, right.name)):
        return compare(left.value, right.value, terms)
    if right is None and not is_list(pred) and 2 < len(split_top(pred, "=")) != len(split_top(gold, "=")):
        return Finding(False, "equation")
    same = same_sides(gold, pred, left)
    if same is not None:
        return Finding(same, "equation")
    if left and right:
        are_values = read_quantity(left.value) is not None and read_quantity(right.value) is not None
        return Finding(False if are_values else None, "equation")
    if right:
        return _compare_named(gold, right, terms)
    if left and (left.is_symbol or left.is_quantity) and "=" not in pred:
        return compare(left.value, pred, terms)
    return _compare_values(gold, pred, terms)


def _compare_named(gold: str, pred: Equation, terms: Terms) -> Finding:
    """An answer ``name = value`` to a gold that has no such form."""
    if "=" in gold:
        return Finding(False if read_sequence(gold) else None, "equation")
    return compare(gold, pred.value, terms)


def _compare_assignments(gold: dict[str, str], pred: dict[str, str], terms: Terms) -> Finding:
    """``x = 5, y = 3`` and ``y = 3, x = 5``: what has a name has no place."""
    if gold.keys() != pred.keys():
        return Finding(False, "list")
    inside = terms.inside(len(gold))
    return _all_of([compare(value, pred[name], inside) for name, value in gold.items()], "list")


def _compare_values(gold: str, pred: str, terms: Terms) -> Finding:
    wanted, given = read_quantity(gold), read_quantity(pred)
    if wanted and given:
        return Finding(*judge_numbers(wanted, given, terms.numbers))
    if is_infinite(gold) or is_infinite(pred):
        return Finding(exact_key(gold).lstrip("+") == exact_key(pred).lstrip("+"), "symbolic")
    if ":" in gold or ":" in pred:
        return Finding(is_same_ratio(gold, pred, terms.asks_for_ratio), "ratio")
    if _ORDER.search(gold) or _ORDER.search(pred):
        return Finding(False, "order") if wanted else compare_orders(gold, pred, terms, _compare_sequences, compare)
    relation = read_relation(gold)
    if relation:
        return _compare_relations(relation, read_relation(pred))
    matrices = read_matrix(gold), read_matrix(pred)
    if matrices[0]:
        return _compare_matrices(matrices[0], matrices[1], terms)
    wanted_parts, given_parts = None if wanted else read_sequence(gold), read_sequence(pred)
    if wanted_parts and given_parts:
        return _compare_sequences(wanted_parts, given_parts, terms)
    if wanted_parts or given_parts:
        return Finding(False, "list")
    if "=" in pred and "=" not in gold:
        return Finding(False, "equation")
    return compare_expressions(gold, pred, wanted is not None)


def _compare_relations(gold: tuple[str, str, str], pred: tuple[str, str, str] | None) -> Finding:
    """Both sides as they are written, in either order: the parser knows nothing of perpendicular lines."""
    if pred is None or pred[1] != gold[1]:
        return Finding(False, "relation")
    wanted, given = [[exact_key(side) for side in (a, b)] for a, _, b in (gold, pred)]
    return Finding(given in (wanted, wanted[::-1]), "relation")


Matrix = tuple[str, tuple[tuple[str, ...], ...]]


def _compare_matrices(gold: Matrix, pred: Matrix | None, terms: Terms) -> Finding:
    """Same kind, same shape, equal entries; round and square brackets are the same kind."""
    if pred is None or pred[0] != gold[0] or [len(row) for row in gold[1]] != [len(row) for row in pred[1]]:
        return Finding(False, "list")
    cells = [(a, b) for wanted, given in zip(gold[1], pred[1], strict=True) for a, b in zip(wanted, given, strict=True)]
    return _all_of([compare(a, b, terms.inside(len(cells))) for a, b in cells], "list")


def _compare_sequences(gold: Sequence, pred: Sequence, terms: Terms) -> Finding:
    """Same brackets, same length, equal elements; in any order inside braces, or where the question names none."""
    same_brackets = (gold.opening, gold.closing) == (pred.opening, pred.closing)
    if not same_brackets or len(gold.elements) != len(pred.elements):
        return Finding(False, "list")
    if gold.is_set or (terms.any_order and not gold.opening):
        return _compare_sets(gold, pred, terms)
    inside = terms.inside(len(gold.elements))
    return _all_of([compare(a, b, inside) for a, b in zip(gold.elements, pred.elements, strict=True)], "list")


def _compare_sets(gold: Sequence, pred: Sequence, terms: Terms) -> Finding:
    if len(gold.elements) != len(pred.elements):
        return Finding(False, "list")
    left_over, inside = list(pred.elements), terms.inside(len(gold.elements))
    for element in gold.elements:
        verdicts = [compare(element, other, inside).same for other in left_over]
        if True not in verdicts:
            return Finding(None if None in verdicts else False, "list")
        left_over.pop(verdicts.index(True))
    return Finding(True, "list")


def _all_of(findings: list[Finding], rule: str) -> Finding:
    verdicts = [finding.same for finding in findings]
    return Finding(False if False in verdicts else None if None in verdicts else True, rule)
