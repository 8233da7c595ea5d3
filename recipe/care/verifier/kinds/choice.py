# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Multiple choice: both sides become option indices first, then the indices are compared.

An answer is a letter, a letter with its own option's text, or an option's exact text. Prose is never searched for
letters, and nothing is matched approximately: a guess rewarded here would be an anchor of CARE. Only behind a letter
may the text be the option's number in another form.
"""

from __future__ import annotations

import re
import string
from dataclasses import dataclass

from recipe.care.verifier.kinds.numbers import same_quantity
from recipe.care.verifier.problem import Problem, Verdict
from recipe.care.verifier.reading.boxes import DOUBT
from recipe.care.verifier.reading.chinese import CHOICE_TAIL
from recipe.care.verifier.reading.normalise import core, plain
from recipe.care.verifier.reading.quantity import quantity_of

_LEAD = re.compile(r"(?:(?:the\s+)?(?:correct\s+)?(?:option|choice|answer)\s*(?:is|:)?\s+)(?=\W{0,3}[A-Za-z]\b)", re.I)
_TAIL = re.compile(r"\s+is\s+(?:the\s+)?(?:correct|right)(?:\s+(?:answer|option|choice))?$", re.IGNORECASE)
_LETTER = re.compile(r"[(\[]?\s*([A-Za-z])\s*[)\].:,]{0,2}")
_LETTER_AND_TEXT = re.compile(r"[(\[]?([A-Za-z])(?:[)\].:,]+\s*|\s+-?\s*)(\S.*)")
# What a model says of a letter; an option of unknown text that begins like it is written with a capital.
_REMARK = (
    r"(?:or|and|nor|but|maybe|perhaps)\b|(?:Or|And|Nor|But|Maybe|Perhaps)\s+\(?[A-Z]\b|[A-Z]$"
    r"|(?:(?:is|isn't|was|not|clearly|definitely)\s+)*(?:the\s+)?(?:wrong|incorrect)\b"
    r"|(?:is|isn't|not)\s+(?:not\s+)?(?:the\s+)?(?:correct|right|true|false|best|answer)\b"
)
# Where a row's options are unknown: "B. some text", unless the text names another option or speaks of this one.
_LABELLED = re.compile(
    rf"[(\[]?[A-Za-z](?:[)\].:]+\s+(?!.*\b[A-Z][).:]|{_REMARK})\S.*|\s+\((?!{_REMARK})[^()]*\w{{2}}[^()]*\))"
)
_SAYS_ANSWER = re.compile(r"\b(?:answer|option|choice)\b", re.IGNORECASE)
_OTHER_LETTER = re.compile(
    r"(?:[.;,!?]|\b(?:or|not|no|is|be|rather|than|maybe|perhaps|actually|wait|either|pick|choose|select|prefer|say))"
    r"\s*\(?([A-Z])\)?\W*$",
    re.IGNORECASE,
)
"""A letter at the end of a text that stands for an option and is no part of a phrase such as "Vitamin C"."""
_REPEATED = re.compile(r"(?:the\s+)?(?:correct\s+)?(?:answer|option|choice)\s*(?:is|:)\s*[A-Z]", re.IGNORECASE)
_BOLD = re.compile(r"(?:\*\*|__)([^*_]+)(?:\*\*|__)")
_IN_BRACKETS = re.compile(r"\(([^()]*)\)")
_SEVERAL = re.compile(r"[A-Z](?:\s*(?:,|;|and|&)?\s*[A-Z]){1,25}")
_SIZING = re.compile(r"\\(?:left|right|big|Big|displaystyle)(?![A-Za-z])")
_LATEX_TEXT = re.compile(r"\\(?:text[a-z]{0,6}|mathrm|mbox|mathbf)\s*\{([^{}]*)\}")
_DEGREES = re.compile(r"\^\s*\{?\s*\\circ\s*\}?|\\degree(?![A-Za-z])|\s*\bdegrees?\b")
_INDEX = re.compile(r"(?<=[A-Za-z)])_(?:\{([0-9]+)\}|([0-9]))")
_SPACING = re.compile(r"(?:\\[,;:! ]|\\q?quad(?![A-Za-z])|[\s$~])+")
_QUAD = re.compile(r"\\q?quad(?![A-Za-z])")
_THOUSANDS = re.compile(r"(?<=[0-9])\\[,!]\s*(?=[0-9]{3}(?![0-9]))")
_SOLE_FRACTION = re.compile(r"^([-+]?)\\frac\{(\w+)\}\{(\w+)\}$")
_LOOSE_SPACE = re.compile(r"(?<![A-Za-z0-9]) | (?![A-Za-z0-9])|(?<=[A-Za-z]) (?=[0-9])|(?<=[0-9]) (?=[A-Za-z])")
"""Spaces that say nothing: words need theirs, and ``2 1/2`` is not ``21/2``."""


def option_key(text: str) -> str:
    """An option's text as it is compared; spacing, fences, sizing and the spelling of degrees do not count."""
    key = _THOUSANDS.sub("", _SIZING.sub("", _LATEX_TEXT.sub(r"\1", plain(text))))
    key = re.sub(r"\\[dt]frac(?![A-Za-z])", r"\\frac", _INDEX.sub(r"\1\2", _DEGREES.sub("°", key)))
    key = _LOOSE_SPACE.sub("", _SPACING.sub(" ", key)).rstrip(".")
    return _SOLE_FRACTION.sub(r"\1\2/\3", key)


@dataclass(frozen=True)
class _Menu:
    """The options of a row, ready for look-ups."""

    options: tuple[str, ...]
    keys: tuple[str, ...]
    ignores_case: bool
    """Case counts only where two options differ in nothing else."""

    @classmethod
    def of(cls, options: tuple[str, ...]) -> _Menu:
        keys = tuple(option_key(option) for option in options)
        folded = tuple(key.casefold() for key in keys)
        differ_by_case = len(set(folded)) < len(set(keys))
        return cls(options, keys, False) if differ_by_case else cls(options, folded, True)

    def equal(self, text: str) -> frozenset[int]:
        """Indices of the options whose text is ``text``; several where the row repeats an option."""
        key = option_key(text).casefold() if self.ignores_case else option_key(text)
        return frozenset(i for i, option in enumerate(self.keys) if option == key != "")

    def matches(self, text: str) -> frozenset[int]:
        """As ``equal``; a text that equals none may stand behind "The answer is"."""
        return self.equal(text) or self.equal(core(text))

    def equivalent(self, text: str) -> frozenset[int]:
        """Indices of the options that are the same number, perhaps in another form or without its unit.

        Enough behind a letter, which has chosen already; a text alone must be the option's own.
        """
        given = quantity_of(text)
        if given is None:
            return frozenset()
        values = ((index, quantity_of(option)) for index, option in enumerate(self.options))
        return frozenset(index for index, value in values if value and same_quantity(value, given))

    def has_letter(self, index: int) -> bool:
        """Whether a letter stands for an option; with unknown options every letter does."""
        return not self.keys or index < len(self.keys)


def judge_choice(problem: Problem, body: str) -> Verdict:
    """Compare the option the answer names with the option the gold names."""
    menu = _Menu.of(problem.options)
    gold = plain(problem.gold)
    prefers_letter = _is_letter(gold, menu) or (not menu.equal(gold) and _is_letter(core(gold), menu))
    if not prefers_letter and _SEVERAL.fullmatch(core(gold)) and not menu.matches(gold):
        return _judge_several(core(gold), body)
    wanted = _read(gold, menu, prefers_letter)
    if not wanted:
        return Verdict(False, "bad_gold", verified=False)
    chosen = _read(plain(body), menu, prefers_letter)
    if not chosen:
        return Verdict(False, "choice_unread", core(body))
    name = string.ascii_uppercase[min(chosen)]
    return Verdict(bool(chosen & wanted), "choice", name)


def _is_letter(gold: str, menu: _Menu) -> bool:
    letter = _LETTER.fullmatch(gold)
    return letter is not None and menu.has_letter(_index(letter.group(1)))


def _index(letter: str) -> int:
    return string.ascii_uppercase.index(letter.upper())


def _read(text: str, menu: _Menu, prefers_letter: bool) -> frozenset[int]:
    """The option a text names; several indices only where options repeat, none where it names no single option."""
    by_text = menu.equal(text) if prefers_letter else menu.matches(text)
    if by_text and not (prefers_letter and _LETTER.fullmatch(text)):
        return by_text
    text = core(_BOLD.sub(r"\1", text))
    text = _TAIL.sub("", _LEAD.sub("", text, count=1) if _LEAD.match(text) else text)
    text = core(CHOICE_TAIL.sub("", _QUAD.sub(" ", text)))
    letter = _LETTER.fullmatch(text)
    if letter:
        index = _index(letter.group(1))
        return frozenset({index}) if menu.has_letter(index) else by_text
    labelled = _LETTER_AND_TEXT.fullmatch(text)
    if labelled and _is_labelled(text, labelled, menu):
        return frozenset({_index(labelled.group(1))})
    return by_text or menu.matches(text)


def _is_labelled(text: str, labelled: re.Match[str], menu: _Menu) -> bool:
    """Whether a letter stands before its own option's text, or, where options are unknown, before some text."""
    letter, said = labelled.groups()
    if not menu.keys:
        if said.startswith("(") and DOUBT.search(said):
            return False
        others = {other.upper() for other in _OTHER_LETTER.findall(said)} - {letter.upper()}
        is_sole = _LABELLED.fullmatch(text) is not None and not others and not _SAYS_ANSWER.search(said)
        return is_sole or (_REPEATED.fullmatch(said) is not None and said[-1].upper() == letter.upper())
    bracketed = _IN_BRACKETS.fullmatch(said)
    said = bracketed[1] if bracketed and not menu.equal(said) else said
    named = menu.matches(said)
    return _index(letter) in (named or menu.equivalent(said))


def _judge_several(gold: str, body: str) -> Verdict:
    """Multi-select golds such as ``ABD``: the same letters, in any order, and nothing else."""
    text = core(body)
    name = "".join(sorted(set(re.findall("[A-Z]", text)))) if _SEVERAL.fullmatch(text) else text
    return Verdict(name == "".join(sorted(set(re.findall("[A-Z]", gold)))), "choice_several", name)
