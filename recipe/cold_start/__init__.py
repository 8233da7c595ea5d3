# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Earlier names of what ``recipe.evaluation.held_out`` and ``recipe.tiny.cold_start`` do around a cold start."""
