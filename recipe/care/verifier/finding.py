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
"""What the comparisons of maths are given and what they come to."""

from __future__ import annotations

from dataclasses import dataclass, replace

from recipe.care.verifier.numbers_agree import NumberPolicy


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
