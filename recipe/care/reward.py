# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
r"""The verifier: right or wrong, for every data source the recipe trains on.

As verl's custom reward function::

    reward.custom_reward_function.path=pkg://recipe.care.reward
    reward.custom_reward_function.name=compute_score

in Python, ``compute_score("geometry3k", response, r"10\sqrt{3}")``; and for a file of predictions,
``python -m recipe.care.reward predictions.jsonl``.

It never raises on what a model wrote, never evaluates it as code, and takes bounded time and memory. It raises on what
a person wrote wrongly: an unknown data source, an unknown setting, a row whose fields have the wrong type.
"""

from recipe.care.verifier.parser.pool import start_in_ray_worker
from recipe.care.verifier.score import Score, compute_score
from recipe.care.verifier.sources import check_sources

__all__ = ["Score", "check_sources", "compute_score"]

start_in_ray_worker()

if __name__ == "__main__":
    import sys

    from recipe.care.verifier.cli import main

    sys.exit(main())
