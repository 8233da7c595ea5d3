# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The tasks, one small file each. To add one, write its file and name it in ``TASKS``."""

from recipe.tiny.tasks.bars import Bars
from recipe.tiny.tasks.base import Question, Task
from recipe.tiny.tasks.compare import Compare
from recipe.tiny.tasks.count import Count
from recipe.tiny.tasks.count_add import CountAdd
from recipe.tiny.tasks.mixture import Mixture
from recipe.tiny.tasks.perimeter import Perimeter
from recipe.tiny.tasks.where import Where

FAMILIES: tuple[Task, ...] = (Count(), Bars(), Compare(), Perimeter(), Where(), CountAdd())
"""One for each role of the six benchmarks; a new family is one file and its name here."""
MIXED = Mixture("mixed", FAMILIES)
TASKS: dict[str, Task] = {task.name: task for task in (*FAMILIES, MIXED)}

__all__ = ["FAMILIES", "MIXED", "TASKS", "Question", "Task"]
