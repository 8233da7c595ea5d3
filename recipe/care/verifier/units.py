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
"""Units and magnitudes behind a number: recognised, compared by name, never converted."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SPELLINGS = {
    "mm": "mm millimeter millimetre",
    "cm": "cm cms centimeter centimetre",
    "dm": "dm decimeter decimetre",
    "m": "m meter metre",
    "km": "km kms kilometer kilometre",
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
    "N": "N newton",
    "Pa": "Pa pascal",
    "kPa": "kPa kilopascal",
    "MPa": "MPa megapascal",
    "eV": "eV",
    "kWh": "kWh",
    "J": "J joule",
    "kJ": "kJ kilojoule",
    "W": "W watt",
    "kW": "kW kilowatt",
    "V": "V volt",
    "A": "A amp ampere",
    "mA": "mA milliamp milliampere",
    "ohm": "Ω ohm",
    "kV": "kV kilovolt",
    "C": "C coulomb",
    "F": "F farad",
    "T": "T tesla",
    "K": "K kelvin",
    "mol": "mol mole",
    "mph": "mph",
    "rad": "rad radian",
    "deg": "°",
    "deg C": "°C °Celsius °celsius",
    "deg F": "°F °Fahrenheit °fahrenheit",
    "¤": "dollar usd euro eur",
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
# A counted noun may follow a number ("5 apples"); these words would make it another statement.
_OTHER_STATEMENTS = (
    "and are but else either for from had has have isn its less maybe more most neither nor not off once only other "
    "over per plus minus than the then thru times unless until versus was were with without half quarter dozen pairs "
    "squared cubed percent sin cos tan log exp sqrt frac none impossible undefined wrong"
)
_NOT_NOUNS = frozenset(_OTHER_STATEMENTS.split())
_DEGREES = r"°\s*(?:[CF](?![A-Za-z])|[Cc]elsius|[Ff]ahrenheit|(?![A-Za-z]))"
_WORD = r"[A-Za-zµΩ]+"
_POWER = r"(?:\s*\^\s*\{?\s*-?[1-3]\s*\}?|[23](?![0-9]))?"
_TAIL = re.compile(
    rf"(?<![A-Za-zµΩ\\^_])(?:{_DEGREES}|{_WORD}{_POWER}\.?(?:(?:\s*[/*]\s*|\s+){_WORD}{_POWER}\.?){{0,4}})$"
)
_TRIG = re.compile("sin|cos|tan|cot|sec|csc")  # the degrees in "sin 30°" are the angle's, not the value's unit
_PART = re.compile(rf"({_DEGREES}|{_WORD})({_POWER})\.?")
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
    if words and words[0][0] in MAGNITUDES and not words[0][1] and (len(words[0][0]) > 1 or not stands_apart):
        magnitude = MAGNITUDES[words[0][0]]
        words = words[1:]
    unit = _unit(words, separator="/" if re.search(r"/| per ", match.group()) else " ")
    if unit is None:
        nouns = [word for word, _ in words if word not in _PREFIX_POWERS and word not in ("of", "in")]
        if not stands_apart or any(len(noun) < 3 or noun.lower() in _NOT_NOUNS for noun in nouns):
            return None
        unit = ""
    return Tail(unit, magnitude, match.start())


def _unit(words: list[tuple[str, str]], separator: str) -> str | None:
    """The one name of a unit written as ``words``, "" for no words, None where a word is no unit."""
    names: list[str] = []
    prefix = ""
    for word, raw_power in words:
        power = re.sub(r"[\s^{}]", "", raw_power)
        if word.lower() in _PREFIX_POWERS:
            prefix = _PREFIX_POWERS[word.lower()]
        elif word.lower() in ("squared", "cubed") and names:
            names[-1] += "^2" if word.lower() == "squared" else "^3"
        else:
            name = _CANONICAL.get(word) or _CANONICAL.get(word.replace(" ", "")) or _CANONICAL.get(word.lower())
            if name is None:
                return None
            names.append(name + (f"^{power}" if power and power != "1" else prefix))
            prefix = ""
    return separator.join(names)
