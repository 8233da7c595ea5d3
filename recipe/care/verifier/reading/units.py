# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Units and magnitudes behind a number: recognised, compared by name, never converted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from recipe.care.verifier.reading.boxes import DOUBT

_SPELLINGS = {
    "mm": "mm millimeter millimetre",
    "cm": "cm cms centimeter centimetre",
    "dm": "dm decimeter decimetre",
    "m": "m meter metre",
    "km": "km kms kilometer kilometre",
    "μm": "μm µm micrometer micrometre micron",
    "μs": "μs µs microsecond",
    "μg": "μg µg microgram",
    "μC": "μC µC microcoulomb",
    "μF": "μF µF microfarad",
    "μA": "μA µA microamp microampere",
    "nm": "nm nanometer nanometre",
    "ha": "ha hectare",
    "in": "in inch inches",
    "ft": "ft foot feet",
    "yd": "yd yds yard",
    "mi": "mi mile",
    "mg": "mg milligram",
    "g": "g gram",
    "kg": "kg kgs kilogram",
    "t": "t ton tonne",
    "lb": "lb lbs pound",
    "oz": "oz ounce",
    "ml": "ml mL milliliter millilitre",
    "l": "l L liter litre",
    "ms": "ms millisecond",
    "s": "s sec secs second",
    "min": "min mins minute",
    "h": "h hr hrs hour",
    "day": "day",
    "week": "week",
    "month": "month",
    "year": "year yr yrs",
    "Hz": "Hz hertz",
    "kHz": "kHz kilohertz",
    "MHz": "MHz megahertz",
    "dB": "dB decibel",
    "N": "N newton",
    "kN": "kN kilonewton",
    "Pa": "Pa pascal",
    "kPa": "kPa kilopascal",
    "MPa": "MPa megapascal",
    "eV": "eV",
    "kWh": "kWh",
    "J": "J joule",
    "kJ": "kJ kilojoule",
    "W": "W watt",
    "kW": "kW kilowatt",
    "MW": "MW megawatt",
    "GW": "GW gigawatt",
    "kB": "kB KB kilobyte",
    "MB": "MB megabyte",
    "GB": "GB gigabyte",
    "TB": "TB terabyte",
    "V": "V volt",
    "A": "A amp ampere",
    "mA": "mA milliamp milliampere",
    "ohm": "Ω ohm",
    "kohm": "kΩ kiloohm kilohm",
    "Mohm": "MΩ megaohm megohm",
    "kV": "kV kilovolt",
    "C": "C coulomb",
    "F": "F farad",
    "T": "T tesla",
    "K": "K kelvin",
    "mol": "mol mole",
    "mi/h": "mph",
    "rad": "rad radian",
    "deg": "°",
    "deg C": "°C °Celsius °celsius",
    "deg F": "°F °Fahrenheit °fahrenheit",
    "¤": "dollar usd euro eur Rs INR RMB",
    "cent": "cent",
}
_CANONICAL = {
    alias: unit
    for unit, spellings in _SPELLINGS.items()
    for spelling in spellings.split()
    for alias in (spelling, *((f"{spelling}s",) if len(spelling) > 3 else ()))
}
MAGNITUDES = {
    "hundred": 10**2,
    "thousand": 10**3,
    "million": 10**6,
    "billion": 10**9,
    "trillion": 10**12,
    "k": 10**3,
    "K": 10**3,
    "M": 10**6,
    "mn": 10**6,
    "mln": 10**6,
    "bn": 10**9,
    "B": 10**9,
}
# Without a space before them these are products or segments: ``2nm``, ``2GB``.
_STAND_APART = frozenset(("nm", "ha", "MW", "GW", "KB", "MB", "GB", "TB"))
# A counted noun may follow a number ("5 apples"); these words would make it another statement.
_OTHER_STATEMENTS = (
    "and are but else either for from had has have isn its less maybe more most neither nor not off once only other "
    "over per plus minus than the then thru times unless until versus was were with without half quarter dozen pairs "
    "squared cubed percent sin cos tan log exp sqrt frac none impossible undefined wrong incorrect true false perhaps "
    "excluded possibly probably likely unlikely zero one two three four five six seven eight nine ten eleven twelve"
)
_NOT_NOUNS = frozenset(_OTHER_STATEMENTS.split())
# Words of one side say the opposite of the other's: a number with one is not the same number with the other.
_OPPOSITES = tuple(
    (frozenset(one.split()), frozenset(other.split()))
    for one, other in (
        (
            "increase increased increases rise rose growth grew gain gained profit surplus upward upwards above higher",
            "decrease decreased decreases decline declined fall fell drop dropped reduction reduced loss lost deficit "
            "down downward downwards below lower",
        ),
        (
            "larger bigger greater taller longer heavier older faster warmer hotter",
            "smaller shorter lighter younger slower colder cooler",
        ),
        ("clockwise", "counterclockwise anticlockwise"),
        ("left leftward leftwards", "right rightward rightwards"),
        ("north northward northwards", "south southward southwards"),
        ("east eastward eastwards", "west westward westwards"),
        ("forward forwards inward inwards inside", "backward backwards outward outwards outside"),
        ("ago earlier before", "later after hence"),
        ("positive", "negative"),
    )
)
_EMPTY_WORDS = (
    "unit square cubic people person piece item thing one object total number point degree way each all altogether"
)
_NAMES_NOTHING = frozenset(_EMPTY_WORDS.split())
"""Words, in the singular, that say nothing about what is counted."""
_DEGREES = r"°\s*(?:[CF](?![A-Za-z])|[Cc]elsius|[Ff]ahrenheit|(?![A-Za-z]))"
_WORD = r"[A-Za-zµμΩ]+"
_POWER = r"(?:\s*\^\s*\{?\s*-?[1-3]\s*\}?|[23](?![0-9]))?"
_TAIL = re.compile(
    rf"(?<![A-Za-zµμΩ\\^_])(?:{_DEGREES}|{_WORD}{_POWER}\.?(?:(?:\s*[/*]\s*|\s+){_WORD}{_POWER}\.?){{0,4}})$"
)
_TRIG = re.compile("sin|cos|tan|cot|sec|csc")  # the degrees in "sin 30°" are the angle's, not the value's unit
_PART = re.compile(rf"(/?)\s*({_DEGREES}|{_WORD})({_POWER})\.?")
_PREFIX_POWERS = {"square": "^2", "sq": "^2", "cubic": "^3", "cu": "^3"}


@dataclass(frozen=True)
class Tail:
    """What followed a number."""

    unit: str
    """The unit's one name; empty for none, or for a counted noun."""
    magnitude: int
    """1, or the factor that a word such as "million" stands for."""
    start: int
    """Index in the text where it begins."""
    nouns: frozenset[str] = frozenset()
    """The words that are no unit, in small letters."""


NO_TAIL = Tail("", 1, -1)


def find_tail(text: str) -> Tail | None:
    """Read the words at the end of ``text`` as a unit, a magnitude, or a counted noun.

    Args:
        text: A spelled text.

    Returns:
        What was found (``NO_TAIL`` if the text ends in none of these), or None where the last words are something else,
        so that the text is no number.
    """
    match = _TAIL.search(text)
    if match is None or match.start() == 0 or match.group() == "e" or (match.group() == "°" and _TRIG.search(text)):
        return NO_TAIL
    stands_apart = match.start() > 0 and text[match.start() - 1] == " "
    words = _PART.findall(match.group().replace(" per ", " / "))
    magnitude = 1
    if words and words[0][1] in MAGNITUDES and not words[0][2] and (len(words[0][1]) > 1 or not stands_apart):
        magnitude = MAGNITUDES[words[0][1]]
        words = words[1:]
    unit = _unit(words, stands_apart)
    if unit is not None:
        return Tail(unit, magnitude, match.start())
    nouns = [word.lower() for _, word, _ in words if word not in _PREFIX_POWERS and word not in ("of", "in")]
    if not stands_apart or DOUBT.search(match.group()) or any(len(noun) < 3 or noun in _NOT_NOUNS for noun in nouns):
        return None
    return Tail("", magnitude, match.start(), frozenset(nouns))


def differ(nouns: Iterable[str], others: Iterable[str]) -> bool:
    """Whether the words behind two numbers speak of different things.

    Each side may leave words out: 5 balls may be 5 red balls, but 5 red balls are not 5 blue ones. Words such as
    "units" name nothing, and of two directions one is the opposite of the other: a 20% increase, a 20% decrease.

    Args:
        nouns: The words of one side, in small letters.
        others: The words of the other.

    Returns:
        True where neither side's words contain the other's.
    """
    some, rest = ({_meaning(noun) for noun in side} for side in (nouns, others))
    some, rest = ({meaning for meaning in side if meaning not in _NAMES_NOTHING} for side in (some, rest))
    return not (some <= rest or rest <= some)


def _meaning(noun: str) -> str:
    """The singular, or the first of the words that say the same of a direction."""
    for one, other in _OPPOSITES:
        for group in (one, other):
            if noun in group:
                return min(group)
    for ending, singular in (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch"), ("shes", "sh"), ("ss", "ss")):
        if noun.endswith(ending):
            return noun.removesuffix(ending) + singular
    return noun.removesuffix("s")


def _unit(words: list[tuple[str, str, str]], stands_apart: bool) -> str | None:
    """The one name of a unit written as ``words``, "" for no words, None where a word is no unit."""
    above: list[str] = []
    below: list[str] = []
    prefix, names = "", above
    for slash, word, raw_power in words:
        names = below if slash else names
        power = re.sub(r"[\s^{}]", "", raw_power)
        if word.lower() in _PREFIX_POWERS:
            prefix = _PREFIX_POWERS[word.lower()]
        elif word.lower() in ("squared", "cubed") and names:
            names[-1] += "^2" if word.lower() == "squared" else "^3"
        elif word == "ms" and power.startswith("-"):  # nobody counts per millisecond
            above.append("m")
            below.append(_with_power("s", power[1:]))
        else:
            name = _CANONICAL.get(word.replace(" ", "")) or _CANONICAL.get(word.lower())
            if name is None or (word in _STAND_APART and not stands_apart):
                return None
            turned = power.startswith("-") and names is above
            (below if turned else names).append(_with_power(name, power[1:] if turned else power) + prefix)
            prefix = ""
    return "/".join((" ".join(above), *below))


def _with_power(name: str, power: str) -> str:
    return f"{name}^{power}" if power not in ("", "1") else name
