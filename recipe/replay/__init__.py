# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What GRPO, DAPO, GSPO and CARE would each do with the rollouts of a run: on a CPU, from files that exist already.

===============  ============================================================
``records``      what a run with this package writes of each rollout
``dump``         from files to rollouts, verl's own and ours, step by step
``verdicts``     right or wrong, where a dump does not say
``questions``    the row of the training file behind a dumped prompt
``rows``         a step's rollouts as columns: lengths, distances
``embeddings``   what distances are measured with
``methods``      the methods that are compared unless others are named
``estimators``   registered estimators as methods
``summary``      what is counted
``terminal``     how it is shown
===============  ============================================================

Nothing here imports verl, Ray or vLLM.
"""
