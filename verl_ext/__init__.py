# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Everything of CARE that touches verl, Ray or vLLM. The algorithm itself is in ``recipe.care`` and knows none of them.

verl finds this package through the ``verl.plugins`` entry point (``verl_ext.plugin``); nothing here is imported by
hand in a training run.
"""
