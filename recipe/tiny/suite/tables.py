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
"""The tables: which methods are compared, and what sets each apart from the demo."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Method:
    """One line of a table.

    Attributes:
        name: What it is called.
        algorithm: ``ALGO`` of the demo script.
        overrides: verl overrides that make it this method.
    """

    name: str
    algorithm: str
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """Methods with one budget; the first is the baseline the others are paired with."""

    name: str
    title: str
    methods: tuple[Method, ...]

    def __post_init__(self) -> None:
        names = [method.name for method in self.methods]
        if len(set(names)) != len(names):
            raise ValueError(f"table {self.name}: two methods of the same name in {names}")


def _care(name: str, **settings: object) -> Method:
    """CARE with some of ``algorithm.care`` changed; ``__`` stands for the dot."""
    changed = (f"+algorithm.care.{key.replace('__', '.')}={value}" for key, value in settings.items())
    return Method(name, "care", tuple(changed))


NO_REPAIRS = _care("care without repairs", rgr__enable=False)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        Table("main", "Methods", (Method("grpo", "grpo"), NO_REPAIRS, _care("care"))),
        Table(
            "rgr",
            "What a repaired row trains, and which text a failed repair leaves",
            (
                NO_REPAIRS,
                _care("rewrite, reflected", rgr__target="rewrite", rgr__on_fail="reflected"),
                _care("rewrite, original", rgr__target="rewrite", rgr__on_fail="original"),
                _care("continue, reflected", rgr__target="continue", rgr__on_fail="reflected"),
                _care("continue, original", rgr__target="continue", rgr__on_fail="original"),
            ),
        ),
    )
}
