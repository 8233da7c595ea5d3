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
"""Chemical formulae: compared letter by letter, whichever way their indices are set."""

from __future__ import annotations

import re

_ELEMENTS = frozenset(
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Ag Cd In Sn "
    "Sb Te I Xe Cs Ba W Pt Au Hg Pb Bi U".split()
)
_INDEX = re.compile(r"_\s*\{?\s*([0-9]{1,2})\s*\}?")
_CHARGE = re.compile(r"\^\s*\{?\s*([0-9]?[-+])\s*\}?$")
_ATOM = re.compile(r"([A-Z][a-z]?)([0-9]{0,2})")
_FORMULA = re.compile(r"([0-9]{0,2})((?:\(?[A-Z][a-z]?[0-9]{0,2}\)?[0-9]{0,2}){1,12})(\^[0-9]?[-+])?")
MOST_CHARACTERS = 60


def formula_key(text: str) -> str | None:
    """The formula in plain characters, as ``Fe2O3``.

    Args:
        text: A text in any spelling of indices.

    Returns:
        The key, or None where the text is no formula, or might as well be maths: ``AB``, ``V_1V_2``.
    """
    if len(text) > MOST_CHARACTERS:
        return None
    tight = re.sub(r"\s+", "", text)
    plain = _CHARGE.sub(r"^\1", _INDEX.sub(r"\1", tight))
    formula = _FORMULA.fullmatch(plain)
    if formula is None:
        return None
    atoms = _ATOM.findall(formula[2])
    indices = [index for _, index in atoms]
    is_product = tight.count("_") == len(atoms) or not (any(indices) or formula[3])
    has_small_letter = any(len(symbol) > 1 for symbol, _ in atoms)
    if not {symbol for symbol, _ in atoms} <= _ELEMENTS or (is_product and not has_small_letter):
        return None
    return plain if len(atoms) > 1 or has_small_letter else None
