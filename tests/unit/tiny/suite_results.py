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
"""Results of a made-up table, for the tests of the suite and of its page."""

import dataclasses

from recipe.tiny.suite.results import Look, Result
from recipe.tiny.suite.signal import RawAdvantages
from recipe.tiny.suite.tables import Method, Table

TABLE = Table("t", "Methods", (Method("base", "grpo"), Method("new", "care", ("++algorithm.care.k=2",))))
RAW = RawAdvantages(k_prime=2, subgroups=3, anchor=1.4, negative=-0.7)
VAL = "val-core/{}/acc/mean@1"


def result(method, seed, accuracy, tokens=20_000, **changes):
    (kind,) = [one for one in TABLE.methods if one.name == method]
    looks = (Look(0, 0, 0.5), Look(10, tokens, accuracy))
    plain = Result(
        method,
        kind.algorithm,
        kind.overrides,
        seed,
        "d",
        10,
        looks,
        {"a": accuracy},
        50.0,
        0.25,
        {"x": [1.0]},
        (0.5,) * 10,
        (0.1,) * 10,
        (RAW,),
        "abc",
    )
    return dataclasses.replace(plain, **changes)
