# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The names a verdict can carry in its ``rule``, and what each means. The command's table explains itself with them."""

from __future__ import annotations

RULES: dict[str, str] = {
    "no_answer": "no <answer> after the rationale",
    "unclosed_answer": "the <answer> is not closed",
    "several_answers": "more than one <answer> after the rationale",
    "empty_answer": "nothing between the answer tags",
    "too_long": "the answer is longer than any answer of its kind may be",
    "bad_gold": "the row's gold cannot be used (empty, unbalanced, no option of the row)",
    "text": "equality of the whole text",
    "choice": "the option named is compared with the gold's option",
    "choice_unread": "the answer names no single option",
    "choice_several": "the letters of a multi-select answer, in any order",
    "exact": "the same characters once spacing and LaTeX spelling are ignored",
    "number": "equal values",
    "rounded": "equal once one side is rounded to the digits the other prints",
    "precise": "equal to the dataset's unrounded value",
    "tolerance": "within the row's own relative tolerance",
    "unit": "both carry a unit and the units differ, or words that mean the opposite",
    "unevaluated": "a sum that was left uncalculated",
    "not_a_number": "the gold is a number, the answer is not one",
    "relaxed": "charts: within 5 percent of the gold",
    "year": "charts: a year must be exact",
    "list": "lists, tuples, sets and intervals, element by element",
    "ratio": "ratios and times of day",
    "equation": "an equation in another form, by substitution; or one where the gold has none",
    "order": "inequalities, term by term",
    "relation": "perpendicular, parallel, congruent, similar: both sides as written, in either order",
    "symbolic": "both expressions evaluated at fixed points",
    "no_expression": "the gold has a value, the answer has none",
    "refused": "the answer contains something no answer to this gold needs; it is not shown to the parser",
    "parser": "the LaTeX parser (math-verify) in its worker process",
    "parser_numeric": "the parser said equal, a 30-digit evaluation said different",
    "gold_unparsed": "the parser cannot read the gold, and the answer is not the same characters",
    "parser_timeout": "the parser took too long over the answer and was stopped",
    "gold_timeout": "the parser took too long over the gold",
    "parser_crash": "the parser's process died",
    "parser_busy": "every parser process stayed busy too long",
}
