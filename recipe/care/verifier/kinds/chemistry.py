# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Chemical formulae: compared letter by letter, whichever way their indices are set."""

from __future__ import annotations

import re

_SYMBOLS = (
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Ag Cd In Sn "
    "Sb Te I Xe Cs Ba W Pt Au Hg Pb Bi U"
)
_ELEMENTS = frozenset(_SYMBOLS.split())
_INDEX = re.compile(r"_\s*\{?\s*([0-9]{1,2})\s*\}?")
_CHARGE = re.compile(r"\^\s*\{?\s*([0-9]?[-+])\s*\}?$")
_ATOM = re.compile(r"([A-Z][a-z]?)([0-9]{0,2})")
_FORMULA = re.compile(r"([0-9]{0,2})((?:\(?[A-Z][a-z]?[0-9]{0,2}\)?[0-9]{0,2}){1,12})(\^[0-9]?[-+])?")
MOST_CHARACTERS = 60


def formula_key(text: str) -> str | None:
    """The formula in plain characters, as ``Fe2O3``; None where the text cannot be one.

    Args:
        text: A text in any spelling of indices.

    Returns:
        The key; also for what may be maths as well, such as ``V_1V_2``: see ``is_formula``.
    """
    if len(text) > MOST_CHARACTERS:
        return None
    plain = _CHARGE.sub(r"^\1", _INDEX.sub(r"\1", _without_spaces(text)))
    formula = _FORMULA.fullmatch(plain)
    return plain if formula and {symbol for symbol, _ in _ATOM.findall(formula[2])} <= _ELEMENTS else None


def is_formula(text: str) -> bool:
    """Whether a text is certainly chemistry: an element of two letters, or atoms of which only some have an index."""
    key = formula_key(text)
    if key is None:
        return False
    atoms = _ATOM.findall(key.partition("^")[0])
    if any(len(symbol) > 1 for symbol, _ in atoms):
        return True
    has_index = any(index for _, index in atoms) or "^" in key
    return len(atoms) > 1 and has_index and _without_spaces(text).count("_") != len(atoms)


def _without_spaces(text: str) -> str:
    return re.sub(r"\s+", "", text)
