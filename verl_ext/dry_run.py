# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""``python -m verl_ext.dry_run``: an earlier name of ``care dry-run``."""

import sys

from verl_ext.checks.dry_run import main

if __name__ == "__main__":
    sys.exit(main())
