# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""``python -m verl_ext.dry_run_sft``: an earlier name of ``care dry-run-sft``."""

import sys

from verl_ext.checks.dry_run_sft import main

if __name__ == "__main__":
    sys.exit(main())
