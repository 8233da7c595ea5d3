# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What the comparisons of maths are given and what they come to."""

from __future__ import annotations

from dataclasses import dataclass, replace

from recipe.care.verifier.kinds.numbers import NumberPolicy


@dataclass(frozen=True)
class Finding:
    """What comparing two spelled texts came to."""

    same: bool | None
    """None where only the parser can tell."""
    rule: str


@dataclass(frozen=True)
class Terms:
    """What counts as the same for a row: how far numbers may differ, and what its question lets us assume."""

    numbers: NumberPolicy
    asks_for_ratio: bool = False
    any_order: bool = False

    def inside(self, numbers: int) -> Terms:
        """The terms for the parts of a gold that holds so many numbers."""
        return replace(self, numbers=self.numbers.inside(numbers))
