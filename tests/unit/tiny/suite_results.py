# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
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
