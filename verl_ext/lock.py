# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""``python -m verl_ext.lock``: an earlier name of ``care lock``."""

import sys

from verl_ext.checks.lock import main

if __name__ == "__main__":
    sys.exit(main())
