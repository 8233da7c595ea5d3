# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""``python -m recipe.cold_start.prepare_tiny``: an earlier name of ``care tiny-cold-start``."""

import sys

from recipe.tiny.cold_start import main

if __name__ == "__main__":
    sys.exit(main())
