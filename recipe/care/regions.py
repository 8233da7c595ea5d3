# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Where rationale and answer lie, and how a row's advantage is spread over them: the public names of both."""

from recipe.care.method.credit import token_advantages
from recipe.care.text.regions import Regions, find_regions

__all__ = ["Regions", "find_regions", "token_advantages"]
