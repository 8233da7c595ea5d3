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
