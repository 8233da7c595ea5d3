# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Gold answers: cleaned, classified, and shown to the verifier that will have to grade against them."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass, replace

from data_prep.file.report import Dropped, Remark
from data_prep.row.artefacts import (
    with_characters_restored,
)
from data_prep.row.examples import Example
from data_prep.row.schema import UNKNOWN
from recipe.care.reward import Score, compute_score
from recipe.care.verifier.kinds.virl import infer_answer_type
from recipe.care.verifier.reading.normalise import clean, matching_brace
from recipe.care.verifier.reading.quantity import quantity_of

_BOX = re.compile(r"\\(?:boxed|fbox)\s*\{")
_PREFIX = re.compile(r"\s*final\s+answer\s*:\s*", re.IGNORECASE)
_COMMAND = re.compile(r"\\[A-Za-z]+")
_SAYS_MORE = re.compile(r"[A-Za-z]{3,}|(?<![A-Za-z])[NESW](?![A-Za-z])")
_MATHS = re.compile(r"[$=\\^:°]")
_NUMBER = re.compile(r"(?<!\^)-?[0-9]+(?:\.[0-9]+)?(?![0-9}]*\})")
_FORMULA = re.compile(r"\$([^$]+)\$")
_LETTERS_ONLY = re.compile(r"\(?[A-Z](?:\s*[,;&]?\s*[A-Z])*\)?")
_REPLACEMENT = "\ufffd"
PROBE = "q+7"
"""An answer that is wrong, and maths: it makes the verifier look at the gold."""


@dataclass(frozen=True)
class Gold:
    """A gold that the verifier can work with."""

    text: str
    answer_type: str
    """``number``, ``choice``, ``text`` or ``latex``."""
    options: tuple[str, ...] = ()
    precise_value: float = UNKNOWN
    remarks: tuple[Remark, ...] = ()


def clean_gold(raw: str) -> tuple[str, tuple[Remark, ...]]:
    r"""Take off what surrounds a gold: ``\boxed{}``, ``$``, "Final Answer:", surprising Unicode.

    Args:
        raw: The gold as the dataset has it.

    Returns:
        The gold, and what was worth telling.

    Raises:
        Dropped: Nothing is left, or a character was lost.
    """
    if _REPLACEMENT in raw:
        raise Dropped("gold_unreadable_characters", raw)
    restored = with_characters_restored(raw)
    text = _unwrapped(clean(restored))
    prefix = _PREFIX.match(text)
    if prefix:
        text = _unwrapped(text[prefix.end() :])
    if not text:
        raise Dropped("gold_empty", raw)
    remarks = [Remark("gold_prefix_removed", raw)] if prefix else []
    return text, (*remarks, *([Remark("gold_characters_restored", raw)] if restored != raw else []))


def _unwrapped(text: str) -> str:
    box = _BOX.match(text)
    if box and matching_brace(text, box.end() - 1) == len(text) - 1:
        text = text[box.end() : -1].strip()
    for fence in ("$$", "$"):
        inside = text[len(fence) : -len(fence)]
        if len(text) > 2 * len(fence) and text.startswith(fence) and text.endswith(fence) and "$" not in inside:
            return inside.strip()
    return text


def sole_answer(example: Example) -> str:
    """The one gold of a row.

    Raises:
        Dropped: The row has none or several.
    """
    if len(example.answers) != 1:
        raise Dropped("gold_count", ", ".join(example.answers))
    return example.answers[0]


def known_choice(text: str, options: tuple[str, ...], remarks: tuple[Remark, ...]) -> Gold:
    """Find the option a gold means; the letter is what the prompt asks for."""
    letters = string.ascii_uppercase[: len(options)]
    if text in letters:
        return Gold(text, "choice", options, remarks=remarks)
    extra: dict[str, object] = {"answer_type": "choice", "options": options}
    meant = [letter for letter in letters if _score("virl39k", text, letter, extra)["acc"] == 1.0]
    meant = meant or _equal_options(text, options)
    if len({clean(options[letters.index(letter)]) for letter in meant}) > 1:
        raise Dropped("gold_ambiguous", f"{text}: {' | '.join(options)}")
    if meant:  # several only where options repeat each other; the first is as good as the next
        became = Remark("gold_became_letter", f"{text} -> {meant[0]}")
        return Gold(meant[0], "choice", options, remarks=(*remarks, became))
    if len(text) > 1 and _LETTERS_ONLY.fullmatch(text) and set(re.findall("[A-Z]", text)) <= set(letters):
        return Gold(text, "choice", options, remarks=remarks)
    named = text.strip("().: ").upper()
    if len(named) == 1 and named in letters:
        return Gold(named, "choice", options, remarks=(*remarks, Remark("gold_became_letter", f"{text} -> {named}")))
    raise Dropped("gold_not_an_option", f"{text}: {' | '.join(options)}")


def _equal_options(text: str, options: tuple[str, ...]) -> list[str]:
    """The letter of the one option that equals a gold without having its text: 17 where the option is 17 degrees."""
    equal = []
    for letter, option in zip(string.ascii_uppercase, options, strict=False):
        extra: dict[str, object] = {"answer_type": infer_answer_type(option, ())}
        if extra["answer_type"] in ("number", "latex") and _score("virl39k", option, text, extra)["acc"] == 1.0:
            equal.append(letter)
    return equal if len(equal) == 1 else []


def with_precise_value(gold: Gold, value: float = UNKNOWN) -> Gold:
    """The gold with the unrounded value behind it, unless that contradicts it."""
    if value == UNKNOWN or _rounds_to(value, gold.text):
        return replace(gold, precise_value=value)
    return replace(gold, remarks=(*gold.remarks, Remark("precise_value_ignored", f"{value!r} for {gold.text}")))


def infer_geometry_type(text: str) -> str:
    """``number`` or ``latex``: there are no letters to choose in Geometry3K."""
    return "number" if quantity_of(text) is not None else "latex"


def _rounds_to(value: float, text: str) -> bool:
    """Whether an unrounded value is the one a gold was rounded from."""
    gold = quantity_of(text)
    if gold is None:
        return False
    slack = 0.5 * 10.0**-gold.decimals if gold.decimals is not None else 1e-3 * abs(float(gold.value))
    return abs(float(gold.value) - value) <= slack * (1 + 1e-9)


def check_against_verifier(data_source: str, gold: Gold, question: str) -> tuple[Remark, ...]:
    """Make sure that the verifier accepts the gold as an answer, and can tell a wrong answer from it.

    Args:
        data_source: The row's data source.
        gold: The gold.
        question: The question, which the verifier searches for years.

    Returns:
        What a person should look at: a gold with maths between words that nobody would write like that, so that a right
        answer would be graded as wrong.

    Raises:
        Dropped: With what the verifier said.
    """
    extra: dict[str, object] = {
        "answer_type": gold.answer_type,
        "options": gold.options,
        "question": question,
        "precise_value": gold.precise_value,
    }
    own = _score(data_source, gold.text, gold.text, extra)
    if own["acc"] != 1.0:
        raise Dropped("gold_unusable" if own["rule"] == "bad_gold" else "gold_rejected", f"{gold.text} ({own['rule']})")
    if gold.answer_type == "latex" and _score(data_source, gold.text, PROBE, extra)["rule"] == "gold_unparsed":
        raise Dropped("gold_unreadable", gold.text)
    plausible = () if gold.answer_type == "choice" else plausible_answers(gold.text)
    if plausible and not any(_score(data_source, gold.text, answer, extra)["acc"] == 1.0 for answer in plausible):
        return (Remark("gold_only_verbatim", f"{gold.text}; not {' or '.join(plausible)}"),)
    return ()


def plausible_answers(gold: str) -> tuple[str, ...]:
    """What a solver would answer where a gold says more than the answer.

    Args:
        gold: The cleaned gold.

    Returns:
        The only number, the last formula, what follows on the only ``=``; nothing for a gold that is only words or only
        maths.
    """
    if not (_SAYS_MORE.search(_COMMAND.sub(" ", gold)) and _MATHS.search(gold)):
        return ()
    numbers, formulas = _NUMBER.findall(gold), _FORMULA.findall(gold)
    found = numbers if len(numbers) == 1 else []
    found += formulas[-1:]
    if len(re.findall("[=:]", gold)) == 1:
        found.append(re.split("[=:]", gold)[1].replace("$", ""))
    return tuple(dict.fromkeys(text for answer in found if (text := answer.strip()) and text != gold))


def _score(data_source: str, gold: str, answer: str, extra: dict[str, object]) -> Score:
    return compute_score(data_source, f"<think>.</think><answer>{answer}</answer>", gold, extra)
