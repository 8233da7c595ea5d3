# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""CARE's row advantages: the public names of ``recipe.care.method.advantage``."""

from recipe.care.method.advantage import CareResult, Role, care_advantages

__all__ = ["CareResult", "Role", "care_advantages"]
