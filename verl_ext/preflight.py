# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""``python -m verl_ext.preflight``: an earlier name of ``care preflight``."""

import sys

from verl_ext.checks.preflight import main

if __name__ == "__main__":
    sys.exit(main())
