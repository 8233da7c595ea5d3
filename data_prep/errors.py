# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What a user can put right: the text is one line and names the remedy."""

from recipe.care.errors import CareError


class InputError(CareError, ValueError):
    """The input, the output folder or an option cannot be used as it is."""
