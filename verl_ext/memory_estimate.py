# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""``python -m verl_ext.memory_estimate``: an earlier name of ``care memory``."""

from verl_ext.checks.memory_estimate import main

if __name__ == "__main__":
    main()
