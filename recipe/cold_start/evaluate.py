# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""``python -m recipe.cold_start.evaluate``: an earlier name of ``care evaluate-held-out``."""

import sys

from recipe.evaluation.held_out import main

if __name__ == "__main__":
    sys.exit(main())
